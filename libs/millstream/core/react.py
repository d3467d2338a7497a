"""``react``: what follows from an event. It reads the state as it is after the event and changes
nothing.

Each step is asked for when the one before has been folded in with all that follows from it, so that
every judgement sees the state as it really is.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from millstream.core import callbacks, waiting
from millstream.core.assets import updates_of
from millstream.core.choices import tasks_cut_off
from millstream.core.deadlines import set_deadlines
from millstream.core.event_parts import Where
from millstream.core.events import (
    AssetUpdated,
    Event,
    Fact,
    RunCreated,
    RunFailed,
    RunMarked,
    RunReopened,
    RunStarted,
    RunSucceeded,
)
from millstream.core.mapping import map_length
from millstream.core.past import Past, waiting_for
from millstream.core.quarantine import put_aside, text_of
from millstream.core.run_queue import follow_dag
from millstream.core.spec import EmptyAction
from millstream.core.state import DagKey, Instance, Run, State, run_key
from millstream.core.statuses import FINISHED_TASK, RunStatus, TaskStatus, next_status
from millstream.core.stopping import end_as
from millstream.core.task_events import (
    TaskCleared,
    TaskDeferred,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskReady,
    TaskResized,
    TaskScheduled,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TaskUpstreamFailed,
    TriggerLost,
)
from millstream.core.trigger_rules import Verdict
from millstream.core.verdicts import (
    View,
    mind_past,
    verdict_of,
    verdict_of_one,
    view_at,
    view_of,
)

MOST_LEAVES_NAMED = 100
Path = tuple[int, ...]


# Half of all events; the rest is looked at below.
_NOTHING_FOLLOWS = (TaskReady, TaskStarted, TaskScheduled)


def react(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    """The events that follow from ``event``, one at a time."""
    if type(event.data) in _NOTHING_FOLLOWS:
        return
    if callbacks.is_callback(event.where):
        yield from callbacks.react(state, event)
        return
    if isinstance(event.data, AssetUpdated):
        yield from _run_for_assets(state, event.where.namespace, event.data, now)
        return
    if not event.where.task_id:
        yield from set_deadlines(state, event)
        yield from follow_dag(state, event, now)
        yield from _remember_end(state, event.where)
    yield from _in_run(state, event, now)
    if state.callbacks:
        yield from callbacks.begin(state, event)


def _in_run(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    run = state.runs.get(run_key(event.where))
    if run is None:
        return
    match event.data:
        case RunReopened():
            yield from _end_run(state, run)
        case RunStarted():
            yield from _begin_run(run, now)
            yield from _end_run(state, run)
        case RunMarked():
            yield from _end_run(state, run)
        case TaskCleared() if run.status is RunStatus.RUNNING:
            number = run.version.graph.number[event.where.task_id]
            yield from _begin(run, number, event.where.map_index, now)
        case TaskFailed(retry_at=None) | TaskLost(is_final=True) if (
            run.version.spec.fail_fast and run.marked is None
        ):
            yield from _fail_fast(run, event.where, now)
            yield from _end_run(state, run)
        case TaskLost(is_final=False):
            found = run.find(event.where.task_id, event.where.map_index)
            assert found is not None, "the event was legal"
            yield begin_again(run, *found, event.where.map_index)
        case TaskDeferred() | TriggerLost():
            found = run.find(event.where.task_id, event.where.map_index)
            assert found is not None, "the event was legal"
            yield from waiting.trigger_of(run, *found, event.where)
        case TaskExpanded() | TaskResized():
            number = run.version.graph.number[event.where.task_id]
            yield from _begin(run, number, event.where.map_index, now)
        case data if next_status(data) in FINISHED_TASK:
            if isinstance(data, TaskSucceeded):
                yield from _update_assets(state, run, event.where, data)
            if run.status is RunStatus.RUNNING:
                yield from _follow(run, event, now)
            yield from _end_run(state, run)
    if run.past is not None and next_status(event.data) in FINISHED_TASK:
        yield from _follow_past(run, run.past, event.where.task_id, now)


def _update_assets(state: State, run: Run, where: Where, data: TaskSucceeded) -> Iterator[Fact]:
    graph = run.version.graph
    task = graph.tasks[graph.number[where.task_id]]
    if task.outlets:
        for update in updates_of(state.assets, where.namespace, task, data.assets):
            yield Fact(where, update)


def _run_for_assets(
    state: State, namespace: str, data: AssetUpdated, now: datetime
) -> Iterator[Fact]:
    """A run of each DAG that has now seen all that it waits for."""
    for key in state.assets.watchers(namespace, data):
        if not state.dags[key].is_paused:
            yield from _run_of_assets(state, key, now)


def _run_of_assets(state: State, key: DagKey, now: datetime) -> Iterator[Fact]:
    """A DAG that fails here is not the one that updated the asset."""
    try:
        if not state.assets.is_met(key):
            return
        positions = state.assets.watches[key].positions()
    except Exception as error:
        fact = put_aside(state, Where(*key), text_of(error))
        if fact is not None:
            yield fact
        return
    version = state.latest(*key)
    assert version is not None, "a DAG that waits was submitted"
    yield Fact(
        Where(*key, f"asset_triggered__{now.isoformat()}"),
        RunCreated(
            version=version.version,
            run_type="asset_triggered",
            triggered_by="asset",
            run_after=now,
            asset_events=positions,
        ),
    )


def _begin_run(run: Run, now: datetime) -> Iterator[Fact]:
    """What can begin at once. Of a run that was reopened or made from another one, or marked in the
    queue, or whose tasks were, that may be anything that is not over."""
    graph = run.version.graph
    is_other = run.is_reopened or run.created.rerun is not None or run.marked is not None
    if is_other or run.unfinished < len(graph.tasks):
        for number in range(len(graph.tasks)):
            yield from _begin(run, number, (), now)
        return
    for number, is_known in enumerate(graph.known):
        if is_known:
            yield from _begin(run, number, (), now)
    for number in graph.starts:
        yield from _begin(run, number, (), now)


def _fail_fast(run: Run, where: Where, now: datetime) -> Iterator[Fact]:
    """A task failed for good, so all others end; only teardowns still run."""
    graph = run.version.graph
    number = graph.number[where.task_id]
    yield from end_as(run, "failed", f"fail_fast: task {where.task_id!r} failed")
    for other, shared in (*graph.below[number], *graph.informs[number]):
        if graph.tasks[other].is_teardown:
            yield from _begin(run, other, where.map_index[:shared], now)


def _follow(run: Run, event: Event, now: datetime) -> Iterator[Fact]:
    """What the end of an instance means for others: first what it cut off, then what waited for
    it."""
    graph, path, data = run.version.graph, event.where.map_index, event.data
    number = graph.number[event.where.task_id]
    if isinstance(data, TaskSucceeded) and data.choice is not None:
        for other, shared in tasks_cut_off(graph, number, data.choice):
            yield from _begin(run, other, path[:shared], now)
    for edges in (graph.below[number], graph.informs[number]):
        for other, shared in edges:
            node, _ = run.nearest(other, path[:shared])
            if node.news == event.position:  # else nothing changed that could decide anything
                yield from _begin(run, other, path[:shared], now)
    for other, shared in graph.feeds[number]:
        if run.nearest(number, path[:shared])[0].is_over:
            yield from _begin(run, other, path[:shared], now)


def cut_off(state: State, event: Event, now: datetime) -> Iterator[Fact]:
    """What a branch or a short circuit skips at once, before anything else is judged. Instances of
    what is expanded are not among it: they are judged like the others."""
    data, path = event.data, event.where.map_index
    run = state.runs.get(run_key(event.where))
    if type(data) is not TaskSucceeded or data.choice is None or run is None:
        return
    if run.status is not RunStatus.RUNNING:
        return
    graph = run.version.graph
    for other, shared in tasks_cut_off(graph, graph.number[event.where.task_id], data.choice):
        if shared or not run.instances[other].elements:
            yield from _begin(run, other, path[:shared], now)
            yield from _skip_hopeless(run, other, path[:shared])


def _remember_end(state: State, where: Where) -> Iterator[Fact]:
    """A run that ended in a DAG whose tasks depend on the past."""
    past = state.pasts.get((where.namespace, where.dag_id))
    if past is not None and past.ended is not None and past.ended[0] == where.run_id:
        yield Fact(Where(where.namespace, where.dag_id), past.ended[1])


def _follow_past(run: Run, past: Past, task_id: str, now: datetime) -> Iterator[Fact]:
    """What waited in later runs for the end of a task in this one."""
    if not run.instances[run.version.graph.number[task_id]].is_over:
        return
    for later in past.after(run):
        if later.status is RunStatus.RUNNING:
            for number in waiting_for(later.version.graph, task_id):
                yield from _begin(later, number, (), now)


def make_ready(run: Run, number: int, instance: Instance, map_index: Path) -> Fact:
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
            max_tries=instance.max_tries or task.retries + 1,
            execution_timeout_s=task.execution_timeout_s,
            exclusive=task.exclusive,
            do_xcom_push=task.do_xcom_push,
            is_mapped_over=run.version.graph.is_measured[number],
            resume=before.resume if before else None,
            first_started_at=before.first_started_at if before else None,
            pool=task.pool,
            pool_slots=task.pool_slots,
            isolation=task.isolation,
            resources=task.resources,
        ),
    )


def begin_again(run: Run, number: int, node: Instance, path: Path) -> Fact:
    """An instance may run, or all below a node that have not begun: the next attempt becomes ready
    as soon as there is room for it (``gate``)."""
    task = run.version.graph.tasks[number]
    return Fact(
        Where(*run.key, task.task_id, path, node.attempt),
        TaskScheduled(length=len(node.elements), pool=task.pool, pool_slots=task.pool_slots),
    )


def may_begin(run: Run, number: int, path: Path, now: datetime) -> bool:
    """Whether what is at ``path`` and has not begun may begin now: for whoever checks a log."""
    begun = (TaskScheduled, TaskSucceeded)
    return any(isinstance(fact.data, begun) for fact in _begin(run, number, path, now))


def _begin(run: Run, number: int, path: Path, now: datetime) -> Iterator[Fact]:
    """What is decided now about a task, or about its instances at ``path`` and below: for those
    that have not begun."""
    node, path, view = view_at(run, number, path)
    yield from _begin_below(run, number, node, path, view, now)


def _begin_below(
    run: Run, number: int, node: Instance, path: Path, view: View, now: datetime
) -> Iterator[Fact]:
    if not node.elements:
        if node.status is TaskStatus.NONE:
            yield from _begin_one(run, number, node, path, view, now)
        return
    graph = run.version.graph
    length = _new_length(run, number, node, path)
    if length is not None:
        where = Where(*run.key, graph.tasks[number].task_id, path)
        yield Fact(where, TaskResized(length=length))
        return  # the instances begin when there are as many as there are items
    is_last = len(path) + 1 == len(graph.levels[number])
    if is_last and graph.finest[number] <= len(path):
        # All instances wait for the same: what is decided about one is decided about all.
        verdict, reason = verdict_of(graph.tasks[number], view)
        verdict = mind_past(run, number, verdict)
        if verdict is Verdict.WAIT or all(
            element.status is not TaskStatus.NONE for element in node.elements
        ):
            return
        if verdict is Verdict.RUN and not isinstance(graph.tasks[number].action, EmptyAction):
            yield begin_again(run, number, node, path)
        else:
            for index, element in enumerate(node.elements):
                if element.status is TaskStatus.NONE:
                    yield _decided(run, number, element, (*path, index), verdict, reason, now)
        return
    for index, element in enumerate(node.elements):
        below = view_of(element, view)
        yield from _begin_below(run, number, element, (*path, index), below, now)


def _new_length(run: Run, number: int, node: Instance, path: Path) -> int | None:
    """How many instances a task has that is mapped over something which was cleared and came back
    with another length; None if it stays as it is, as what is over does until it is cleared too."""
    level = run.version.graph.levels[number][len(path)]
    if not run.was_cleared or not level.sources or node.is_over:
        return None
    length = map_length(run, level, path)
    if length is None:
        return None
    begun = (
        index
        for index, element in enumerate(node.elements, 1)
        if any(leaf.status is not TaskStatus.NONE for _, leaf in element.leaves())
    )
    length = max(length, *begun, 0)
    return None if length == len(node.elements) else length


def _begin_one(
    run: Run, number: int, instance: Instance, path: Path, view: View, now: datetime
) -> Iterator[Fact]:
    """What is decided about one instance, or about all of a level that is not expanded."""
    verdict, reason, length = verdict_of_one(run, number, path, view)
    if length:
        task_id = run.version.graph.tasks[number].task_id
        yield Fact(Where(*run.key, task_id, path), TaskExpanded(length=length))
        return  # the instances begin when they are there
    if mind_past(run, number, verdict) is not Verdict.WAIT:
        yield _decided(run, number, instance, path, verdict, reason, now)


def _skip_hopeless(run: Run, number: int, path: Path) -> Iterator[Fact]:
    """A branch skips also what could not run any more: as in Airflow, its word is the last."""
    task = run.version.graph.tasks[number]
    node, depth = run.nearest(number, path)
    reason = f"task {node.cut_by!r} chose not to go on here"
    for below, instance in node.leaves(path[:depth]):
        if instance.status is TaskStatus.UPSTREAM_FAILED:
            yield Fact(Where(*run.key, task.task_id, below), TaskSkipped(reason=reason))


def _decided(
    run: Run,
    number: int,
    instance: Instance,
    path: Path,
    verdict: Verdict,
    reason: str,
    now: datetime,
) -> Fact:
    """The event of a verdict that is not to wait."""
    task = run.version.graph.tasks[number]
    where = Where(*run.key, task.task_id, path)
    match verdict:
        case Verdict.RUN if isinstance(task.action, EmptyAction):
            return Fact(where, TaskSucceeded(started_at=now, ended_at=now))
        case Verdict.RUN:
            return begin_again(run, number, instance, path)
        case Verdict.SKIP:
            return Fact(where, TaskSkipped(reason=reason))
        case _:
            return Fact(where, TaskUpstreamFailed(reason=reason))


def _end_run(state: State, run: Run) -> Iterator[Fact]:
    may_end = run.status is RunStatus.RUNNING or run.is_reopened or run.marked is not None
    if run.unfinished or not may_end or run.key not in state.runs:
        return
    where = Where(*run.key)
    leaves = tuple(islice(run.failed_leaves, MOST_LEAVES_NAMED))
    if run.marked is not None and run.marked.state == "failed":
        yield Fact(where, RunFailed(failed_leaves=leaves, reason=run.marked.reason))
    elif leaves and run.marked is None:
        yield Fact(where, RunFailed(failed_leaves=leaves))
    else:
        yield Fact(where, RunSucceeded())
