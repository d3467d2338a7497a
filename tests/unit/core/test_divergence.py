"""Where two runs part: planted differences are found, and no others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from millstream.core.divergence import Difference, Outline, compare
from millstream.core.event_parts import Choice, XCom
from millstream.core.spec import DagSpec, MapSource
from shard import Shard, dag, task

Play = Callable[[Shard], None]


def xcom(value: object) -> dict[str, XCom]:
    text = msgspec.json.encode(value)
    length = len(value) if isinstance(value, list) else -1
    return {"return_value": XCom(value=msgspec.Raw(text), size=len(text), length=length)}


def played(spec: DagSpec, play: Play, **options: Any) -> Outline:
    shard = Shard()
    shard.submit(spec)
    shard.trigger(**options)
    play(shard)
    outline = Outline()
    for event in shard.log:
        if event.where.run_id:
            outline.add(event)
    return outline


def difference(spec: DagSpec, one: Play, other: Play, other_spec: DagSpec | None = None) -> Any:
    return compare(played(spec, one), played(other_spec or spec, other), spec, other_spec or spec)


DIAMOND = dag(
    task("a"), task("b", "a", retries=1), task("c", "a"), task("d", "b", "c"), task("alone")
)


def good(shard: Shard) -> None:
    for name in ("a", "b", "c", "d", "alone"):
        shard.succeed(name, xcoms=xcom(name))


def first(found: Difference) -> tuple[str, str]:
    return found.divergences[0].task_id, found.divergences[0].kind


def test_two_runs_that_did_the_same_in_another_order() -> None:
    def other(shard: Shard) -> None:
        for name in ("alone", "a", "c", "b", "d"):
            shard.start(name, token="u")
            shard.succeed(name, token="u", xcoms=xcom(name))

    found = difference(DIAMOND, good, other)
    assert found == Difference((), (), (), None, ())


@pytest.mark.parametrize("name", ["a", "b", "c", "d", "alone"])
def test_another_value_anywhere_is_found_where_it_is(name: str) -> None:
    def other(shard: Shard) -> None:
        for each in ("a", "b", "c", "d", "alone"):
            shard.succeed(each, xcoms=xcom("other" if each == name else each))

    found = difference(DIAMOND, good, other)
    assert [first(found), found.outcome, len(found.divergences)] == [(name, "result"), None, 1]
    assert "other" in found.divergences[0].other


def test_what_follows_from_a_divergence_is_not_the_first_one() -> None:
    """`alone` parts later in time, `d` below `b`: the first is `b`, though all differ."""

    def other(shard: Shard) -> None:
        shard.succeed("a", xcoms=xcom("a"))
        shard.succeed("c", xcoms=xcom("c"))
        shard.fail("b", message="no disk")
        shard.retry("b")
        shard.fail("b", 2, message="no disk")
        shard.fail("alone")

    found = difference(DIAMOND, good, other)
    assert [(one.task_id, one.is_first) for one in found.divergences] == [
        ("b", True),
        ("alone", True),
        ("d", False),
    ]
    assert found.outcome == found.divergences[0]
    assert "no disk" in found.divergences[0].other


def test_a_second_attempt_is_a_divergence() -> None:
    def other(shard: Shard) -> None:
        shard.succeed("a", xcoms=xcom("a"))
        shard.fail("b")
        shard.retry("b")
        shard.succeed("b", 2, xcoms=xcom("b"))
        for name in ("c", "d", "alone"):
            shard.succeed(name, xcoms=xcom(name))

    found = difference(DIAMOND, good, other)
    assert first(found) == ("b", "outcome")
    assert len(found.divergences) == 1


def test_a_value_above_an_outcome() -> None:
    """The first of all is the value; the first outcome is said besides."""

    def other(shard: Shard) -> None:
        shard.succeed("a", xcoms=xcom("other"))
        shard.succeed("b", xcoms=xcom("b"))
        shard.fail("c")
        shard.succeed("alone", xcoms=xcom("alone"))

    found = difference(DIAMOND, good, other)
    assert first(found) == ("a", "result")
    assert found.outcome is not None
    assert (found.outcome.task_id, found.outcome.is_first) == ("c", True)


def test_a_branch_that_chose_otherwise() -> None:
    spec = dag(task("choose"), task("left", "choose"), task("right", "choose"))

    def chosen(name: str) -> Play:
        def play(shard: Shard) -> None:
            shard.succeed("choose", choice=Choice(follow=(name,)))
            shard.succeed(name)

        return play

    found = difference(spec, chosen("left"), chosen("right"))
    assert first(found) == ("choose", "outcome")
    assert {one.task_id for one in found.divergences} == {"choose", "left", "right"}


def test_a_mapped_task_with_another_length_and_one_bad_instance() -> None:
    spec = dag(task("list"), task("each", "list", mapped_over=(MapSource(task_id="list"),)))

    def mapped(length: int, bad: int) -> Play:
        def play(shard: Shard) -> None:
            shard.succeed("list", xcoms=xcom(list(range(length))))
            for index in range(length):
                end = shard.fail if index == bad else shard.succeed
                end("each", map_index=(index,))

        return play

    found = difference(spec, mapped(3, -1), mapped(3, 1))
    assert [(one.task_id, one.map_index) for one in found.divergences] == [("each", (1,))]
    found = difference(spec, mapped(3, -1), mapped(4, -1))
    assert first(found) == ("list", "result")
    kinds = {(one.task_id, one.map_index): one.kind for one in found.divergences}
    assert kinds["each", (3,)] == "extra"
    assert kinds["each", ()] == "outcome"


def test_another_version_and_other_inputs() -> None:
    spec = dag(task("a"), task("b", "a"))
    other_spec = dag(task("a", queue="gpu"), task("new", "a"))

    def both(shard: Shard) -> None:
        shard.succeed("a")
        shard.succeed("b" if "b" in shard.ended_as() else "new")

    one, other = played(spec, both, conf={"n": 1, "m": 1}), played(other_spec, both, conf={"n": 2})
    found = compare(one, other, spec, other_spec)
    assert [(each.name, each.one, each.other) for each in found.inputs] == [
        ("conf.n", "1", "2"),
        ("conf.m", "1", "not there"),
    ]
    assert {each.name for each in found.changed} == {"a", "b", "new"}
    assert {one.task_id: one.kind for one in found.divergences} == {"b": "missing", "new": "extra"}


def test_two_runs_of_a_thousand_tasks() -> None:
    """A planted divergence in the middle of a chain is the first one."""
    spec = dag(task("t0"), *(task(f"t{n}", f"t{n - 1}") for n in range(1, 1000)))

    def chain(bad: int) -> Play:
        def play(shard: Shard) -> None:
            for number in range(1000):
                if number == bad:
                    shard.fail(f"t{number}")
                    return
                shard.succeed(f"t{number}", xcoms=xcom(number))

        return play

    found = difference(spec, chain(-1), chain(500))
    assert first(found) == ("t500", "outcome")
    assert len(found.divergences) == 500
    assert [one.is_first for one in found.divergences] == [True] + [False] * 499
