"""Given a log, when a task or a run ends, then a callback is work of its own."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from millstream.core.callbacks import TIMEOUT_S
from millstream.core.commands import LoseAttempt, MissDeadline, ReadyAgain
from millstream.core.decisions.callbacks import MAX_LOSSES
from millstream.core.errors import InvalidDag
from millstream.core.event_parts import Where
from millstream.core.events import DeadlineSet, Event
from millstream.core.reports import FailAttempt, StartAttempt, SucceedAttempt
from millstream.core.spec import (
    BashAction,
    CallbackAction,
    DagSpec,
    DeadlineSpec,
    EmptyAction,
    TriggerRule,
)
from millstream.core.task_events import TaskReady, TaskSucceeded
from millstream.core.timers import stale_ready, timer_after, timers_of
from millstream.core.validate import check_dag
from shard import RUN, T0, Shard, dag, dump, fold, kinds, task

ALL = ("success", "failure", "retry", "skipped")


@pytest.fixture
def shard() -> Shard:
    return Shard()


def begin(shard: Shard, spec: DagSpec) -> list[Event]:
    shard.submit(spec, bundle="b1")
    return shard.trigger()


def one(**options: Any) -> DagSpec:
    return dag(task("a", callbacks=ALL, **options), file="etl.py")


def report(shard: Shard, kind: Any, where: Where, token: str = "cb", **more: Any) -> list[Event]:
    if kind is not StartAttempt:
        more.setdefault("ended_at", shard.now)
    return shard.handle(
        kind(id=shard.id(), where=where, worker="w2", token=token, started_at=shard.now, **more)
    )


def action(events: list[Event]) -> CallbackAction:
    data = events[-1].data
    assert isinstance(data, TaskReady)
    assert isinstance(data.action, CallbackAction)
    return data.action


def callbacks(events: list[Event]) -> list[str]:
    return [name for name in kinds(events) if "@" in name]


class TestWhichEndsLeadToOne:
    def test_a_success(self, shard: Shard) -> None:
        begin(shard, one())
        events = shard.succeed("a")
        assert kinds(events) == [
            "TaskSucceeded a", "RunSucceeded",
            "TaskReady a@on_success_callback.1",
        ]  # fmt: skip
        ready = events[-1].data
        assert isinstance(ready, TaskReady)
        assert (ready.bundle, ready.file, ready.queue) == ("b1", "etl.py", "default")
        assert ready.execution_timeout_s == TIMEOUT_S
        done = action(events)
        assert (done.on, done.task_id, done.attempt, done.tries) == ("success", "a", 1, 1)
        ended = events[0].data
        assert isinstance(ended, TaskSucceeded)
        assert (done.state, done.worker, done.ended_at) == ("success", "w", ended.ended_at)

    def test_each_failed_try_and_the_last_one(self, shard: Shard) -> None:
        begin(shard, one(retries=1))
        events = shard.fail("a", traceback="Traceback")
        assert callbacks(events) == ["TaskReady a@on_retry_callback.1"]
        retried = action(events)
        assert (retried.error_type, retried.message) == ("ValueError", "bad")
        assert (retried.tries, retried.max_tries, retried.traceback) == (1, 2, "Traceback")
        shard.retry("a")
        events = shard.fail("a", 2)
        assert callbacks(events) == ["TaskReady a@on_failure_callback.2"]
        assert (action(events).tries, action(events).state) == (2, "failed")

    def test_a_skip_that_the_task_asked_for(self, shard: Shard) -> None:
        begin(shard, dag(task("a", callbacks=ALL), task("b", "a", callbacks=ALL), file="f"))
        events = shard.skip("a")
        assert callbacks(events) == ["TaskReady a@on_skipped_callback.1"], "not for b, by its rule"

    def test_an_attempt_lost_for_good_and_not_before(self, shard: Shard) -> None:
        begin(shard, one())
        for attempt in range(1, MAX_LOSSES + 1):
            shard.start("a", attempt)
            assert callbacks(shard.lose("a", attempt)) == []
        shard.start("a", MAX_LOSSES + 1)
        events = shard.lose("a", MAX_LOSSES + 1)
        assert callbacks(events) == [f"TaskReady a@on_failure_callback.{MAX_LOSSES + 1}"]
        assert (action(events).error_type, action(events).message) == ("TaskLost", "no heartbeat")

    def test_a_task_that_needed_no_worker(self, shard: Shard) -> None:
        events = begin(shard, one(action=EmptyAction()))
        assert callbacks(events) == ["TaskReady a@on_success_callback.0"]

    def test_what_ends_again_after_a_clear_leads_to_another_one(self, shard: Shard) -> None:
        spec = dag(task("a", action=EmptyAction(), callbacks=ALL), file="etl.py")
        spec = replace(spec, callbacks=("success",))
        first = callbacks(begin(shard, spec))
        assert len(first) == 2
        names = [event.where.task_id for event in shard.log if "@" in event.where.task_id]
        for name in names:
            report(shard, SucceedAttempt, RUN.task(name, (), 1))
        shard.clear(only_failed=False)
        again = [event.where.task_id for event in shard.log if "@" in event.where.task_id]
        assert len(set(again)) == 4, "none of them is told apart by its attempt"
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_none_where_the_spec_names_none(self, shard: Shard) -> None:
        begin(shard, dag(task("a", callbacks=("failure",)), file="f"))
        assert callbacks(shard.succeed("a")) == []

    def test_none_for_a_task_that_could_not_run(self, shard: Shard) -> None:
        begin(shard, dag(task("a"), task("b", "a", callbacks=ALL), file="f"))
        assert callbacks(shard.fail("a")) == []

    @pytest.mark.parametrize("fails", [False, True])
    def test_the_end_of_a_run(self, shard: Shard, fails: bool) -> None:
        begin(
            shard,
            dag(
                task("a", retries=0, queue="gpu"),
                task("b", "a", trigger_rule=TriggerRule.ALL_DONE),
                task("c"),
                file="f",
                callbacks=("success", "failure"),
            ),
        )
        shard.succeed("a")
        shard.succeed("c")
        events = shard.fail("b") if fails else shard.succeed("b")
        kind = "failure" if fails else "success"
        assert kinds(events)[-1] == f"TaskReady @on_{kind}_callback"
        ended = action(events)
        assert ended.of_run
        assert ended.run_state == ("failed" if fails else "success")
        assert ended.reason == ("task_failure" if fails else "success")
        assert ended.task_id == ("b" if fails else "c")
        assert ended.tries == 1
        ready = events[-1].data
        assert isinstance(ready, TaskReady)
        assert ready.queue == "gpu", "that of the first task"


class TestItsLife:
    WHERE = RUN.task("a@on_failure_callback.1", (), 1)

    def failed(self, shard: Shard) -> None:
        begin(shard, one())
        shard.fail("a")
        assert not shard.state.runs, "the run does not wait for it"
        assert len(shard.state.callbacks) == 1

    def test_it_is_claimed_and_done(self, shard: Shard) -> None:
        self.failed(shard)
        assert kinds(report(shard, StartAttempt, self.WHERE)) == [
            f"TaskStarted {self.WHERE.task_id}"
        ]
        assert report(shard, StartAttempt, self.WHERE) == []
        events = report(shard, SucceedAttempt, self.WHERE)
        assert kinds(events) == [f"TaskSucceeded {self.WHERE.task_id}"]
        assert not shard.state.callbacks
        assert not shard.state.ready

    def test_a_result_claims(self, shard: Shard) -> None:
        self.failed(shard)
        events = report(shard, FailAttempt, self.WHERE, error_type="E", message="m")
        assert [type(event.data).__name__ for event in events] == ["TaskStarted", "TaskFailed"]
        assert not shard.state.callbacks, "a callback that fails is not tried again"

    def test_the_first_claim_wins(self, shard: Shard) -> None:
        self.failed(shard)
        report(shard, StartAttempt, self.WHERE)

        def late(where: Where, token: str = "other") -> str:
            return shard.refused(
                "handle",
                SucceedAttempt(
                    id="late",
                    where=where,
                    worker="w3",
                    token=token,
                    started_at=T0,
                    ended_at=T0,
                ),
            )

        assert late(self.WHERE) == "CLAIM_LOST"
        assert late(RUN.task(self.WHERE.task_id, (), 2)) == "ATTEMPT_CLOSED"
        assert late(RUN.task("a@nothing", (), 1)) == "ATTEMPT_CLOSED"

    def test_it_is_repeated_when_it_is_lost(self, shard: Shard) -> None:
        self.failed(shard)
        where = self.WHERE
        for attempt in range(1, MAX_LOSSES + 2):
            where = RUN.task(where.task_id, (), attempt)
            report(shard, StartAttempt, where)
            lost = LoseAttempt(id=shard.id(), where=where, token="cb", reason="dead")
            events = shard.handle(lost)
            again = [] if attempt > MAX_LOSSES else ["TaskReady"]
            assert [type(event.data).__name__ for event in events] == ["TaskLost", *again]
        assert not shard.state.callbacks
        assert shard.handle(lost) == []

    def test_it_is_made_ready_again_if_nobody_pulls_it(self, shard: Shard) -> None:
        self.failed(shard)
        (command,) = stale_ready(shard.state, shard.now)
        assert command.where == self.WHERE
        (event,) = shard.handle(command)
        assert event.where == self.WHERE, "the same attempt"
        report(shard, StartAttempt, self.WHERE)
        assert shard.handle(ReadyAgain(id="x", where=self.WHERE)) == []

    def test_a_takeover_knows_it(self, shard: Shard) -> None:
        self.failed(shard)
        report(shard, StartAttempt, self.WHERE)
        state = fold(shard.log)
        assert dump(state) == dump(shard.state)
        ((where, instance),) = state.open_instances()
        assert (where, instance.token, instance.worker) == (self.WHERE, "cb", "w2")

    def test_its_own_events_are_all_that_a_scheduler_needs(self, shard: Shard) -> None:
        self.failed(shard)
        report(shard, StartAttempt, self.WHERE)
        lost = LoseAttempt(id=shard.id(), where=self.WHERE, token="cb", reason="dead")
        shard.handle(lost)
        alone = fold([event for event in shard.log if "@" in event.where.task_id])
        assert alone.callbacks == shard.state.callbacks
        assert list(alone.ready) == list(shard.state.ready)

    def test_two_of_one_task_do_not_meet(self, shard: Shard) -> None:
        begin(shard, one(retries=2))
        shard.fail("a")
        shard.retry("a")
        shard.fail("a", 2)
        assert [key[3] for key in shard.state.callbacks] == [
            "a@on_retry_callback.1", "a@on_retry_callback.2"
        ]  # fmt: skip

    def test_its_events_carry_the_trace_of_the_run(self, shard: Shard) -> None:
        shard.submit(one(), bundle="b1")
        shard.trigger(trace="00-abc")
        shard.fail("a")
        (event,) = report(shard, StartAttempt, self.WHERE)
        assert event.trace == "00-abc"


class TestDeadlines:
    HOUR = 3600.0

    def with_deadline(self, **fields: Any) -> DagSpec:
        given: dict[str, Any] = {
            "name": "soon",
            "interval_s": self.HOUR,
            "reference": "queued_at",
            **fields,
        }
        return dag(task("a"), file="f", deadlines=(DeadlineSpec(**given),))

    def due(self, events: list[Event]) -> list[datetime]:
        return [event.data.due_at for event in events if isinstance(event.data, DeadlineSet)]

    @pytest.mark.parametrize(
        ("fields", "trigger", "after"),
        [
            ({}, {}, timedelta(hours=1)),
            ({"interval_s": -60.0}, {}, timedelta(minutes=-1)),
            (
                {"reference": "logical_date"},
                {"logical_date": T0 - timedelta(days=1)},
                timedelta(hours=-23),
            ),
            ({"reference": "logical_date"}, {"has_logical_date": False}, None),
            (
                {"reference": "logical_date", "interval_s": 99 * 366 * 86400.0},
                {"logical_date": datetime(9990, 1, 1, tzinfo=UTC)},
                None,
            ),
            ({"reference": "average_runtime"}, {}, None),
        ],
    )
    def test_when_it_is(
        self, shard: Shard, fields: Any, trigger: Any, after: timedelta | None
    ) -> None:
        shard.submit(self.with_deadline(**fields), bundle="b1")
        events = shard.trigger(**trigger)
        base = T0 if "logical_date" in trigger else shard.now
        assert self.due(events) == ([] if after is None else [base + after])
        assert "RunStarted" in kinds(events), "whatever becomes of the deadline"

    def test_a_fixed_instant(self, shard: Shard) -> None:
        spec = self.with_deadline(reference="fixed_datetime", at="2026-05-04T00:00:00+02:00")
        shard.submit(spec, bundle="b1")
        assert self.due(shard.trigger()) == [datetime(2026, 5, 3, 23, tzinfo=UTC)]

    def test_the_average_of_the_last_runs(self, shard: Shard) -> None:
        spec = self.with_deadline(
            reference="average_runtime", max_runs=2, min_runs=1, interval_s=60.0
        )
        shard.submit(spec, bundle="b1")
        assert self.due(shard.trigger()) == []
        for number, runtime_s in enumerate((10, 20, 40), 2):
            shard.now += timedelta(seconds=runtime_s - 1)
            shard.handle(
                SucceedAttempt(
                    id=shard.id(),
                    where=Where("default", "etl", f"r{number - 1}").task("a", (), 1),
                    worker="w",
                    token="t",
                    started_at=shard.now,
                    ended_at=shard.now,
                )
            )
            events = shard.trigger(f"r{number}")
        assert self.due(events) == [shard.now + timedelta(seconds=60 + (20 + 40) / 2)]

    def test_a_run_that_is_late(self, shard: Shard) -> None:
        events = begin(shard, self.with_deadline())
        (at, command) = next(timer for event in events if (timer := timer_after(event)))
        assert isinstance(command, MissDeadline)
        assert at == shard.now + timedelta(hours=1)
        assert (at, command) in list(timers_of(fold(shard.log)))
        missed = shard.handle(command)
        assert kinds(missed) == ["DeadlineMissed", "TaskReady @deadline.soon"]
        late = action(missed)
        assert (late.on, late.deadline, late.due_at, late.run_state) == (
            "deadline",
            "soon",
            at,
            "running",
        )
        assert shard.handle(command) == [], "once"
        assert kinds(shard.succeed("a"))[-1] == "RunSucceeded", "the run goes on"

    def test_a_run_that_is_over_in_time(self, shard: Shard) -> None:
        events = begin(shard, self.with_deadline())
        (_, command) = next(timer for event in events if (timer := timer_after(event)))
        shard.fail("a")
        assert shard.handle(command) == []
        assert list(timers_of(shard.state)) == []

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({"name": ""}, "a name has 1 to 100 characters"),
            ({"interval_s": 1e300}, "interval is 1e\\+300 s"),
            ({"interval_s": float("nan")}, "interval is nan s"),
            ({"max_runs": 0}, "max_runs is 0"),
            ({"min_runs": 11}, "min_runs is 11"),
            ({"reference": "fixed_datetime", "at": "noon"}, "'noon' is not an ISO 8601 instant"),
            ({"reference": "fixed_datetime", "at": "2026-01-01"}, "with a time zone"),
        ],
    )
    def test_bad_ones_are_refused(self, fields: Any, message: str) -> None:
        with pytest.raises(InvalidDag, match=message):
            check_dag(self.with_deadline(**fields))

    def test_two_of_one_name(self) -> None:
        spec = self.with_deadline()
        twice = dag(task("a"), file="f", deadlines=spec.deadlines * 2)
        with pytest.raises(InvalidDag, match="two deadlines have the name 'soon'"):
            check_dag(twice)


def test_a_dag_with_callbacks_needs_its_file(shard: Shard) -> None:
    spec = dag(task("a", action=BashAction(command="x"), callbacks=("failure",)))
    with pytest.raises(InvalidDag, match="it has callbacks, so it needs a bundle"):
        check_dag(spec)
    assert shard.refused("submit", one()) == "INVALID_DAG", "without a bundle"


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(InvalidDag, match="task 'a' has a callback for 'boom'; there are those for"):
        check_dag(dag(task("a", callbacks=("boom",)), file="f"))
    with pytest.raises(InvalidDag, match="the DAG has a callback for 'retry'"):
        check_dag(dag(task("a"), callbacks=("retry",), file="f"))
