"""``react``: what follows from an event. It reads the state as it is after the event and changes
nothing.

Each step is asked for when the one before has been folded in with all that follows from it, so that
every judgement sees the state as it really is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from millstream.core.choices import tasks_cut_off
from millstream.core.events import (
    Data,
    Event,
    Fact,
    RunCreated,
    RunFailed,
    RunStarted,
    RunSucceeded,
    TaskLost,
    TaskReady,
    TaskSkipped,
    TaskSucceeded,
    TaskUpstreamFailed,
    Where,
)
from millstream.core.spec import EmptyAction, TaskSpec, TriggerRule
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import FINISHED_TASK, RunStatus, TaskStatus, next_status
from millstream.core.trigger_rules import Upstream, Verdict, judge

MOST_LEAVES_NAMED = 100


def react(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    """The events that follow from ``event``, one at a time."""
    run = state.runs.get(run_key(event.where))
    if run is None:
        return
    match event.data:
        case RunCreated():
            yield Fact(event.where, RunStarted())
        case RunStarted():
            yield from _begin(run, run.version.graph.starts, now)
            yield from _end_run(state, run)
        case TaskLost(is_final=False):
            number = run.version.graph.number[event.where.task_id]
            yield make_ready(run, number, run.instances[number])
        case data if next_status(data) in FINISHED_TASK:
            number = run.version.graph.number[event.where.task_id]
            yield from _follow(run, number, data, now)
            yield from _end_run(state, run)


def _follow(run: Run, number: int, data: Data, now: datetime) -> Iterator[Fact]:
    """What the end of a task means for others: first what it cut off, then what waited for it."""
    graph = run.version.graph
    if isinstance(data, TaskSucceeded) and data.choice is not None:
        yield from _begin(run, tasks_cut_off(graph, number, data.choice), now)
    yield from _begin(run, graph.downstream[number], now)
    yield from _begin(run, graph.informed[number], now)


def make_ready(run: Run, number: int, instance: Instance) -> Fact:
    """The next attempt of a task; for one that is ready already, the same attempt again."""
    task = run.version.graph.tasks[number]
    is_again = instance.status is TaskStatus.QUEUED
    attempt = instance.attempt if is_again else instance.attempt + 1
    return Fact(
        Where(*run.key, task.task_id, (), attempt),
        TaskReady(
            queue=task.queue,
            version=run.version.version,
            bundle=run.version.bundle,
            file=run.version.spec.file,
            action=task.action,
            run=run.info,
            tries=instance.failures + 1,
            max_tries=task.retries + 1,
            execution_timeout_s=task.execution_timeout_s,
            exclusive=task.exclusive,
            do_xcom_push=task.do_xcom_push,
        ),
    )


def _begin(run: Run, numbers: Sequence[int], now: datetime) -> Iterator[Fact]:
    """What is decided about these tasks now, for those that have not begun."""
    graph = run.version.graph
    for number in numbers:
        instance = run.instances[number]
        if instance.status is not TaskStatus.NONE:
            continue
        task = graph.tasks[number]
        upstream = instance.upstream(len(graph.upstream[number]))
        if instance.cut_by:
            reason = f"task {instance.cut_by!r} chose not to go on here"
            yield Fact(Where(*run.key, task.task_id), TaskSkipped(reason=reason))
            continue
        match _judge(task, instance, upstream):
            case Verdict.RUN if isinstance(task.action, EmptyAction):
                yield Fact(
                    Where(*run.key, task.task_id), TaskSucceeded(started_at=now, ended_at=now)
                )
            case Verdict.RUN:
                yield make_ready(run, number, instance)
            case Verdict.SKIP:
                reason = f"trigger rule {task.trigger_rule}: {_describe(upstream)}"
                yield Fact(Where(*run.key, task.task_id), TaskSkipped(reason=reason))
            case Verdict.UPSTREAM_FAILED:
                reason = f"trigger rule {task.trigger_rule}: {_describe(upstream)}"
                yield Fact(Where(*run.key, task.task_id), TaskUpstreamFailed(reason=reason))


def _judge(task: TaskSpec, instance: Instance, upstream: Upstream) -> Verdict:
    """The trigger rule, and the setups and the scope that go beyond it."""
    extra = instance.extra
    if extra is None or task.trigger_rule is TriggerRule.ALWAYS:
        return judge(task.trigger_rule, upstream)
    if task.is_teardown:
        upstream = upstream._replace(
            setups=extra.setups,
            setup_success=extra.setup_success,
            setup_skipped=extra.setup_skipped,
        )
    elif extra.setup_failed:
        return Verdict.UPSTREAM_FAILED
    elif extra.setup_skipped:
        return Verdict.SKIP
    verdict = judge(task.trigger_rule, upstream)
    return Verdict.WAIT if verdict is Verdict.RUN and extra.waits else verdict


def _describe(upstream: Upstream) -> str:
    return (
        f"of {upstream.total} upstream tasks {upstream.success} succeeded, {upstream.skipped} "
        f"were skipped, {upstream.failed} failed, {upstream.upstream_failed} could not run"
    )


def _end_run(state: State, run: Run) -> Iterator[Fact]:
    if run.unfinished or run.status is not RunStatus.RUNNING or run.key not in state.runs:
        return
    where = Where(*run.key)
    if run.failed_leaves:
        yield Fact(where, RunFailed(failed_leaves=tuple(run.failed_leaves[:MOST_LEAVES_NAMED])))
    else:
        yield Fact(where, RunSucceeded())
