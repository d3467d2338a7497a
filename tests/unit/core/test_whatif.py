"""The recorded outcomes of a run against another version of its DAG."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import msgspec
import pytest

from millstream.core.errors import Refused
from millstream.core.event_parts import Choice, XCom
from millstream.core.spec import DagSpec, MapSource, TriggerRule
from millstream.core.whatif import Answer, play, record
from shard import Shard, dag, task


def recorded(spec: DagSpec, happened: Callable[[Shard], None]) -> Shard:
    shard = Shard()
    shard.begin(spec)
    happened(shard)
    return shard


def what(shard: Shard, spec: DagSpec, most: int = 10_000) -> Answer:
    events = [event for event in shard.log if event.where.run_id]
    return play(record(events), "default", spec, most)


def kinds(answer: Answer) -> dict[str, str]:
    return {
        each.task_id + "".join(f"[{index}]" for index in each.map_index): each.kind
        for each in answer.tasks
    }


def expected(answer: Answer) -> dict[str, str]:
    return {each.task_id: each.expected for each in answer.tasks}


CHAIN = dag(task("a"), task("b", "a"), task("c", "b"))


def failed(shard: Shard) -> None:
    shard.succeed("a")
    shard.fail("b")


def test_against_its_own_version_all_is_as_it_was() -> None:
    answer = what(recorded(CHAIN, failed), CHAIN)
    assert answer.state == "failed"
    assert kinds(answer) == {"a": "same", "b": "same", "c": "same"}
    assert not any(each.is_assumed for each in answer.tasks)


def test_another_trigger_rule_lets_a_task_run_that_could_not() -> None:
    other = dag(task("a"), task("b", "a"), task("c", "b", trigger_rule=TriggerRule.ALL_DONE))
    answer = what(recorded(CHAIN, failed), other)
    assert answer.state == "success"
    (changed,) = [each for each in answer.tasks if each.kind != "same"]
    assert (changed.task_id, changed.kind) == ("c", "changed")
    assert (changed.recorded, changed.expected) == ("upstream_failed", "success")
    assert changed.is_assumed, "nobody knows what it would have done"
    assert changed.expected_order == 3


def test_fewer_retries_than_the_run_needed() -> None:
    spec = dag(task("a", retries=2), task("b", "a"))

    def twice(shard: Shard) -> None:
        shard.fail("a")
        shard.retry("a")
        shard.succeed("a", 2)
        shard.succeed("b")

    shard = recorded(spec, twice)
    assert what(shard, spec).state == "success"
    answer = what(shard, dag(task("a"), task("b", "a")))
    assert answer.state == "failed"
    assert expected(answer) == {"a": "failed", "b": "upstream_failed"}
    assert "a" in answer.reason or "b" in answer.reason


def test_new_tasks_and_tasks_that_are_gone() -> None:
    other = dag(task("a"), task("new", "a"), task("b", "new"))
    answer = what(recorded(CHAIN, failed), other)
    assert kinds(answer) == {"a": "same", "new": "new", "b": "same", "c": "gone"}
    assert [each.task_id for each in answer.tasks if each.is_assumed] == ["new"]


def test_a_branch_keeps_its_choice_and_forgets_what_is_not_there() -> None:
    spec = dag(task("choose"), task("left", "choose"), task("right", "choose"))

    def left(shard: Shard) -> None:
        shard.succeed("choose", choice=Choice(follow=("left",)))
        shard.succeed("left")

    shard = recorded(spec, left)
    assert kinds(what(shard, spec)) == dict.fromkeys(("choose", "left", "right"), "same")
    answer = what(shard, dag(task("choose"), task("right", "choose")))
    assert expected(answer)["right"] == "skipped"


def test_mapped_tasks() -> None:
    spec = dag(task("list"), task("each", "list", mapped_over=(MapSource(task_id="list"),)))

    def mapped(shard: Shard) -> None:
        items = XCom(value=msgspec.Raw(b"[1,2,3]"), size=7, length=3)
        shard.succeed("list", xcoms={"return_value": items})
        for index in range(3):
            (shard.fail if index == 1 else shard.succeed)("each", map_index=(index,))

    shard = recorded(spec, mapped)
    answer = what(shard, spec)
    assert set(kinds(answer).values()) == {"same"}
    assert answer.state == "failed"
    answer = what(shard, dag(task("list"), task("each", "list")))
    assert kinds(answer)["each[1]"] == "gone"


def test_time_is_that_of_the_recorded_tries() -> None:
    spec = dag(task("a"), task("b"), task("c", "a", "b"))

    def slow(shard: Shard) -> None:
        for name, seconds in (("a", 10), ("b", 20), ("c", 5)):
            shard.succeed(name, ended_at=shard.now + timedelta(seconds=seconds))

    answer = what(recorded(spec, slow), spec)
    assert answer.seconds == pytest.approx(25, abs=0.01)
    answer = what(recorded(spec, slow), dag(task("a"), task("b", "a"), task("c", "b")))
    assert answer.seconds == pytest.approx(35, abs=0.01)
    order = {each.task_id: each.expected_order for each in answer.tasks}
    assert order == {"a": 1, "b": 2, "c": 3}


def test_pools_and_the_past_hold_nothing_up() -> None:
    other = dag(
        task("a", pool="nobody made it", depends_on_past=True),
        task("b", "a", pool_slots=500),
        max_active_tasks=1,
        schedule="@daily",
    )
    assert what(recorded(CHAIN, failed), other).state == "failed"


def test_what_was_marked_counts_as_marked_and_what_was_cleared_as_it_ended() -> None:
    def happened(shard: Shard) -> None:
        failed(shard)
        shard.clear("b")
        shard.succeed("b", 2)
        shard.mark("c", "success")

    shard = recorded(CHAIN, happened)
    assert what(shard, CHAIN).state == "success"


def test_nothing_is_left_behind_and_too_much_is_refused() -> None:
    shard = recorded(CHAIN, failed)
    before = list(shard.log)
    with pytest.raises(Refused) as caught:
        what(shard, CHAIN, most=4)
    assert caught.value.reason == "RUN_TOO_LARGE"
    with pytest.raises(Refused):
        what(shard, dag(task("a", "a")))
    assert shard.log == before


def test_a_thousand_tasks() -> None:
    spec = dag(task("t0"), *(task(f"t{n}", f"t{n - 1}") for n in range(1, 1000)))

    def all_of_them(shard: Shard) -> None:
        for number in range(1000):
            shard.succeed(f"t{number}")

    answer = what(recorded(spec, all_of_them), spec)
    assert answer.count("same") == 1000
    assert answer.state == "success"
