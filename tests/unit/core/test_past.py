"""Tasks that depend on how the run before ended."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from millstream.core.commands import ClearTasks
from millstream.core.event_parts import Where
from millstream.core.events import Event, OutcomeRemembered
from millstream.core.reports import FailAttempt, SkipAttempt, SucceedAttempt
from millstream.core.spec import DagSpec, MapSource, TriggerRule
from shard import T0, Shard, dag, dump, fold, kinds, ready_names, task


@pytest.fixture
def shard() -> Shard:
    return Shard()


def run_on(shard: Shard, day: int) -> list[Event]:
    """The run of a day."""
    return shard.trigger(f"d{day}", logical_date=T0 + timedelta(days=day))


def end(shard: Shard, how: type[Any], day: int, name: str, *path: int) -> list[Event]:
    where = Where("default", "etl", f"d{day}")
    found = shard.state.runs["default", "etl", f"d{day}"].find(name, path)
    assert found is not None
    fields: dict[str, Any] = {"started_at": shard.now, "ended_at": shard.now}
    if how is FailAttempt:
        fields |= {"error_type": "E", "message": "m"}
    if how is SkipAttempt:
        fields |= {"reason": "no data"}
    place = where.task(name, path, found[1].attempt)
    return shard.handle(how(id=shard.id(), where=place, worker="w", token="t", **fields))


def begun(events: list[Event]) -> list[str]:
    return [f"{e.where.run_id}.{e.where.task_id}" for e in events if e.where.attempt]


PAST = dag(task("a", depends_on_past=True), task("b", "a"))


@pytest.mark.parametrize("how", [SucceedAttempt, SkipAttempt])
def test_a_task_waits_until_the_one_before_ended_well(shard: Shard, how: type[Any]) -> None:
    shard.submit(dag(task("a", depends_on_past=True), task("b")))
    assert ready_names(run_on(shard, 1)) == ["a", "b"]
    assert ready_names(run_on(shard, 2)) == ["b"]
    events = end(shard, how, 1, "a")
    assert begun(events)[-1] == "d2.a"
    assert dump(fold(shard.log)) == dump(shard.state)


def test_a_failure_blocks_the_next_run_until_it_is_made_good(shard: Shard) -> None:
    shard.submit(PAST)
    run_on(shard, 1)
    assert ready_names(run_on(shard, 2)) == []
    assert begun(end(shard, FailAttempt, 1, "a")) == ["d1.a", "d1.a"]
    assert ready_names(run_on(shard, 3)) == []
    assert ("default", "etl", "d2") in shard.state.runs


def test_the_outcome_of_a_run_that_is_over_is_known(shard: Shard) -> None:
    shard.submit(PAST)
    run_on(shard, 1)
    end(shard, SucceedAttempt, 1, "a")
    end(shard, SucceedAttempt, 1, "b")
    assert ("default", "etl", "d1") not in shard.state.runs
    assert ready_names(run_on(shard, 2)) == ["a"]


def test_all_instances_of_a_mapped_task_count(shard: Shard) -> None:
    mapped = task("m", depends_on_past=True, mapped_over=(MapSource(length=2),))
    shard.submit(dag(mapped))
    assert len(ready_names(run_on(shard, 1))) == 2
    assert ready_names(run_on(shard, 2)) == []
    assert ready_names(end(shard, SucceedAttempt, 1, "m", 0)) == []
    assert ready_names(end(shard, SucceedAttempt, 1, "m", 1)) == ["m", "m"]


def test_wait_for_downstream_looks_at_the_next_tasks_only(shard: Shard) -> None:
    first = task("a", depends_on_past=True, wait_for_downstream=True)
    shard.submit(dag(first, task("b", "a"), task("c", "b")))
    run_on(shard, 1)
    assert ready_names(run_on(shard, 2)) == []
    assert begun(end(shard, SucceedAttempt, 1, "a"))[-1] == "d1.b"
    assert begun(end(shard, SucceedAttempt, 1, "b"))[-2:] == ["d1.c", "d2.a"]


def test_the_run_before_is_the_one_before_by_its_date(shard: Shard) -> None:
    shard.submit(PAST)
    run_on(shard, 5)
    assert ready_names(run_on(shard, 3)) == ["a"], "nothing is before it"
    assert ready_names(run_on(shard, 4)) == []
    assert begun(end(shard, SucceedAttempt, 5, "a"))[-1] == "d5.b", "d4 does not wait for d5"
    assert begun(end(shard, SucceedAttempt, 3, "a"))[-1] == "d4.a"


def test_a_run_without_a_date_has_no_past(shard: Shard) -> None:
    past = dag(task("a", depends_on_past=True), catchup=True, start_date=T0.isoformat())
    shard.submit(past)
    run_on(shard, 1)
    # With catchup a run that somebody started by hand is nobody's past.
    assert ready_names(run_on(shard, 2)) == ["a"]


def test_a_task_that_is_new_starts_unless_it_shall_not(shard: Shard) -> None:
    shard.submit(dag(task("x", depends_on_past=True)))
    run_on(shard, 1)
    strict = task("b", depends_on_past=True, ignore_first_depends_on_past=False)
    shard.submit(dag(task("a", depends_on_past=True), strict))
    assert ready_names(run_on(shard, 2)) == ["a"]


def skipping(**options: Any) -> DagSpec:
    join = task("join", "a", trigger_rule=TriggerRule.ALL_SUCCESS, depends_on_past=True, **options)
    return dag(task("a"), join)


def test_a_skip_does_not_wait_for_the_past(shard: Shard) -> None:
    shard.submit(skipping())
    run_on(shard, 1)
    run_on(shard, 2)
    assert "TaskSkipped join" in kinds(end(shard, SkipAttempt, 2, "a"))


def test_a_skip_waits_for_the_past_if_told_to(shard: Shard) -> None:
    shard.submit(skipping(wait_for_past_depends_before_skipping=True))
    run_on(shard, 1)
    run_on(shard, 2)
    assert "TaskSkipped join" not in kinds(end(shard, SkipAttempt, 2, "a"))
    end(shard, SucceedAttempt, 1, "a")
    events = end(shard, SucceedAttempt, 1, "join")
    assert [e.where.run_id for e in events if kinds([e]) == ["TaskSkipped join"]] == ["d2"]


def test_a_version_that_begins_to_look_back_knows_the_runs_under_way(shard: Shard) -> None:
    shard.submit(dag(task("a")))
    run_on(shard, 1)
    shard.submit(PAST)
    assert ready_names(run_on(shard, 2)) == []
    assert begun(end(shard, SucceedAttempt, 1, "a"))[-1] == "d2.a"


def test_a_clear_of_the_run_before_lets_the_next_one_go_on(shard: Shard) -> None:
    shard.submit(dag(task("a", depends_on_past=True)))
    run_on(shard, 1)
    run_on(shard, 2)
    end(shard, FailAttempt, 1, "a")
    assert ("default", "etl", "d1") not in shard.state.runs
    cleared = ClearTasks(id="clear", namespace="default", dag_id="etl", run_id="d1")
    assert begun(shard.handle(cleared))[-1] == "d1.a"
    assert begun(end(shard, SucceedAttempt, 1, "a"))[-1] == "d2.a"


def test_who_starts_later_knows_the_runs_that_are_over(shard: Shard) -> None:
    """Only events of DAGs and of open runs are read at a start."""
    shard.submit(PAST)
    run_on(shard, 1)
    events = end(shard, FailAttempt, 1, "a")
    assert kinds(events)[-2:] == ["RunFailed", "OutcomeRemembered"]
    outcome = events[-1].data
    assert isinstance(outcome, OutcomeRemembered)
    assert outcome.bad == ("a", "b")
    run_on(shard, 2)
    kept = [e for e in shard.log if e.where.run_id != "d1"]
    shard.state = fold(kept)
    assert ready_names(run_on(shard, 3)) == []
    assert ("default", "etl", "d2") in shard.state.runs
    cleared = ClearTasks(id="clear", namespace="default", dag_id="etl", run_id="d1")
    assert begun(shard.handle(cleared))[-1] == "d1.a"
    assert begun(end(shard, SucceedAttempt, 1, "a"))[-2:] == ["d1.b", "d2.a"]
