"""``evolve``: the only thing that changes a state. It is total: every event of the log can be
folded, and one that does not fit changes nothing but the position."""

from __future__ import annotations

import msgspec

from millstream.core import callbacks, limits, waiting
from millstream.core.access_state import fold_access, is_legal_access
from millstream.core.backfills import fold_backfill
from millstream.core.counting import (
    count_end,
    expand,
    may_resize,
    new_instance,
    note_choice,
    resize,
    take_back,
)
from millstream.core.dags import Dag, fold_dag
from millstream.core.deadlines import note_runtime
from millstream.core.event_parts import RunInfo, Where
from millstream.core.events import (
    AssetUpdated,
    BackfillAdvanced,
    BackfillCancelled,
    BackfillCompleted,
    BackfillCreated,
    BackfillPaused,
    BackfillUnpaused,
    ConnectionDeleted,
    ConnectionSet,
    DagPaused,
    DagUnpaused,
    DagVersionSubmitted,
    Data,
    DeadlineMissed,
    DeadlineSet,
    EpochStarted,
    Event,
    NextRunPlanned,
    NothingChanged,
    OutcomeRemembered,
    PoolDeleted,
    PoolSet,
    ResultsTakenOver,
    RoleGranted,
    RoleRevoked,
    RunCreated,
    RunFailed,
    RunMarked,
    RunQuarantined,
    RunReopened,
    RunStarted,
    RunSucceeded,
    SecretsReencrypted,
    TasksRecalled,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserDeleted,
    VariableDeleted,
    VariableSet,
)
from millstream.core.mapping import note_length
from millstream.core.memo import restore
from millstream.core.past import Past
from millstream.core.state import (
    LARGEST_REPEATED_CONF_BYTES,
    DagKey,
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
    may_meet,
    next_status,
)
from millstream.core.task_events import (
    TaskCleared,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskReady,
    TaskResized,
    TaskResumed,
    TaskScheduled,
    TaskSkipped,
    TaskStarted,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
    TriggerLost,
    TriggerReady,
    TriggerStarted,
)
from millstream.core.versions import DagVersion

RETURN_VALUE = "return_value"


def evolve(state: State, event: Event) -> Exception | None:
    """Fold one event into the state, in place.

    Returns the error if our own code fails on the event: the log has it for ever, so nobody could
    read on otherwise. Who decides puts what it is about into quarantine then.
    """
    try:
        if is_legal(state, event.where, event.data):
            fold_legal(state, event)
            return None
    except Exception as error:
        _advance(state, event)
        return error
    _advance(state, event)
    return None


def fold_legal(state: State, event: Event) -> None:
    """Fold an event of which :func:`is_legal` has said so."""
    if type(event.data) in TASK_TRANSITIONS:
        if callbacks.is_callback(event.where):
            callbacks.evolve(state, event)
        else:
            _change_instance(state, event)
    else:
        _apply(state, event)
    _advance(state, event)


def _advance(state: State, event: Event) -> None:
    # Last, so that an event that we failed to fold leaves no hole in the positions.
    state.position = event.position
    state.epoch = event.epoch
    state.recorded_at = event.recorded_at


def _apply(state: State, event: Event) -> None:
    match event.data:
        case EpochStarted() | NothingChanged() | SecretsReencrypted():
            pass
        case AssetUpdated():
            watchers = state.assets.watchers(event.where.namespace, event.data)
            paused = [key for key in watchers if state.dags[key].is_paused]
            state.assets.note(event, event.data, paused)
        case DagVersionSubmitted():
            _add_version(state, event.where, event.data)
        case DagPaused() | DagUnpaused() | NextRunPlanned():
            _fold_dag(state, event.where, event.data, event.position)
        case (
            BackfillCreated()
            | BackfillAdvanced()
            | BackfillPaused()
            | BackfillUnpaused()
            | BackfillCancelled()
            | BackfillCompleted()
        ):
            dag = state.dags[event.where.namespace, event.where.dag_id]
            fold_backfill(dag, event.data, event.position)
        case VariableSet() | VariableDeleted() | ConnectionSet() | ConnectionDeleted():
            _change_secret(state, event.where, event.data)
        case RunCreated():
            if event.data.asset_events:
                state.assets.forget((event.where.namespace, event.where.dag_id))
            run = _create_run(state, event, event.data, event.data.version)
            state.dags[run.key[:2]].enqueue(run.key[2], run.created, run.position)
        case RunReopened(created=created, version=version, tasks=tasks):
            run = _create_run(state, event, created, version)
            run.is_reopened = True
            state.dags[run.key[:2]].requeue(run.key[2], run.created, run.position)
            restore(run, tasks)
        case TasksRecalled(tasks=tasks) | ResultsTakenOver(tasks=tasks):
            restore(state.runs[run_key(event.where)], tasks)
        case OutcomeRemembered():
            _remember_outcome(state, event.where, event.data)
        case PoolSet():
            limits.set_pool(state, event.where, event.data, event.position)
        case PoolDeleted():
            limits.delete_pool(state, event.where, event.data.name, event.position)
        case (
            UserCreated()
            | UserDeleted()
            | RoleGranted()
            | RoleRevoked()
            | TokenCreated()
            | TokenRevoked()
        ) as data:
            fold_access(state.access, data)
        case DeadlineSet(name=name, due_at=due_at):
            state.runs[run_key(event.where)].deadlines[name] = due_at
        case DeadlineMissed(name=name):
            run = state.runs[run_key(event.where)]
            run.deadlines.pop(name, None)
            callbacks.note_cause(state, run, event)
        case RunStarted():
            _start_run(state, event, event.data)
        case RunMarked():
            run = state.runs[run_key(event.where)]
            run.marked = event.data
        case RunSucceeded():
            _forget_run(state, event, RunStatus.SUCCESS)
        case RunFailed() | RunQuarantined():
            _forget_run(state, event, RunStatus.FAILED)


def is_legal(state: State, where: Where, data: Data) -> bool:
    """May this event happen in this state? The table in ``statuses``, and that what it names
    exists."""
    if type(data) in TASK_TRANSITIONS:
        return _is_legal_of_task(state, where, data)
    match data:
        case EpochStarted() | AssetUpdated() | PoolSet() | NothingChanged() | SecretsReencrypted():
            return True
        case OutcomeRemembered():
            dag = state.dags.get((where.namespace, where.dag_id))
            is_known = dag is not None and data.version in dag.versions
            return is_known and data.logical_date is not None
        case PoolDeleted():
            return state.limits.exists(where.namespace, data.name)
        case DagVersionSubmitted():
            latest = state.latest(where.namespace, where.dag_id)
            return data.version == (latest.version + 1 if latest else 1)
        # Whoever starts need not fold all versions of a thing, only the latest.
        case VariableSet():
            return data.version > state.variables.get((where.namespace, data.key), 0)
        case VariableDeleted():
            return (where.namespace, data.key) in state.variables
        case ConnectionSet():
            return data.version > state.connections.get((where.namespace, data.conn_id), 0)
        case ConnectionDeleted():
            return (where.namespace, data.conn_id) in state.connections
        case (
            UserCreated()
            | UserDeleted()
            | RoleGranted()
            | RoleRevoked()
            | TokenCreated()
            | TokenRevoked()
        ):
            return is_legal_access(state.access, data)
        case RunCreated() | RunReopened():
            dag = state.dags.get((where.namespace, where.dag_id))
            is_known = dag is not None and data.version in dag.versions
            return is_known and run_key(where) not in state.runs
        case (
            DagPaused()
            | DagUnpaused()
            | NextRunPlanned()
            | BackfillCreated()
            | BackfillAdvanced()
            | BackfillPaused()
            | BackfillUnpaused()
            | BackfillCancelled()
            | BackfillCompleted()
        ):
            return (where.namespace, where.dag_id) in state.dags
    run = state.runs.get(run_key(where))
    if isinstance(data, ResultsTakenOver) and (run is None or run.created.rerun is None):
        return False
    return run is not None and run.status in RUN_TRANSITIONS[type(data)]


def _is_legal_of_task(state: State, where: Where, data: Data) -> bool:
    if callbacks.is_callback(where):
        return callbacks.is_legal(state, where, data)
    run = state.runs.get(run_key(where))
    if run is None:
        return False
    found = run.find(where.task_id, where.map_index)
    if found is None or not may_meet(data, found[1].status):
        return False
    if isinstance(data, TaskScheduled):
        depth = len(where.map_index) + (1 if found[1].elements else 0)
        is_right_depth = depth == len(run.version.graph.levels[found[0]])
        return is_right_depth and where.attempt == found[1].attempt
    if isinstance(data, TaskResized):
        level = len(where.map_index)
        return where.attempt == 0 and may_resize(run, found[0], found[1], level, data.length)
    if found[1].elements:
        return False
    return _is_right_depth(run, found[0], where, data) and _is_right_attempt(found[1], where, data)


_OF_ANY_DEPTH = (TaskExpanded, TaskSkipped, TaskUpstreamFailed, TaskCleared, TaskMarked)


def _is_right_depth(run: Run, number: int, where: Where, data: Data) -> bool:
    """Only what is not expanded down to its last level can be expanded, and it cannot run."""
    is_whole = len(where.map_index) == len(run.version.graph.levels[number])
    if is_whole:
        return type(data) is not TaskExpanded
    return type(data) in _OF_ANY_DEPTH


def _is_right_attempt(instance: Instance, where: Where, data: Data) -> bool:
    match data:
        case TaskReady():
            again = 0 if instance.status is TaskStatus.QUEUED else 1
            return where.attempt == instance.attempt + again
        case TaskUpstreamFailed() | TaskExpanded() | TaskCleared() | TaskMarked():
            return where.attempt == 0
        case TaskSkipped() if instance.status is not TaskStatus.RUNNING:
            return where.attempt == 0
        case TaskSucceeded() if instance.status is TaskStatus.NONE:
            return where.attempt == 0
        case TriggerReady() | TriggerStarted() | TriggerLost() | TaskResumed():
            return waiting.fits(instance, where, data)
        case _:
            return where.attempt == instance.attempt


def _add_version(state: State, where: Where, data: DagVersionSubmitted) -> None:
    version = DagVersion.read(data.version, data.bundle, bytes(data.spec))
    state.dags.setdefault((where.namespace, where.dag_id), Dag()).versions.add(version)
    state.assets.take_spec(where.namespace, version.spec)
    if any(task.depends_on_past for task in version.spec.tasks):
        _remember_past(state, (where.namespace, where.dag_id))


def _remember_outcome(state: State, where: Where, data: OutcomeRemembered) -> None:
    key = (where.namespace, where.dag_id)
    _remember_past(state, key)
    state.pasts[key].remember(data, state.dags[key].versions[data.version].graph)


def _remember_past(state: State, key: DagKey) -> None:
    """From its first task that depends on the past on, the runs of a DAG are remembered."""
    if key not in state.pasts:
        past = state.pasts[key] = Past()
        for run_id in state.dags[key].runs:
            run = state.runs[*key, run_id]
            run.past = past
            past.add(run)


def _change_secret(
    state: State,
    where: Where,
    data: VariableSet | VariableDeleted | ConnectionSet | ConnectionDeleted,
) -> None:
    match data:
        case VariableSet():
            state.variables[where.namespace, data.key] = data.version
        case VariableDeleted():
            del state.variables[where.namespace, data.key]
        case ConnectionSet():
            state.connections[where.namespace, data.conn_id] = data.version
        case ConnectionDeleted():
            del state.connections[where.namespace, data.conn_id]


def _fold_dag(
    state: State, where: Where, data: DagPaused | DagUnpaused | NextRunPlanned, position: int
) -> None:
    key = (where.namespace, where.dag_id)
    dag = state.dags[key]
    fold_dag(dag, data, position)
    for run_id in dag.runs if isinstance(data, DagPaused | DagUnpaused) else ():
        limits.hold(state, state.runs[*key, run_id], is_held=dag.is_paused)


def _create_run(state: State, event: Event, data: RunCreated, number: int) -> Run:
    where = event.where
    dag = state.dags[where.namespace, where.dag_id]
    version = dag.versions[number]
    is_small = len(msgspec.json.encode(data.conf)) <= LARGEST_REPEATED_CONF_BYTES
    info = RunInfo(
        run_type=data.run_type,
        run_after=data.run_after,
        logical_date=data.logical_date or (data.rerun.logical_date if data.rerun else None),
        data_interval_start=data.data_interval_start,
        data_interval_end=data.data_interval_end,
        conf=data.conf if is_small else None,
    )
    tasks = version.graph.tasks
    key = run_key(where)
    run = state.runs[key] = Run(
        key,
        version,
        data,
        info,
        RunStatus.QUEUED,
        [new_instance(version.graph, number) for number in range(len(tasks))],
        unfinished=len(tasks),
        trace=event.trace,
        position=event.position,
    )
    limits.seat_run(state, run)
    run.past = state.pasts.get(key[:2])
    if run.past is not None:
        run.past.add(run)
    return run


def _start_run(state: State, event: Event, data: RunStarted) -> None:
    run = state.runs[run_key(event.where)]
    run.status = RunStatus.RUNNING
    run.times_out_at = data.times_out_at
    run.started_at, run.started_position = event.recorded_at, event.position
    dag = state.dags[run.key[:2]]
    dag.start(run.key[2], run.created, run.position, event.recorded_at)


def _forget_run(state: State, event: Event, status: RunStatus) -> None:
    run = state.runs.pop(run_key(event.where))
    callbacks.note_cause(state, run, event)
    note_runtime(state, run, event.recorded_at)
    dag = state.dags[run.key[:2]]
    dag.leave(run.key[2], run.created, run.position, is_queued=run.status is RunStatus.QUEUED)
    dag.failures = 0 if isinstance(event.data, RunSucceeded) else dag.failures + 1
    run.status, run.ended_position = status, event.position
    if run.unfinished:  # quarantined with tasks under way: nobody waits for their claims any more
        for task, tree in zip(run.version.graph.tasks, run.instances, strict=True):
            for path, _ in tree.leaves():
                state.ready.pop((*run.key, task.task_id, path), None)
    if run.past is not None:
        run.past.close(run)
    limits.unseat_run(state, run)


def _change_instance(state: State, event: Event) -> None:
    where, data = event.where, event.data
    run = state.runs[run_key(where)]
    found = run.find(where.task_id, where.map_index)
    assert found is not None, "is_legal looked"
    number, instance = found
    if isinstance(data, TaskExpanded):
        expand(run, number, where.map_index, data.length)
        return
    if isinstance(data, TaskResized):
        resize(run, number, where.map_index, data.length)
        return
    if isinstance(data, TaskScheduled) and instance.elements:
        limits.schedule_all(state, run, number, instance, where.map_index, event.position)
        return
    status = next_status(data)
    assert status is not None
    if instance.status in FINISHED_TASK:
        take_back(run, number, where.map_index, instance)
    before, instance.status = instance.status, status
    instance.position = event.position
    match data:
        case TaskReady():
            instance.attempt, instance.tries = where.attempt, data.tries
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
            instance.losses += not data.is_given_back
        case TaskSucceeded():
            if data.worker:
                instance.token, instance.worker = data.token, data.worker
                state.ready.pop(instance_key(where), None)
            _succeed(run, number, where, instance, data)
        case TaskStopped():
            instance.token = instance.worker = ""
            instance.retry_at = instance.waiting = None
            state.ready.pop(instance_key(where), None)
        case TaskCleared():
            # Airflow's max_tries: what was tried before the clear does not count against it.
            instance.failures = max(instance.tries, instance.failures)
            instance.max_tries, instance.losses = data.max_tries, 0
            run.marked, run.was_cleared = None, True
    waiting.note(state, instance, event)
    limits.moved(state, run, number, where.map_index, instance, before)
    if status in FINISHED_TASK:
        count_end(run, number, where.map_index, status, event.position)
    if run.version.graph.tasks[number].callbacks:
        callbacks.note_cause(state, run, event)


def _succeed(run: Run, number: int, where: Where, instance: Instance, data: TaskSucceeded) -> None:
    """What a success says about other tasks: whom it cuts off, and over how much some are
    mapped."""
    graph = run.version.graph
    if data.choice is not None:
        note_choice(run, number, where.map_index, instance, data.choice)
    if graph.feeds[number]:
        result = data.xcoms.get(RETURN_VALUE)
        if result is not None:
            note_length(run, number, where.map_index, result.length)
