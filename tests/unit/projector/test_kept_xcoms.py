"""XComs in memory are found as a scan over all of them would find them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from millstream.core.xcoms import MapIndex, Place, XComQuery
from millstream.projection.kept_xcoms import KeptXComs
from millstream.projection.rows import XComRow

PATHS = st.one_of(st.just(()), st.lists(st.integers(0, 12), min_size=2, max_size=2).map(tuple))


def row(task_id: str, path: MapIndex, key: str) -> XComRow:
    return XComRow(
        namespace="default",
        dag_id="d",
        run_id="r",
        task_id=task_id,
        map_index=path,
        key=key,
        value="1",
        blob="",
        size=1,
        codec="",
        attempt=1,
        position=1,
    )


@given(
    st.lists(st.tuples(st.sampled_from("ab"), PATHS, st.sampled_from("kl"), st.booleans())),
    st.lists(st.integers(0, 12), max_size=2).map(tuple),
    st.booleans(),
    st.none() | PATHS,
)
def test_find(
    steps: list[tuple[str, MapIndex, str, bool]],
    prefix: MapIndex,
    under: bool,
    after: MapIndex | None,
) -> None:
    kept = KeptXComs()
    model: dict[tuple[str, MapIndex, str], XComRow] = {}
    for task_id, path, key, is_pushed in steps:
        if bool(path) != (task_id == "b"):  # a task is mapped or not
            continue
        if is_pushed:
            model[task_id, path, key] = row(task_id, path, key)
            kept.put(model[task_id, path, key])
        else:
            popped = {xcom.key for xcom in kept.pop(task_id, path)}
            gone = [name for name in model if name[:2] == (task_id, path)]
            assert popped == {name[2] for name in gone}
            for name in gone:
                del model[name]
    queries = tuple(XComQuery(task_id, "k", prefix, under) for task_id in "ab")
    expected = [
        (number, xcom)
        for number, query in enumerate(queries)
        for (task_id, path, key), xcom in sorted(model.items())
        if (task_id, key) == (query.task_id, "k")
        and (path[: len(prefix)] == prefix if under else path == prefix)
        and (after is None or (number, path) > (0, after))
    ]
    place = None if after is None else Place(0, after)
    assert list(kept.find(queries, place)) == expected
