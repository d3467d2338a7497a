"""Tasks that wait without a process: rescheduled, deferred, and those that ask a person."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from millstream.core.deferral import AssignedUser, InputRequest, TriggerCall
from millstream.core.events import Event
from millstream.core.reports import RescheduleAttempt
from millstream.core.state import Instance, State
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskReady, TaskResumed, TriggerReady
from millstream.core.timers import stale_ready, timer_after, timers_of
from shard import RUN, T0, Shard, dag, dump, fold, kinds, task

CALL = TriggerCall(classpath="jobs.JobTrigger", kwargs=msgspec.Raw(b'{"job":7}'))
ASK = InputRequest(subject="Deploy?", options=("Approve", "Reject"))
ONE = dag(task("a"), task("b", "a"))


@pytest.fixture
def shard() -> Shard:
    shard = Shard()
    shard.begin(ONE)
    return shard


def ready(events: list[Event]) -> TaskReady:
    (data,) = [event.data for event in events if isinstance(event.data, TaskReady)]
    return data


def resumed(events: list[Event]) -> TaskResumed:
    (data,) = [event.data for event in events if isinstance(event.data, TaskResumed)]
    return data


def timer(event: Event) -> tuple[float, str]:
    """After how many seconds which command is due."""
    found = timer_after(event)
    assert found is not None
    return (found[0] - event.recorded_at).total_seconds(), type(found[1]).__name__


class TestReschedule:
    def test_the_task_waits_without_an_attempt(self, shard: Shard) -> None:
        shard.start("a")
        (event,) = shard.reschedule("a", after_s=60)
        assert kinds([event]) == ["TaskRescheduled a"]
        assert shard.status("a") is TaskStatus.UP_FOR_RESCHEDULE
        assert timer(event) == (60, "WakeTask")

    def test_it_is_ready_again_at_its_instant_and_knows_when_it_began(self, shard: Shard) -> None:
        shard.start("a")
        began = shard.now
        shard.reschedule("a")
        data = ready(shard.wake("a"))
        assert (data.tries, data.first_started_at) == (1, began)
        shard.reschedule("a", 2)
        assert ready(shard.wake("a", 2)).first_started_at == data.first_started_at

    def test_the_first_start_outlives_a_retry(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a", retries=1)))
        shard.reschedule("a")
        first = ready(shard.wake("a")).first_started_at
        shard.fail("a", 2)
        data = ready(shard.retry("a", 2))
        assert (data.tries, data.first_started_at) == (2, first)

    def test_the_distance_counts_from_our_clock(self, shard: Shard) -> None:
        """A worker whose clock is a day ahead says `until` by its own clock."""
        ahead = shard.now + timedelta(days=1)
        command = RescheduleAttempt(
            id="late",
            where=RUN.task("a", (), 1),
            worker="w",
            token="t",
            started_at=ahead,
            ended_at=ahead,
            until=ahead + timedelta(seconds=60),
        )
        events = shard.handle(command)
        assert timer(events[-1]) == (60, "WakeTask")

    def test_an_old_timer_does_nothing(self, shard: Shard) -> None:
        shard.reschedule("a")
        shard.wake("a")
        assert shard.wake("a") == []
        assert shard.wake("b") == []

    def test_it_counts_as_no_failure_and_its_downstream_waits(self, shard: Shard) -> None:
        for attempt in range(1, 6):
            shard.reschedule("a", attempt)
            assert ready(shard.wake("a", attempt)).tries == 1
        assert shard.status("b") is TaskStatus.NONE
        assert kinds(shard.succeed("a", 6))[-1] == "TaskReady b"


class TestTrigger:
    def test_a_deferred_task_hands_its_trigger_to_a_worker(self, shard: Shard) -> None:
        events = shard.defer("a", trigger=CALL, timeout_s=30.0)
        assert kinds(events) == ["TaskStarted a", "TaskDeferred a", "TriggerReady a"]
        data = events[-1].data
        assert isinstance(data, TriggerReady)
        assert (data.trigger, data.queue, events[-1].where.attempt) == (CALL, "default", 2)
        assert shard.status("a") is TaskStatus.DEFERRED
        assert timer(events[1]) == (30, "TimeOutWait")

    def test_what_it_says_is_handed_to_the_next_attempt(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL, kwargs=msgspec.Raw(b'{"page":1}'))
        assert kinds(shard.start("a", 2, "u")) == ["TriggerStarted a"]
        events = shard.fire("a", payload=msgspec.Raw(b'"done"'))
        assert kinds(events) == ["TaskResumed a", "TaskReady a"]
        resume = ready(events).resume
        assert resume is not None
        assert (resume.method, resume.cause) == ("execute_complete", "event")
        assert (bytes(resume.kwargs), bytes(resume.payload)) == (b'{"page":1}', b'"done"')
        assert events[-1].where.attempt == 3
        assert kinds(shard.succeed("a", 3)) == ["TaskSucceeded a", "TaskReady b"]

    def test_firing_claims_as_well(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        assert kinds(shard.fire("a"))[0] == "TriggerStarted a"

    def test_the_first_claim_wins(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        shard.start("a", 2, "u")
        assert shard.refused("start", "a", 2, "v") == "CLAIM_LOST"
        assert shard.refused("fire", "a", 2, "v") == "CLAIM_LOST"
        assert shard.refused("fire", "a", 1, "t") == "ATTEMPT_CLOSED"
        shard.fire("a", 2, "u")
        assert shard.refused("fire", "a", 2, "u") == "NOT_WAITING"

    def test_a_late_claim_of_the_attempt_that_deferred(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        assert shard.refused("start", "a", 1, "t") == "ATTEMPT_CLOSED"
        assert shard.refused("succeed", "a", 1, "t") == "ATTEMPT_CLOSED"

    def test_a_lost_trigger_is_run_again_however_often(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        for attempt in range(2, 12):
            shard.start("a", attempt, f"u{attempt}")
            events = shard.lose("a", attempt, f"u{attempt}")
            assert kinds(events) == ["TriggerLost a", "TriggerReady a"]
            assert events[-1].where.attempt == attempt + 1
        assert shard.lose("a", 3, "u3") == []
        assert kinds(shard.fire("a", 12))[-1] == "TaskReady a"

    def test_a_trigger_that_nobody_took_is_offered_again(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        (command,) = stale_ready(shard.state, shard.now + timedelta(seconds=1))
        (event,) = shard.handle(command)
        assert (kinds([event]), event.where.attempt) == (["TriggerReady a"], 2)

    def test_time_out(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL, timeout_s=30.0)
        shard.start("a", 2, "u")
        events = shard.time_out("a")
        assert kinds(events) == ["TaskResumed a", "TaskReady a"]
        assert resumed(events).cause == "timeout"
        assert shard.refused("fire", "a", 2, "u") == "NOT_WAITING"
        assert shard.time_out("a") == []

    def test_a_time_out_before_a_worker_took_the_trigger(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL, timeout_s=30.0)
        assert kinds(shard.time_out("a")) == ["TaskResumed a", "TaskReady a"]
        assert [key[3] for key in shard.state.ready] == ["a"]

    def test_a_lost_attempt_goes_on_at_the_same_place(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        shard.fire("a")
        shard.start("a", 3)
        assert ready(shard.lose("a", 3)).resume is not None

    def test_a_retry_begins_at_the_beginning(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a", retries=1)))
        shard.defer("a", trigger=CALL)
        shard.fire("a")
        shard.fail("a", 3)
        assert ready(shard.retry("a", 3)).resume is None

    def test_it_may_defer_again(self, shard: Shard) -> None:
        shard.defer("a", trigger=CALL)
        shard.fire("a")
        shard.defer("a", 3, trigger=CALL, method="second")
        resume = ready(shard.fire("a", 4)).resume
        assert resume is not None
        assert resume.method == "second"


class TestInstant:
    def test_the_scheduler_itself_wakes_it(self, shard: Shard) -> None:
        moment = shard.now + timedelta(hours=1)
        events = shard.defer("a", wake_at=moment, payload=msgspec.Raw(b'"now"'), timeout_s=7200.0)
        assert kinds(events) == ["TaskStarted a", "TaskDeferred a"]
        found = timer_after(events[-1])
        assert found is not None
        assert (found[0], type(found[1]).__name__) == (moment, "WakeTask")
        resume = ready(shard.wake("a")).resume
        assert resume is not None
        assert (resume.cause, bytes(resume.payload)) == ("event", b'"now"')
        assert shard.wake("a") == []

    def test_a_shorter_time_out_comes_first(self, shard: Shard) -> None:
        moment = shard.now + timedelta(hours=1)
        events = shard.defer("a", wake_at=moment, timeout_s=10.0)
        assert timer(events[-1]) == (10, "TimeOutWait")

    def test_nobody_claims_it(self, shard: Shard) -> None:
        shard.defer("a", wake_at=shard.now)
        assert shard.refused("start", "a", 2, "u") == "ATTEMPT_CLOSED"


class TestAnswer:
    def test_an_answer(self, shard: Shard) -> None:
        events = shard.defer("a", request=ASK)
        assert kinds(events) == ["TaskStarted a", "TaskAwaitsInput a"]
        assert shard.status("a") is TaskStatus.AWAITING_INPUT
        events = shard.answer("a", "Approve", user="ada")
        payload = msgspec.json.decode(resumed(events).payload)
        assert payload["chosen_options"] == ["Approve"]
        assert payload["responded_by_user"] == {"id": "ada", "name": "ada"}
        assert payload["timedout"] is False
        assert kinds(events) == ["TaskResumed a", "TaskReady a"]
        assert shard.refused("answer", "a", "Approve") == "NOT_WAITING"

    @pytest.mark.parametrize("options", [(), ("Maybe",), ("Approve", "Reject")])
    def test_an_answer_that_is_none(self, shard: Shard, options: tuple[str, ...]) -> None:
        shard.defer("a", request=ASK)
        assert shard.refused("answer", "a", *options) == "INVALID_ANSWER"

    def test_several_options(self, shard: Shard) -> None:
        shard.defer("a", request=msgspec.structs.replace(ASK, multiple=True))
        assert shard.refused("answer", "a", "Reject", "Reject") == "INVALID_ANSWER"
        assert shard.answer("a", "Approve", "Reject")

    def test_the_form(self, shard: Shard) -> None:
        params: dict[str, Any] = {"why": {"value": "because"}, "days": {"value": 1}}
        shard.defer("a", request=msgspec.structs.replace(ASK, params=params))
        assert shard.refused("answer", "a", "Approve", params={"who": 1}) == "INVALID_ANSWER"
        payload = msgspec.json.decode(
            resumed(shard.answer("a", "Approve", params={"days": 2})).payload
        )
        assert payload["params_input"] == {"why": "because", "days": 2}

    def test_only_those_who_are_assigned(self, shard: Shard) -> None:
        users = (AssignedUser(id="1", name="ada"),)
        shard.defer("a", request=msgspec.structs.replace(ASK, assigned_users=users))
        assert shard.refused("answer", "a", "Approve", user="eve") == "NOT_ASSIGNED"
        assert shard.refused("answer", "a", "Approve") == "NOT_ASSIGNED"
        assert shard.answer("a", "Approve", user="ada")

    def test_the_defaults_are_taken_when_the_time_is_over(self, shard: Shard) -> None:
        request = msgspec.structs.replace(ASK, defaults=("Reject",))
        events = shard.defer("a", request=request, timeout_s=5.0)
        assert timer(events[-1]) == (5, "TimeOutWait")
        data = resumed(shard.time_out("a"))
        payload = msgspec.json.decode(data.payload)
        assert (data.cause, payload["chosen_options"], payload["timedout"]) == (
            "answer",
            ["Reject"],
            True,
        )

    def test_without_defaults_the_time_out_is_an_error(self, shard: Shard) -> None:
        shard.defer("a", request=ASK, timeout_s=5.0)
        assert resumed(shard.time_out("a")).cause == "timeout"

    def test_who_does_not_ask_gets_no_answer(self, shard: Shard) -> None:
        assert shard.refused("answer", "a", "Approve") == "NOT_WAITING"
        assert shard.refused("answer", "ghost", "Approve") == "TASK_NOT_FOUND"
        shard.defer("a", trigger=CALL)
        assert shard.refused("answer", "a", "Approve") == "NOT_WAITING"


def test_the_timers_are_there_after_a_restart() -> None:
    shard = Shard()
    shard.begin(dag(*(task(name) for name in "abcd")))
    events = [
        *shard.reschedule("a", after_s=1),
        *shard.defer("b", trigger=CALL, timeout_s=2.0),
        *shard.defer("c", wake_at=T0 + timedelta(hours=1)),
        *shard.defer("d", request=ASK, timeout_s=4.0),
    ]
    shard.start("b", 2, "u")
    expected = [found for event in events if (found := timer_after(event))]
    state = fold(shard.log)
    assert dump(state) == dump(shard.state)
    assert list(timers_of(state)) == expected
    assert len(expected) == 4


def test_nothing_is_remembered_of_what_is_over(shard: Shard) -> None:
    shard.reschedule("a")
    shard.wake("a")
    shard.succeed("a", 2)
    assert instance(shard.state, "a").waiting is None


def instance(state: State, name: str) -> Instance:
    found = state.runs["default", "etl", "r1"].find(name)
    assert found is not None
    return found[1]
