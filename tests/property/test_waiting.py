"""Random waits: whatever is lost, late or said twice, what waits goes on and every log folds."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from millstream.core.commands import WakeTask
from millstream.core.deferral import InputRequest, TriggerCall
from millstream.core.errors import Refused
from millstream.core.evolve import evolve, is_legal
from millstream.core.spec import DagSpec
from millstream.core.state import Instance, State
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskReady, TriggerReady
from millstream.core.timers import timer_after, timers_of
from property.test_core import ORDERS, dags
from shard import Shard, dag, dump, fold, kind, task

CALL = TriggerCall(classpath="a.B")
ASK = InputRequest(subject="?", options=("yes", "no"), defaults=("no",))
MOST_PAUSES = 4


def play(spec: DagSpec, order: Random) -> Shard:
    shard = Shard()
    shard.begin(spec)
    for _ in range(4000):
        if not shard.state.runs:
            return shard
        where, instance = order.choice(list(shard.state.open_instances()))
        try:
            step(shard, where.task_id, instance, order)
        except Refused:
            pass
    raise AssertionError("the run does not end")


def step(shard: Shard, name: str, instance: Instance, order: Random) -> None:
    """One thing that may happen to an instance that is not over."""
    attempt, waiting = instance.attempt, instance.waiting
    match instance.status:
        case TaskStatus.UP_FOR_RETRY:
            shard.retry(name, attempt)
        case TaskStatus.UP_FOR_RESCHEDULE:
            shard.wake(name, order.choice([attempt, attempt, attempt - 1]))
        case TaskStatus.AWAITING_INPUT:
            assert waiting is not None
            if order.random() < 0.5:
                shard.answer(name, order.choice(["yes", "no", "perhaps"]))
            else:
                shard.time_out(name, waiting.attempt)
        case TaskStatus.DEFERRED:
            assert waiting is not None
            match order.choice(["start", "fire", "fire", "lose", "time_out", "wake", "again"]):
                case "time_out" | "wake" as what:
                    getattr(shard, what)(name, waiting.attempt)
                case "again":
                    shard.ready_again(name, attempt)
                case what:
                    getattr(shard, what)(name, attempt, instance.token or "u")
        case _:
            token = instance.token or "t"
            pauses = ["reschedule", "defer", "sleep", "ask"] if attempt < 4 * MOST_PAUSES else []
            match order.choice([*pauses, "succeed", "fail", "skip", "start", "lose"]):
                case "defer":
                    shard.defer(name, attempt, token, trigger=CALL, timeout_s=9.0)
                case "sleep":
                    shard.defer(name, attempt, token, wake_at=shard.now)
                case "ask":
                    shard.defer(name, attempt, token, request=ASK)
                case what:
                    getattr(shard, what)(name, attempt, token)


@given(dags(), ORDERS)
def test_what_waits_goes_on(spec: DagSpec, order: Random) -> None:
    shard = play(spec, order)
    assert dump(fold(shard.log)) == dump(shard.state)
    assert shard.state.ready == {}
    attempts: dict[str, int] = {}
    state = State()
    for event in shard.log:
        assert is_legal(state, event.where, event.data)
        evolve(state, event)
        name, attempt = event.where.task_id, event.where.attempt
        if isinstance(event.data, TaskReady | TriggerReady):
            assert attempt - attempts.get(name, 0) in (0, 1), "attempts count 1, 2, 3"
            attempts[name] = attempt
        for where, instance in state.open_instances():
            check(state, where.task_id, instance)
    assert kind(shard.log[-1]) in ("RunSucceeded", "RunFailed")


def check(state: State, name: str, instance: Instance) -> None:
    """Whatever waits has something that will wake it."""
    is_offered = ("default", "etl", "r1", name, ()) in state.ready
    assert is_offered == (
        instance.status is TaskStatus.QUEUED
        or (instance.waiting is not None and instance.waiting.is_trigger_ready)
    )
    if instance.status is TaskStatus.UP_FOR_RESCHEDULE:
        assert any(
            isinstance(command, WakeTask) and command.where.task_id == name
            for _, command in timers_of(state)
        )


@given(st.integers(0, 9), st.integers(0, 9))
def test_the_earlier_end_of_a_wait_counts(wake_s: int, timeout_s: int) -> None:
    shard = Shard()
    shard.begin(dag(task("a")))
    wake_at = shard.now + timedelta(seconds=1 + wake_s)
    event = shard.defer("a", wake_at=wake_at, timeout_s=float(timeout_s))[-1]
    timer = timer_after(event)
    assert timer is not None
    assert timer[0] == min(wake_at, event.recorded_at + timedelta(seconds=timeout_s))
