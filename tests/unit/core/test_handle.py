"""Given a log, when a command comes, then these events follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from millstream.core import handle as handle_module
from millstream.core.commands import BeginEpoch, SubmitDag, TriggerRun
from millstream.core.decisions.attempts import MAX_LOSSES
from millstream.core.event_parts import XCom
from millstream.core.events import (
    DagVersionSubmitted,
    Event,
    Fact,
    RunCreated,
    RunFailed,
    RunQuarantined,
)
from millstream.core.evolve import is_legal
from millstream.core.handle import receipt, repeated_receipt
from millstream.core.react import react
from millstream.core.receipts import Receipt
from millstream.core.reports import StartAttempt
from millstream.core.spec import EmptyAction, PythonAction, TriggerRule, decode_spec
from millstream.core.state import State, instance_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskFailed, TaskLost, TaskReady, TaskStarted, TaskSucceeded
from millstream.core.timers import stale_ready, timer_after, timers_of
from shard import RUN, T0, Shard, dag, dump, fold, join, kinds, ready_names, task

CHAIN = dag(task("a"), task("b", "a"), task("c", "b"))
ONE = dag(task("a", retries=1, retry_delay_s=60))


@pytest.fixture
def shard() -> Shard:
    return Shard()


class TestSubmit:
    def test_the_first_version(self, shard: Shard) -> None:
        (event,) = shard.submit(CHAIN)
        data = event.data
        assert isinstance(data, DagVersionSubmitted)
        assert data.version == 1
        assert decode_spec(bytes(data.spec)) == CHAIN
        assert (event.position, event.causation, event.actor) == (1, "c1", "test")

    def test_an_equal_one_is_no_event(self, shard: Shard) -> None:
        shard.submit(CHAIN)
        assert shard.submit(CHAIN) == []

    def test_another_bundle_or_spec_is_a_new_version(self, shard: Shard) -> None:
        shard.submit(CHAIN)
        shard.submit(CHAIN, bundle="b1")
        (event,) = shard.submit(dag(task("a")), bundle="b1")
        assert isinstance(event.data, DagVersionSubmitted)
        assert event.data.version == 3

    def test_going_back_to_an_old_one_is_a_new_version(self, shard: Shard) -> None:
        shard.submit(CHAIN)
        shard.submit(ONE)
        assert len(shard.submit(CHAIN)) == 1

    def test_refusals(self, shard: Shard) -> None:
        assert shard.refused("submit", dag(dag_id="a b")) == "INVALID_DAG"
        python = dag(task("a", action=PythonAction()), file="etl.py")
        assert shard.refused("submit", python) == "INVALID_DAG"
        assert shard.refused("submit", dag(doc="x" * (4 << 20))) == "INVALID_DAG"
        for namespace in ("", "a\x00", "a b", "x" * 251):
            command = SubmitDag(id="1", namespace=namespace, spec=CHAIN)
            assert shard.refused("handle", command) == "INVALID_ARGUMENT"


class TestTrigger:
    def test_the_run_starts_with_its_roots(self, shard: Shard) -> None:
        shard.submit(dag(task("a"), task("b"), task("c", "a")))
        events = shard.trigger(conf={"n": 1}, note="hello")
        assert kinds(events) == ["RunCreated", "RunStarted", "TaskReady a", "TaskReady b"]
        created, ready = events[0].data, events[2].data
        assert isinstance(created, RunCreated)
        assert (created.run_type, created.conf, created.note) == ("manual", {"n": 1}, "hello")
        assert created.logical_date == created.data_interval_end == shard.now
        assert isinstance(ready, TaskReady)
        assert (ready.tries, ready.max_tries, ready.run.conf) == (1, 1, {"n": 1})
        assert events[2].where == RUN.task("a", (), 1)

    def test_a_large_conf_is_not_repeated(self, shard: Shard) -> None:
        shard.submit(ONE)
        ready = shard.trigger(conf={"n": "x" * 5000})[-1].data
        assert isinstance(ready, TaskReady)
        assert ready.run.conf is None

    def test_a_run_id_is_made_from_the_instant(self, shard: Shard) -> None:
        shard.submit(ONE)
        event = shard.trigger(run_id="")[0]
        assert event.where.run_id == f"manual__{shard.now.isoformat()}"

    def test_a_logical_date(self, shard: Shard) -> None:
        shard.submit(ONE)
        created = shard.trigger(logical_date=T0)[0].data
        assert isinstance(created, RunCreated)
        assert (created.logical_date, created.run_after) == (T0, shard.now)

    def test_refusals(self, shard: Shard) -> None:
        assert shard.refused("trigger") == "DAG_NOT_FOUND"
        shard.begin(ONE)
        assert shard.refused("trigger") == "RUN_EXISTS"
        assert shard.refused("trigger", "no spaces") == "INVALID_RUN_ID"
        first = datetime.min.replace(tzinfo=T0.tzinfo)
        assert shard.refused("trigger", "r2", logical_date=first) == "INVALID_ARGUMENT"

    def test_a_run_keeps_the_version_it_was_created_with(self, shard: Shard) -> None:
        shard.begin(dag(task("a"), task("b", "a")))
        shard.submit(dag(task("a"), task("other", "a")))
        assert ready_names(shard.succeed("a")) == ["b"]

    def test_a_dag_without_tasks_succeeds_at_once(self, shard: Shard) -> None:
        assert kinds(shard.begin(dag())) == ["RunCreated", "RunStarted", "RunSucceeded"]
        assert shard.state.runs == {}

    def test_empty_tasks_need_no_worker(self, shard: Shard) -> None:
        empty = EmptyAction()
        spec = dag(task("a", action=empty), task("b", "a"), task("c", "a", action=empty))
        events = shard.begin(spec)[2:]
        assert kinds(events) == ["TaskSucceeded a", "TaskReady b", "TaskSucceeded c"]
        assert [e.where.attempt for e in events] == [0, 1, 0]

    def test_a_chain_of_five_thousand_empty_tasks(self, shard: Shard) -> None:
        names = [str(index) for index in range(5000)]
        parents = [(), *((name,) for name in names)]
        shard.submit(
            dag(*(task(n, *p, action=EmptyAction()) for n, p in zip(names, parents, strict=False)))
        )
        assert len(shard.trigger()) == 5003

    def test_always_does_not_wait(self, shard: Shard) -> None:
        spec = dag(task("a"), task("b", "a", trigger_rule=TriggerRule.ALWAYS))
        assert ready_names(shard.begin(spec)) == ["a", "b"]
        shard.fail("a")
        assert kinds(shard.succeed("b")) == ["TaskSucceeded b", "RunSucceeded"]


class TestAttempts:
    def test_claim_then_result(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        (started,) = shard.start("a")
        assert isinstance(started.data, TaskStarted)
        assert (started.data.worker, started.data.token) == ("w", "t")
        assert kinds(shard.succeed("a")) == ["TaskSucceeded a", "TaskReady b"]

    def test_a_result_claims_an_attempt_that_nobody_claimed(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        done, _ = shard.succeed("a")
        assert isinstance(done.data, TaskSucceeded)
        assert (done.data.worker, done.data.token) == ("w", "t")
        assert instance_key(done.where) not in shard.state.ready
        assert kinds(shard.fail("b")) == [
            "TaskStarted b",
            "TaskFailed b",
            "TaskUpstreamFailed c",
            "RunFailed",
        ]

    def test_a_success_of_what_was_claimed_claims_nothing(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        shard.start("a")
        done = shard.succeed("a")[0]
        assert isinstance(done.data, TaskSucceeded)
        assert done.data.worker == ""

    @pytest.mark.parametrize("is_claimed", [False, True])
    def test_a_success_fits_only_with_one_claim(self, shard: Shard, is_claimed: bool) -> None:
        """Of each log, be it another's: one claim too few or too many is no step of ours."""
        shard.begin(ONE)
        if is_claimed:
            shard.start("a")
        where = RUN.task("a", (), 1)
        done = TaskSucceeded(started_at=T0, ended_at=T0, token="t")
        claiming = msgspec.structs.replace(done, worker="w")
        assert is_legal(shard.state, where, done) is is_claimed
        assert is_legal(shard.state, where, claiming) is not is_claimed
        assert not is_legal(shard.state, RUN.task("a", (), 2), claiming)

    def test_the_run_ends_with_its_last_task(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        shard.succeed("a")
        shard.succeed("b")
        assert kinds(shard.succeed("c"))[-1] == "RunSucceeded"
        assert shard.state.runs == {}
        assert shard.state.ready == {}

    def test_xcoms_are_in_the_result(self, shard: Shard) -> None:
        shard.begin(ONE)
        xcoms = {"return_value": XCom(value=msgspec.Raw(b"[1, 2]"), size=6)}
        data = shard.succeed("a", xcoms=xcoms)[0].data
        assert isinstance(data, TaskSucceeded)
        assert data.xcoms == xcoms

    def test_the_same_report_again(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        shard.start("a")
        assert shard.start("a") == []
        shard.succeed("a")
        assert shard.refused("succeed", "a") == "ATTEMPT_CLOSED"
        assert shard.refused("fail", "a") == "ATTEMPT_CLOSED"
        assert shard.refused("start", "a") == "ATTEMPT_CLOSED"

    def test_the_first_claim_wins(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        shard.start("a", token="mine")
        for report in ("start", "succeed", "fail", "skip"):
            assert shard.refused(report, "a", token="yours") == "CLAIM_LOST"
        assert kinds(shard.succeed("a", token="mine"))[0] == "TaskSucceeded a"

    @pytest.mark.parametrize("report", ["start", "succeed", "fail", "skip"])
    def test_reports_about_what_is_not_there(self, shard: Shard, report: str) -> None:
        assert shard.refused(report, "a") == "RUN_CLOSED"
        shard.begin(CHAIN)
        assert shard.refused(report, "ghost") == "TASK_NOT_FOUND"
        assert shard.refused(report, "b") == "ATTEMPT_CLOSED"
        assert shard.refused(report, "b", 0) == "ATTEMPT_CLOSED"
        assert shard.refused(report, "a", 2) == "ATTEMPT_CLOSED"
        mapped = StartAttempt(
            id="1", where=RUN.task("a", (0,), 1), worker="w", token="t", started_at=T0
        )
        assert shard.refused("handle", mapped) == "TASK_NOT_FOUND"

    def test_nobody_claims_for_a_task_without_a_worker(self, shard: Shard) -> None:
        shard.begin(dag(task("a", action=EmptyAction()), task("b")))
        assert shard.refused("succeed", "a", 0) == "ATTEMPT_CLOSED"


class TestRetries:
    def test_the_task_may_choose_the_delay_but_no_further_try(self, shard: Shard) -> None:
        shard.begin(ONE)
        failed = shard.fail("a", retry_delay_s=5.0)[-1].data
        assert isinstance(failed, TaskFailed)
        assert failed.retry_at == shard.now + timedelta(seconds=5)
        shard.retry("a")
        assert kinds(shard.fail("a", 2, retry_delay_s=5.0))[-1] == "RunFailed"

    def test_a_failure_waits_and_is_ready_again_at_its_instant(self, shard: Shard) -> None:
        shard.begin(ONE)
        (_, failed) = shard.fail("a")
        assert isinstance(failed.data, TaskFailed)
        assert failed.data.retry_at == shard.now + timedelta(seconds=60)
        assert shard.status("a") is TaskStatus.UP_FOR_RETRY
        timer = timer_after(failed)
        assert timer is not None
        assert timer[0] == failed.data.retry_at
        assert list(timers_of(fold(shard.log))) == [timer]
        (ready,) = shard.retry("a")
        assert isinstance(ready.data, TaskReady)
        assert (ready.where.attempt, ready.data.tries, ready.data.max_tries) == (2, 2, 2)
        assert shard.retry("a") == []

    def test_the_last_failure_ends_the_task(self, shard: Shard) -> None:
        shard.begin(ONE)
        shard.fail("a")
        shard.retry("a")
        events = shard.fail("a", 2)
        assert kinds(events) == ["TaskStarted a", "TaskFailed a", "RunFailed"]
        assert isinstance(events[-1].data, RunFailed)
        assert events[-1].data.failed_leaves == ("a",)

    def test_the_timer_of_an_older_attempt_does_nothing(self, shard: Shard) -> None:
        shard.begin(dag(task("a", retries=2, retry_delay_s=60)))
        shard.fail("a")
        shard.retry("a")
        shard.fail("a", 2)
        assert shard.retry("a", 1) == []
        assert ready_names(shard.retry("a", 2)) == ["a"]

    def test_a_failure_that_may_not_be_retried(self, shard: Shard) -> None:
        shard.begin(ONE)
        assert kinds(shard.fail("a", may_retry=False))[-1] == "RunFailed"

    def test_a_success_after_a_retry(self, shard: Shard) -> None:
        shard.begin(ONE)
        shard.fail("a")
        assert shard.refused("succeed", "a") == "ATTEMPT_CLOSED"
        assert shard.refused("succeed", "a", 2) == "ATTEMPT_CLOSED"
        shard.retry("a")
        assert kinds(shard.succeed("a", 2))[-1] == "RunSucceeded"

    def test_a_timer_for_what_is_gone_does_nothing(self, shard: Shard) -> None:
        assert shard.retry("a") == shard.lose("a") == shard.ready_again("a") == []
        shard.begin(CHAIN)
        assert shard.retry("a") == shard.lose("a") == shard.retry("ghost") == []
        shard.start("a")
        assert shard.ready_again("a") == []
        assert shard.lose("a", token="other") == []

    def test_a_lost_attempt_uses_up_no_retry(self, shard: Shard) -> None:
        shard.begin(ONE)
        shard.start("a")
        lost, ready = shard.lose("a")
        assert isinstance(lost.data, TaskLost)
        assert not lost.data.is_final
        assert isinstance(ready.data, TaskReady)
        assert (ready.where.attempt, ready.data.tries) == (2, 1)
        assert shard.refused("succeed", "a") == "ATTEMPT_CLOSED"

    def test_lost_too_often_is_failed(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        for attempt in range(1, MAX_LOSSES + 1):
            shard.start("a", attempt)
            assert kinds(shard.lose("a", attempt)) == ["TaskLost a", "TaskReady a"]
        shard.start("a", MAX_LOSSES + 1)
        assert kinds(shard.lose("a", MAX_LOSSES + 1)) == [
            "TaskLost a", "TaskUpstreamFailed b", "TaskUpstreamFailed c", "RunFailed",
        ]  # fmt: skip

    def test_ready_again_is_the_same_attempt_at_a_new_position(self, shard: Shard) -> None:
        shard.begin(dag(task("a"), task("z")))
        first = shard.state.oldest_ready()
        (again,) = shard.ready_again("a")
        assert again.where.attempt == 1
        assert again.position == shard.state.position
        assert shard.state.oldest_ready() == first + 1 if first else False
        assert kinds(shard.succeed("a"))[-1] == "TaskSucceeded a"


class TestJoins:
    def test_a_skip_cascades(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        assert kinds(shard.skip("a")) == [
            "TaskStarted a", "TaskSkipped a", "TaskSkipped b", "TaskSkipped c", "RunSucceeded",
        ]  # fmt: skip

    def test_a_failure_cascades(self, shard: Shard) -> None:
        shard.begin(CHAIN)
        events = shard.fail("a")
        assert kinds(events)[2:] == ["TaskUpstreamFailed b", "TaskUpstreamFailed c", "RunFailed"]
        assert isinstance(events[-1].data, RunFailed)
        assert events[-1].data.failed_leaves == ("c",)

    def test_a_failure_that_a_leaf_tolerates(self, shard: Shard) -> None:
        shard.begin(join(TriggerRule.ALL_DONE, 2))
        shard.fail("p0")
        assert ready_names(shard.succeed("p1")) == ["join"]
        assert kinds(shard.succeed("join"))[-1] == "RunSucceeded"

    def test_a_join_waits_for_all(self, shard: Shard) -> None:
        shard.begin(join(TriggerRule.ALL_SUCCESS, 3))
        assert ready_names(shard.succeed("p0")) == []
        assert ready_names(shard.succeed("p2")) == []
        assert ready_names(shard.succeed("p1")) == ["join"]

    def test_one_success_runs_early_and_once(self, shard: Shard) -> None:
        shard.begin(join(TriggerRule.ONE_SUCCESS, 2))
        assert ready_names(shard.succeed("p0")) == ["join"]
        shard.succeed("join")
        assert kinds(shard.succeed("p1")) == ["TaskSucceeded p1", "RunSucceeded"]

    def test_of_many_failed_leaves_a_hundred_are_named(self, shard: Shard) -> None:
        shard.begin(dag(task("a"), *(task(f"b{index}", "a") for index in range(150))))
        ended = shard.fail("a")[-1].data
        assert isinstance(ended, RunFailed)
        assert ended.failed_leaves == tuple(f"b{index}" for index in range(100))

    def test_the_run_waits_for_tasks_beside_a_failure(self, shard: Shard) -> None:
        shard.begin(dag(task("a"), task("b")))
        assert kinds(shard.fail("a"))[-1] == "TaskFailed a"
        assert kinds(shard.succeed("b"))[-1] == "RunFailed"


class TestFailuresOfOurs:
    """``handle`` meets an error in our own code: the run is put aside, the others go on."""

    @staticmethod
    def _break_react_after(monkeypatch: pytest.MonkeyPatch, cls: type) -> None:
        def broken(state: State, event: Event, now: datetime) -> Iterator[Fact]:
            if isinstance(event.data, cls):
                raise ZeroDivisionError("oops")
            return react(state, event, now)

        monkeypatch.setattr(handle_module, "react", broken)

    def test_the_run_is_quarantined(self, shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
        shard.begin(dag(task("a"), task("b", "a"), task("other")))
        shard.trigger("r2")
        self._break_react_after(monkeypatch, TaskSucceeded)
        events = shard.succeed("a")
        assert kinds(events) == ["TaskSucceeded a", "RunQuarantined"]
        assert isinstance(events[-1].data, RunQuarantined)
        assert "oops" in events[-1].data.error
        monkeypatch.undo()
        assert list(shard.state.runs) == [("default", "etl", "r2")]
        assert {key[2] for key in shard.state.ready} == {"r2"}
        assert dump(fold(shard.log)) == dump(shard.state)
        assert shard.refused("succeed", "a") == "RUN_CLOSED"

    def test_a_run_that_cannot_start(self, shard: Shard, monkeypatch: pytest.MonkeyPatch) -> None:
        shard.submit(CHAIN)
        self._break_react_after(monkeypatch, RunCreated)
        assert kinds(shard.trigger()) == ["RunCreated", "RunQuarantined"]
        assert shard.state.runs == {}

    def test_an_error_without_a_run_is_a_refusal(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> Iterator[Fact]:
            raise ZeroDivisionError

        monkeypatch.setattr(handle_module, "decide", broken)
        assert shard.refused("submit", CHAIN) == "INTERNAL"

    def test_a_fold_that_fails_leaves_no_hole(
        self, shard: Shard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("millstream.core.evolve._add_version", broken)
        assert shard.refused("submit", CHAIN) == "INTERNAL"
        assert shard.state.position == 0


def test_receipts(shard: Shard) -> None:
    submit = SubmitDag(id="s", namespace="default", spec=CHAIN)
    events = shard.handle(submit)
    first = receipt(shard.state, submit, events)
    assert first == Receipt(id="s", position=1, dag_id="etl", version=1)
    assert repeated_receipt("s", events) == first
    assert receipt(shard.state, submit, []) == first
    trigger = TriggerRun(id="t", namespace="default", dag_id="etl")
    events = shard.handle(trigger)
    got = receipt(shard.state, trigger, events)
    assert got.position == 4
    assert got.run_id.startswith("manual__")
    assert repeated_receipt("t", events) == got
    assert not got.is_refused


def test_an_epoch_begins(shard: Shard) -> None:
    (event,) = shard.handle(BeginEpoch(id="e", holder="host-1"))
    assert kinds([event]) == ["EpochStarted"]


def test_what_nobody_claims_for_long_is_stale(shard: Shard) -> None:
    shard.begin(dag(task("a"), task("b")))
    shard.submit(ONE)
    shard.trigger("r2")
    shard.start("a")
    younger = shard.log[-2].recorded_at
    (stale,) = stale_ready(shard.state, younger - timedelta(seconds=1))
    assert stale.where == RUN.task("b", (), 1)
    assert len(stale_ready(shard.state, shard.now)) == 2
    assert kinds(shard.handle(stale)) == ["TaskReady b"]
    assert stale_ready(shard.state, younger - timedelta(seconds=1)) == []
