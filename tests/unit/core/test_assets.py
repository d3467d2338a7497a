"""Assets: which updates a success makes, and which runs they lead to."""

from __future__ import annotations

from typing import Any

import pytest

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
from millstream.core.commands import EmitAssetEvent, SetDagPaused
from millstream.core.errors import Refused
from millstream.core.event_parts import AssetEmission
from millstream.core.events import AssetUpdated, Event, RunCreated
from millstream.core.spec import EmptyAction, MapSource
from millstream.core.timetable import AssetOrTimeSchedule, AssetSchedule, schedule_of
from shard import Shard, dag, dump, fold, task

A, B, C = (AssetRef(name=name, uri=f"s3://lake/{name}") for name in "abc")


class Lake(Shard):
    """A shard in which assets are updated from outside."""

    def waits(self, condition: AssetCondition, dag_id: str = "reader") -> None:
        schedule = AssetSchedule(condition=condition)
        self.submit(dag(task("read"), dag_id=dag_id, schedule=schedule))

    def knows(self, *refs: AssetRef) -> None:
        self.submit(dag(task("w", outlets=refs), dag_id="writer"))

    def emit(self, name: str = "", **options: Any) -> list[Event]:
        return self.handle(EmitAssetEvent(id=self.id(), namespace="default", name=name, **options))


def created(events: list[Event]) -> list[tuple[str, tuple[int, ...]]]:
    """The DAG and the asset updates of each run that was created."""
    return [
        (event.where.dag_id, event.data.asset_events)
        for event in events
        if isinstance(event.data, RunCreated)
    ]


def updates(events: list[Event]) -> list[AssetUpdated]:
    return [event.data for event in events if isinstance(event.data, AssetUpdated)]


def test_an_update_starts_a_run_of_who_waits_for_it() -> None:
    lake = Lake()
    lake.waits(A)
    events = lake.emit("a", extra={"rows": 3})
    run = next(event for event in events if isinstance(event.data, RunCreated))
    assert events[0].data == AssetUpdated(name="a", uri="s3://lake/a", extra={"rows": 3})
    assert run.where.run_id == f"asset_triggered__{lake.now.isoformat()}"
    assert isinstance(run.data, RunCreated)
    assert (run.data.run_type, run.data.triggered_by) == ("asset_triggered", "asset")
    assert (run.data.logical_date, run.data.data_interval_start) == (None, None)
    assert run.data.asset_events == (events[0].position,)


def test_all_of_waits_for_each_and_takes_all_that_was_seen() -> None:
    lake = Lake()
    lake.waits(AllOf(parts=(A, AnyOf(parts=(B, C)))))
    seen = [lake.emit("a")[0].position, lake.emit("a")[0].position]
    events = lake.emit("c")
    assert created(events) == [("reader", (*seen, events[0].position))]
    assert not created(lake.emit("c"))
    assert created(lake.emit("a"))


def test_what_nobody_waits_for_starts_nothing() -> None:
    lake = Lake()
    lake.waits(A)
    lake.knows(B)
    assert not created(lake.emit("b"))


def test_an_asset_is_found_by_its_uri_and_a_condition_may_name_only_that() -> None:
    lake = Lake()
    lake.knows(A)
    lake.waits(AssetRef(uri="s3://lake/a"), "by_uri")
    lake.waits(AssetRef(name="a"), "by_name")
    assert [name for name, _ in created(lake.emit(uri="s3://lake/a"))] == ["by_name", "by_uri"]


@pytest.mark.parametrize(
    ("options", "hint"), [({"name": "aa"}, "did you mean 'a'"), ({"name": "a", "uri": "x"}, "'a'")]
)
def test_an_asset_that_no_dag_names_is_refused(options: dict[str, str], hint: str) -> None:
    lake = Lake()
    lake.knows(A)
    before = dump(lake.state)
    with pytest.raises(Refused, match=hint) as refused:
        lake.emit(**options)
    assert refused.value.reason == "ASSET_NOT_FOUND"
    assert dump(lake.state) == before


def test_a_success_updates_each_outlet_with_its_extra() -> None:
    lake = Lake()
    lake.begin(dag(task("write", outlets=(A, B))))
    emitted = (AssetEmission(name="b", uri=B.uri, extra={"rows": 1}),)
    done = lake.succeed("write", assets=emitted)
    assert updates(done) == [
        AssetUpdated(name="a", uri=A.uri),
        AssetUpdated(name="b", uri=B.uri, extra={"rows": 1}),
    ]
    assert [event.where.task_id for event in done if isinstance(event.data, AssetUpdated)] == [
        "write",
        "write",
    ]


def test_a_task_without_a_worker_updates_its_outlets_and_a_failure_does_not() -> None:
    lake = Lake()
    spec = dag(task("write", outlets=(A,)), task("mark", outlets=(B,), action=EmptyAction()))
    assert [data.name for data in updates(lake.begin(spec))] == ["b"]
    assert not updates(lake.fail("write"))


def test_two_outlets_of_one_success_make_one_run() -> None:
    lake = Lake()
    lake.waits(AnyOf(parts=(A, B)))
    lake.begin(dag(task("write", outlets=(A, B))))
    done = lake.succeed("write")
    positions = tuple(e.position for e in done if isinstance(e.data, AssetUpdated))
    assert created(done) == [("reader", positions)]


def test_an_alias_means_what_was_attached_to_it() -> None:
    lake = Lake()
    lake.waits(AliasRef(name="daily"))
    lake.begin(dag(task("write", outlets=(AliasRef(name="daily"), AliasRef(name="other")))))
    emitted = (
        AssetEmission(name="a", uri=A.uri, extra={"n": 1}, alias="daily"),
        AssetEmission(name="a", uri=A.uri, extra={"n": 1}, alias="other"),
        AssetEmission(name="b", uri=B.uri, alias="not declared"),
    )
    done = lake.succeed("write", assets=emitted)
    assert updates(done) == [
        AssetUpdated(name="a", uri=A.uri, extra={"n": 1}, aliases=("daily", "other"))
    ]
    assert [name for name, _ in created(done)] == ["reader"]
    # From now on the alias waits for the asset itself.
    assert [name for name, _ in created(lake.emit("a"))] == ["reader"]


def test_a_new_version_waits_anew_but_keeps_what_it_saw() -> None:
    lake = Lake()
    lake.knows(A, B, C)
    lake.waits(AllOf(parts=(A, B)))
    seen = lake.emit("a")[0].position
    lake.waits(AllOf(parts=(A, C)))
    assert not created(lake.emit("b"))
    events = lake.emit("c")
    assert created(events) == [("reader", (seen, events[0].position))]
    lake.submit(dag(task("read"), dag_id="reader"))
    assert not created(lake.emit("a")) + created(lake.emit("c"))


def test_a_paused_dag_sees_no_updates() -> None:
    lake = Lake()
    lake.waits(AllOf(parts=(A, B)))
    lake.knows(A, B)
    lake.handle(SetDagPaused(id=lake.id(), namespace="default", dag_id="reader", is_paused=True))
    lake.emit("a")
    lake.handle(SetDagPaused(id=lake.id(), namespace="default", dag_id="reader", is_paused=False))
    assert not created(lake.emit("b"))
    assert created(lake.emit("a"))
    assert fold(lake.log).assets == lake.state.assets


def test_assets_or_time() -> None:
    lake = Lake()
    schedule = AssetOrTimeSchedule(time=schedule_of("@daily"), condition=A)  # type: ignore[arg-type]
    lake.submit(dag(task("read"), dag_id="reader", schedule=schedule))
    assert created(lake.emit("a"))


def test_the_fold_of_the_log_waits_as_the_live_state_does() -> None:
    lake = Lake()
    lake.waits(AllOf(parts=(A, B)))
    lake.knows(A, B, C)
    lake.emit("a")
    assert fold(lake.log).assets == lake.state.assets
    lake.emit("b")
    assert fold(lake.log).assets == lake.state.assets


def test_a_run_ends_after_the_updates_of_its_last_tasks() -> None:
    shard = Shard()
    three = (MapSource(length=3),)
    spec = dag(task("a", action=EmptyAction(), mapped_over=three, outlets=(AssetRef(name="x"),)))
    shard.submit(spec)
    kinds = [type(event.data).__name__ for event in shard.trigger()]
    assert kinds[-4:] == ["AssetUpdated"] * 3 + ["RunSucceeded"]
