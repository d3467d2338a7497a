"""``react``: what follows from an event. It reads the state as it is after the event and changes
nothing.

Each step is asked for when the one before has been folded in with all that follows from it, so that
every judgement sees the state as it really is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from millstream.core import waiting
from millstream.core.assets import updates_of
from millstream.core.choices import tasks_cut_off
from millstream.core.events import (
    AssetUpdated,
    Data,
    Event,
    Fact,
    RunCreated,
    RunFailed,
    RunStarted,
    RunSucceeded,
    TaskDeferred,
    TaskExpanded,
    TaskLost,
    TaskReady,
    TaskResumed,
    TaskSkipped,
    TaskSucceeded,
    TaskUpstreamFailed,
    TriggerLost,
    Where,
)
from millstream.core.spec import EmptyAction, TaskSpec, TriggerRule
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import FINISHED_TASK, RunStatus, TaskStatus, next_status
from millstream.core.trigger_rules import Upstream, Verdict, judge

MOST_LEAVES_NAMED = 100


def react(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    """The events that follow from ``event``, one at a time."""
    if isinstance(event.data, AssetUpdated):
        yield from _run_for_assets(state, event.where.namespace, event.data, now)
        return
    run = state.runs.get(run_key(event.where))
    if run is None:
        return
    match event.data:
        case RunCreated():
            yield Fact(event.where, RunStarted())
        case RunStarted():
            yield from _expand_known(run)
            yield from _begin(run, run.version.graph.starts, now)
            yield from _end_run(state, run)
        case TaskLost(is_final=False) | TaskResumed():
            found = run.find(event.where.task_id, event.where.map_index)
            assert found is not None, "the event was legal"
            yield make_ready(run, *found, event.where.map_index)
        case TaskDeferred() | TriggerLost():
            found = run.find(event.where.task_id, event.where.map_index)
            assert found is not None, "the event was legal"
            yield from waiting.trigger_of(run, *found, event.where)
        case TaskExpanded():
            yield from _begin(run, (run.version.graph.number[event.where.task_id],), now)
        case data if next_status(data) in FINISHED_TASK:
            number = run.version.graph.number[event.where.task_id]
            if isinstance(data, TaskSucceeded):
                yield from _update_assets(state, run, number, event.where, data)
            yield from _follow(run, number, data, now)
            yield from _end_run(state, run)


def _update_assets(
    state: State, run: Run, number: int, where: Where, data: TaskSucceeded
) -> Iterator[Fact]:
    task = run.version.graph.tasks[number]
    if task.outlets:
        for update in updates_of(state.assets, where.namespace, task, data.assets):
            yield Fact(where, update)


def _run_for_assets(
    state: State, namespace: str, data: AssetUpdated, now: datetime
) -> Iterator[Fact]:
    """A run of each DAG that has now seen all that it waits for."""
    for key in state.assets.watchers(namespace, data):
        if not state.assets.is_met(key):
            continue
        version = state.latest(*key)
        assert version is not None, "a DAG that waits was submitted"
        yield Fact(
            Where(*key, f"asset_triggered__{now.isoformat()}"),
            RunCreated(
                version=version.version,
                run_type="asset_triggered",
                triggered_by="asset",
                run_after=now,
                asset_events=state.assets.watches[key].positions(),
            ),
        )


def _expand_known(run: Run) -> Iterator[Fact]:
    """The mapped tasks whose values all stand in the DAG file are expanded at once."""
    graph = run.version.graph
    for number, task in enumerate(graph.tasks):
        if task.mapped_over and not graph.sources[number]:
            length = _map_length(run, number)
            if length:
                yield Fact(Where(*run.key, task.task_id), TaskExpanded(length=length))


def _map_length(run: Run, number: int) -> int | None:
    """How many instances a mapped task has; None while that is not known, or cannot be."""
    graph = run.version.graph
    length = 1
    for source in graph.tasks[number].mapped_over:
        known = (
            run.instances[graph.number[source.task_id]].length if source.task_id else source.length
        )
        if known < 0:
            return None
        length *= known
    return length


def _follow(run: Run, number: int, data: Data, now: datetime) -> Iterator[Fact]:
    """What the end of a task means for others: first what it cut off, then what waited for it."""
    graph = run.version.graph
    if isinstance(data, TaskSucceeded) and data.choice is not None:
        cut_off = tasks_cut_off(graph, number, data.choice)
        yield from _begin(run, cut_off, now)
        yield from _skip_hopeless(run, cut_off)
    yield from _begin(run, graph.downstream[number], now)
    yield from _begin(run, graph.informed[number], now)


def make_ready(run: Run, number: int, instance: Instance, map_index: tuple[int, ...]) -> Fact:
    """The next attempt of a task; for one that is ready already, the same attempt again."""
    task = run.version.graph.tasks[number]
    is_again = instance.status is TaskStatus.QUEUED
    attempt = instance.attempt if is_again else instance.attempt + 1
    before = instance.waiting
    return Fact(
        Where(*run.key, task.task_id, map_index, attempt),
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
            is_mapped_over=run.version.graph.is_source[number],
            resume=before.resume if before else None,
            first_started_at=before.first_started_at if before else None,
        ),
    )


def _begin(run: Run, numbers: Sequence[int], now: datetime) -> Iterator[Fact]:
    """What is decided about these tasks now, for those that have not begun."""
    for number in numbers:
        task, instance = run.version.graph.tasks[number], run.instances[number]
        if instance.status is not TaskStatus.NONE:
            continue
        if instance.elements and instance.elements[0].status is not TaskStatus.NONE:
            continue  # what is decided about one instance is decided about all
        verdict, reason = _verdict(run, number)
        if verdict is Verdict.RUN and task.mapped_over and not instance.elements:
            length = _map_length(run, number)
            if length:
                yield Fact(Where(*run.key, task.task_id), TaskExpanded(length=length))
                continue  # the instances begin when they are there
            verdict, reason = _nothing_to_map(run, number, length)
        if verdict is not Verdict.WAIT:
            yield from _begin_all(run, number, verdict, reason, now)


def _nothing_to_map(run: Run, number: int, length: int | None) -> tuple[Verdict, str]:
    graph = run.version.graph
    # The rule `always` waits for nothing, not even for the values: then, as in Airflow, it fails.
    waits = graph.tasks[number].trigger_rule is not TriggerRule.ALWAYS
    if waits and any(not run.is_over(source) for source in graph.sources[number]):
        return Verdict.WAIT, ""
    if length is None:
        return Verdict.UPSTREAM_FAILED, "the values to map over are missing"
    return Verdict.SKIP, "there is nothing to map over"


def _skip_hopeless(run: Run, numbers: Sequence[int]) -> Iterator[Fact]:
    """A branch skips also what could not run any more: as in Airflow, its word is the last."""
    for number in numbers:
        task, instance = run.version.graph.tasks[number], run.instances[number]
        reason = f"task {instance.cut_by!r} chose not to go on here"
        if instance.status is TaskStatus.UPSTREAM_FAILED:
            yield Fact(Where(*run.key, task.task_id), TaskSkipped(reason=reason))


def _begin_all(
    run: Run, number: int, verdict: Verdict, reason: str, now: datetime
) -> Iterator[Fact]:
    """The verdict for a task, or for each instance of one that is expanded."""
    task, instance = run.version.graph.tasks[number], run.instances[number]
    pairs: list[tuple[tuple[int, ...], Instance]] = [((), instance)]
    if instance.elements:
        pairs = [((index,), element) for index, element in enumerate(instance.elements)]
    for map_index, one in pairs:
        where = Where(*run.key, task.task_id, map_index)
        match verdict:
            case Verdict.RUN if isinstance(task.action, EmptyAction):
                yield Fact(where, TaskSucceeded(started_at=now, ended_at=now))
            case Verdict.RUN:
                yield make_ready(run, number, one, map_index)
            case Verdict.SKIP:
                yield Fact(where, TaskSkipped(reason=reason))
            case Verdict.UPSTREAM_FAILED:
                yield Fact(where, TaskUpstreamFailed(reason=reason))


def _verdict(run: Run, number: int) -> tuple[Verdict, str]:
    """What is decided about a task now, and why."""
    graph = run.version.graph
    task, instance = graph.tasks[number], run.instances[number]
    if instance.cut_by:
        return Verdict.SKIP, f"task {instance.cut_by!r} chose not to go on here"
    for source in graph.sources[number]:
        name = graph.tasks[source].task_id
        match run.instances[source].status:
            case TaskStatus.FAILED | TaskStatus.UPSTREAM_FAILED:
                return Verdict.UPSTREAM_FAILED, f"mapped over {name!r}, which failed"
            case TaskStatus.SKIPPED:
                return Verdict.SKIP, f"mapped over {name!r}, which was skipped"
    upstream = instance.upstream(len(graph.upstream[number]) + instance.more_upstream)
    return (
        _judge(task, instance, upstream),
        f"trigger rule {task.trigger_rule}: {_describe(upstream)}",
    )


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
