"""``evolve``: the only thing that changes a state. It is total: every event of the log can be
folded, and one that does not fit changes nothing but the position."""

from __future__ import annotations

import msgspec

from millstream.core import waiting
from millstream.core.choices import tasks_cut_off
from millstream.core.events import (
    AssetUpdated,
    DagVersionSubmitted,
    Data,
    EpochStarted,
    Event,
    RunCreated,
    RunFailed,
    RunInfo,
    RunQuarantined,
    RunStarted,
    RunSucceeded,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskReady,
    TaskResumed,
    TaskSkipped,
    TaskStarted,
    TaskSucceeded,
    TaskUpstreamFailed,
    TriggerLost,
    TriggerReady,
    TriggerStarted,
    Where,
)
from millstream.core.graph import Graph
from millstream.core.spec import decode_spec
from millstream.core.state import (
    LARGEST_REPEATED_CONF_BYTES,
    DagVersion,
    Extra,
    Instance,
    Run,
    State,
    instance_key,
    run_key,
)
from millstream.core.statuses import (
    FINISHED_TASK,
    RUN_TRANSITIONS,
    TASK_TRANSITIONS,
    RunStatus,
    TaskStatus,
    next_status,
)

RETURN_VALUE = "return_value"


def evolve(state: State, event: Event) -> None:
    """Fold one event into the state, in place."""
    if is_legal(state, event.where, event.data):
        _apply(state, event)
    # Last, so that an event that we failed to fold leaves no hole in the positions.
    state.position = event.position
    state.epoch = event.epoch
    state.recorded_at = event.recorded_at


def _apply(state: State, event: Event) -> None:
    match event.data:
        case EpochStarted():
            pass
        case AssetUpdated():
            state.assets.note(event, event.data)
        case DagVersionSubmitted():
            _add_version(state, event.where, event.data)
        case RunCreated():
            _create_run(state, event, event.data)
        case RunStarted():
            state.runs[run_key(event.where)].status = RunStatus.RUNNING
        case RunSucceeded() | RunFailed() | RunQuarantined():
            _forget_run(state, event.where)
        case _:
            _change_instance(state, event)


def is_legal(state: State, where: Where, data: Data) -> bool:
    """May this event happen in this state? The table in ``statuses``, and that what it names
    exists."""
    match data:
        case EpochStarted() | AssetUpdated():
            return True
        case DagVersionSubmitted():
            latest = state.latest(where.namespace, where.dag_id)
            return data.version == (latest.version + 1 if latest else 1)
        case RunCreated():
            return run_key(where) not in state.runs and data.version in state.dags.get(
                (where.namespace, where.dag_id), {}
            )
    run = state.runs.get(run_key(where))
    if run is None:
        return False
    allowed = TASK_TRANSITIONS.get(type(data))
    if allowed is None:
        return run.status in RUN_TRANSITIONS[type(data)]
    found = run.find(where.task_id, where.map_index)
    if found is None or found[1].status not in allowed or found[1].elements:
        return False
    return _is_right_attempt(found[1], where, data)


def _is_right_attempt(instance: Instance, where: Where, data: Data) -> bool:
    match data:
        case TaskReady():
            again = 0 if instance.status is TaskStatus.QUEUED else 1
            return where.attempt == instance.attempt + again
        case TaskUpstreamFailed() | TaskExpanded():
            return where.attempt == 0
        case TaskSucceeded() | TaskSkipped() if instance.status is not TaskStatus.RUNNING:
            return where.attempt == 0
        case TriggerReady() | TriggerStarted() | TriggerLost() | TaskResumed():
            return waiting.fits(instance, where, data)
        case _:
            return where.attempt == instance.attempt


def _add_version(state: State, where: Where, data: DagVersionSubmitted) -> None:
    spec = decode_spec(bytes(data.spec))
    version = DagVersion(data.version, spec, data.bundle, Graph(spec), bytes(data.spec))
    state.dags.setdefault((where.namespace, where.dag_id), {})[data.version] = version
    state.assets.take_spec(where.namespace, spec)


def _create_run(state: State, event: Event, data: RunCreated) -> None:
    where = event.where
    if data.asset_events:
        state.assets.forget((where.namespace, where.dag_id))
    version = state.dags[where.namespace, where.dag_id][data.version]
    is_small = len(msgspec.json.encode(data.conf)) <= LARGEST_REPEATED_CONF_BYTES
    info = RunInfo(
        run_type=data.run_type,
        run_after=data.run_after,
        logical_date=data.logical_date,
        data_interval_start=data.data_interval_start,
        data_interval_end=data.data_interval_end,
        conf=data.conf if is_small else None,
    )
    tasks = version.graph.tasks
    key = run_key(where)
    state.runs[key] = Run(
        key,
        version,
        data,
        info,
        RunStatus.QUEUED,
        [_new_instance(version.graph, number) for number in range(len(tasks))],
        unfinished=len(tasks),
        trace=event.trace,
    )


def _new_instance(graph: Graph, number: int) -> Instance:
    if graph.tasks[number].is_teardown:
        own = sum(graph.tasks[up].is_setup for up in graph.upstream[number])
        return Instance(extra=Extra(waits=len(graph.scope[number]), setups=own))
    needed = len(graph.setups[number])
    return Instance(extra=Extra(waits=needed, setups=needed)) if needed else Instance()


def _forget_run(state: State, where: Where) -> None:
    run = state.runs.pop(run_key(where))
    if run.unfinished:  # quarantined with tasks under way: nobody waits for their claims any more
        for task, instance in zip(run.version.graph.tasks, run.instances, strict=True):
            state.ready.pop((*run.key, task.task_id, ()), None)
            for index in range(len(instance.elements)):
                state.ready.pop((*run.key, task.task_id, (index,)), None)


def _change_instance(state: State, event: Event) -> None:
    where, data = event.where, event.data
    run = state.runs[run_key(where)]
    found = run.find(where.task_id, where.map_index)
    assert found is not None, "is_legal looked"
    number, instance = found
    if isinstance(data, TaskExpanded):
        _expand(run, number, data.length)
        return
    status = next_status(data)
    assert status is not None
    if instance.status is TaskStatus.UPSTREAM_FAILED:
        _uncount_upstream_failed(run, number)
    instance.status = status
    match data:
        case TaskReady():
            instance.attempt = where.attempt
            instance.ready_at = event.recorded_at
            instance.retry_at = None
            instance.token = instance.worker = ""
            key = instance_key(where)
            state.ready.pop(key, None)
            state.ready[key] = event.position
        case TaskStarted():
            instance.token, instance.worker = data.token, data.worker
            state.ready.pop(instance_key(where), None)
        case TaskFailed():
            instance.failures += 1
            instance.retry_at = data.retry_at
        case TaskLost():
            instance.losses += 1
        case TaskSucceeded():
            _succeed(run, number, where, data)
    waiting.note(state, instance, event)
    if status in FINISHED_TASK:
        _count_finished(run, number, status)


def _uncount_upstream_failed(run: Run, number: int) -> None:
    """Take back that a task could not run: a branch skips it instead."""
    graph = run.version.graph
    run.unfinished += 1
    if graph.is_leaf[number]:
        run.failed_leaves.remove(graph.tasks[number].task_id)
    for child in graph.downstream[number]:
        run.instances[child].upstream_failed -= 1
    for other in graph.informed[number]:
        extra = run.instances[other].extra
        assert extra is not None, "a task that is informed waits for something"
        extra.waits += 1


def _succeed(run: Run, number: int, where: Where, data: TaskSucceeded) -> None:
    """What a success says about other tasks: whom it cuts off, and over how much some are
    mapped."""
    graph = run.version.graph
    if data.choice is not None:
        for other in tasks_cut_off(graph, number, data.choice):
            run.instances[other].cut_by = run.instances[other].cut_by or where.task_id
    if graph.is_source[number]:
        result = data.xcoms.get(RETURN_VALUE)
        instance = run.instances[number]
        if where.map_index:
            instance.length = max(instance.length, 0) + (result is not None)
        elif result is not None:
            instance.length = result.length


def _expand(run: Run, number: int, length: int) -> None:
    """A mapped task becomes ``length`` instances: so many wait, and so many are waited for."""
    run.instances[number].elements = tuple(Instance() for _ in range(length))
    run.unfinished += length - 1
    graph = run.version.graph
    for child in graph.downstream[number]:
        run.instances[child].more_upstream += length - 1
    for other in graph.informed[number]:
        extra = run.instances[other].extra
        assert extra is not None, "a task that is informed waits for something"
        extra.waits += length - 1


def _count_finished(run: Run, number: int, status: TaskStatus) -> None:
    run.unfinished -= 1
    graph = run.version.graph
    if graph.is_leaf[number] and status in (TaskStatus.FAILED, TaskStatus.UPSTREAM_FAILED):
        run.failed_leaves.append(graph.tasks[number].task_id)
    for child in graph.downstream[number]:
        instance = run.instances[child]
        match status:
            case TaskStatus.SUCCESS:
                instance.success += 1
            case TaskStatus.SKIPPED:
                instance.skipped += 1
            case TaskStatus.FAILED:
                instance.failed += 1
            case _:
                instance.upstream_failed += 1
        if graph.tasks[number].is_setup and graph.tasks[child].is_teardown:
            _count_setup(instance.extra, status)
    for other in graph.informed[number]:
        extra = run.instances[other].extra
        assert extra is not None, "a task that is informed waits for something"
        extra.waits -= 1
        if not graph.tasks[other].is_teardown:
            _count_setup(extra, status)


def _count_setup(extra: Extra | None, status: TaskStatus) -> None:
    assert extra is not None, "a teardown and a task with setups have one"
    match status:
        case TaskStatus.SUCCESS:
            extra.setup_success += 1
        case TaskStatus.SKIPPED:
            extra.setup_skipped += 1
        case _:
            extra.setup_failed += 1
