"""A shard in memory for the tests of the core: commands in, events out, and the log is kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from millstream.core.commands import (
    AnswerTask,
    AnyCommand,
    ClearTasks,
    LoseAttempt,
    MarkRun,
    MarkTasks,
    ReadyAgain,
    RerunRun,
    RetryAttempt,
    SubmitDag,
    TaskRef,
    TimeOutWait,
    TriggerRun,
    WakeTask,
)
from millstream.core.decisions.rerunning import past_of
from millstream.core.decisions.triggering import run_to_recall
from millstream.core.errors import NotRecalled, Refused
from millstream.core.event_parts import Where
from millstream.core.events import Event
from millstream.core.evolve import evolve
from millstream.core.handle import handle_whole
from millstream.core.recall import Recall
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    FireTrigger,
    RescheduleAttempt,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from millstream.core.spec import BashAction, DagSpec, TaskSpec, TriggerRule
from millstream.core.state import Run, RunKey, State, run_key
from millstream.core.statuses import TaskStatus
from millstream.core.task_events import TaskReady

T0 = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RUN = Where("default", "etl", "r1")
RUN_NAMES: dict[str, Any] = {"namespace": "default", "dag_id": "etl", "run_id": "r1"}


def task(task_id: str, *upstream: str, **options: Any) -> TaskSpec:
    options.setdefault("action", BashAction(command="true"))
    return TaskSpec(task_id=task_id, upstream=upstream, **options)


def dag(*tasks: TaskSpec, dag_id: str = "etl", **options: Any) -> DagSpec:
    return DagSpec(dag_id=dag_id, tasks=tasks, **options)


def join(rule: TriggerRule, parents: int) -> DagSpec:
    """``parents`` tasks p0, p1.. and a task ``join`` below them."""
    names = [f"p{index}" for index in range(parents)]
    return dag(*map(task, names), task("join", *names, trigger_rule=rule))


class Shard:
    """One state with its log. The clock moves by a second a command."""

    def __init__(self) -> None:
        self.state = State()
        self.log: list[Event] = []
        self.now = T0
        self._count = 0

    def handle(self, command: AnyCommand, actor: str = "test") -> list[Event]:
        self.now += timedelta(seconds=1)
        key = run_to_recall(self.state, command)
        recalled = None if key is None else self.recall(key)
        if isinstance(command, RerunRun):
            recalled = self.recall(*past_of(command))
        try:
            events = handle_whole(self.state, command, actor, self.now, 1, recalled)
        except NotRecalled:
            if isinstance(command, RerunRun):
                raise
            recalled = self.recall(run_key(command.where))  # type: ignore[union-attr]
            events = handle_whole(self.state, command, actor, self.now, 1, recalled)
        self.log += events
        return events

    def recall(self, key: RunKey, until: int = 0) -> Run | None:
        """A run as the log has it, up to a position."""
        recall = Recall(self.state, key)
        for event in self.log:
            if run_key(event.where) == key and event.position <= (until or event.position):
                recall.fold(event)
        return recall.run

    def id(self) -> str:
        self._count += 1
        return f"c{self._count}"

    def submit(self, spec: DagSpec, bundle: str = "") -> list[Event]:
        return self.handle(SubmitDag(id=self.id(), namespace="default", spec=spec, bundle=bundle))

    def trigger(self, run_id: str = "r1", dag_id: str = "etl", **options: Any) -> list[Event]:
        command = TriggerRun(
            id=self.id(), namespace="default", dag_id=dag_id, run_id=run_id, **options
        )
        return self.handle(command)

    def begin(self, spec: DagSpec) -> list[Event]:
        """Submit the DAG and trigger its run r1."""
        self.submit(spec)
        return self.trigger()

    def _report(
        self, kind: Any, name: str, attempt: int, token: str, **options: Any
    ) -> list[Event]:
        if not issubclass(kind, StartAttempt | FireTrigger):
            options.setdefault("ended_at", self.now)
        command = kind(
            id=self.id(),
            where=Where("default", "etl", options.pop("run_id", "r1")).task(
                name, options.pop("map_index", ()), attempt
            ),
            worker="w",
            token=token,
            started_at=self.now,
            **options,
        )
        return self.handle(command)

    def start(self, name: str, attempt: int = 1, token: str = "t", **options: Any) -> list[Event]:
        return self._report(StartAttempt, name, attempt, token, **options)

    def succeed(self, name: str, attempt: int = 1, token: str = "t", **options: Any) -> list[Event]:
        return self._report(SucceedAttempt, name, attempt, token, **options)

    def skip(self, name: str, attempt: int = 1, token: str = "t", **options: Any) -> list[Event]:
        return self._report(SkipAttempt, name, attempt, token, reason="no data", **options)

    def fail(self, name: str, attempt: int = 1, token: str = "t", **options: Any) -> list[Event]:
        options = {"error_type": "ValueError", "message": "bad"} | options
        return self._report(FailAttempt, name, attempt, token, **options)

    def reschedule(
        self, name: str, attempt: int = 1, token: str = "t", after_s: float = 60
    ) -> list[Event]:
        until = self.now + timedelta(seconds=after_s)
        return self._report(RescheduleAttempt, name, attempt, token, until=until)

    def defer(self, name: str, attempt: int = 1, token: str = "t", **options: Any) -> list[Event]:
        options.setdefault("method", "execute_complete")
        return self._report(DeferAttempt, name, attempt, token, **options)

    def fire(self, name: str, attempt: int = 2, token: str = "u", **options: Any) -> list[Event]:
        return self._report(FireTrigger, name, attempt, token, **options)

    def answer(self, name: str, *options: str, **more: Any) -> list[Event]:
        command = AnswerTask(id=self.id(), where=RUN.task(name), options=options, **more)
        return self.handle(command)

    def wake(self, name: str, attempt: int = 1) -> list[Event]:
        return self.handle(WakeTask(id=self.id(), where=RUN.task(name, (), attempt)))

    def time_out(self, name: str, attempt: int = 1) -> list[Event]:
        return self.handle(TimeOutWait(id=self.id(), where=RUN.task(name, (), attempt)))

    def lose(self, name: str, attempt: int = 1, token: str = "t") -> list[Event]:
        where = RUN.task(name, (), attempt)
        command = LoseAttempt(id=self.id(), where=where, token=token, reason="no heartbeat")
        return self.handle(command)

    def retry(
        self, name: str, attempt: int = 1, path: tuple[int, ...] = (), run_id: str = "r1"
    ) -> list[Event]:
        where = Where("default", "etl", run_id).task(name, path, attempt)
        return self.handle(RetryAttempt(id=self.id(), where=where))

    def ready_again(self, name: str, attempt: int = 1) -> list[Event]:
        return self.handle(ReadyAgain(id=self.id(), where=RUN.task(name, (), attempt)))

    def clear(self, *names: str, **options: Any) -> list[Event]:
        """Clear tasks of r1, whatever became of them; all without names."""
        options = {"only_failed": False} | options
        refs = tuple(TaskRef(task_id=name) for name in names)
        options = {"tasks": refs} | options
        return self.handle(ClearTasks(id=self.id(), **RUN_NAMES | options))

    def mark(self, name: str, state: Any, **options: Any) -> list[Event]:
        refs = {"tasks": (TaskRef(task_id=name),)}
        return self.handle(MarkTasks(id=self.id(), **RUN_NAMES, state=state, **refs | options))

    def mark_run(self, state: Any, **options: Any) -> list[Event]:
        return self.handle(MarkRun(id=self.id(), **RUN_NAMES, state=state, **options))

    def rerun(self, run_id: str = "r1", **options: Any) -> list[Event]:
        """A new run r2 made from another one."""
        options = RUN_NAMES | {"run_id": run_id, "new_run_id": "r2"} | options
        return self.handle(RerunRun(id=self.id(), **options))

    def refused(self, method: str, *args: Any, **options: Any) -> str:
        """The reason for which a command is refused; it must leave the state as it was."""
        before = dump(self.state)
        try:
            getattr(self, method)(*args, **options)
        except Refused as error:
            assert dump(self.state) == before, "a refused command changed the state"
            return error.reason
        raise AssertionError(f"{method} was not refused")

    def status(self, name: str) -> TaskStatus:
        found = self.state.runs["default", "etl", "r1"].find(name)
        assert found is not None
        return found[1].status

    def ended_as(self) -> dict[str, str]:
        """The last event of each task of the log, by name."""
        return {e.where.task_id: kind(e) for e in self.log if e.where.task_id}


def kind(event: Event) -> str:
    return type(event.data).__name__


def kinds(events: list[Event]) -> list[str]:
    """``Type task`` of each event, or ``Type`` where it is about no task."""
    return [f"{kind(e)} {e.where.task_id}".strip() for e in events]


def ready_names(events: list[Event]) -> list[str]:
    return [e.where.task_id for e in events if isinstance(e.data, TaskReady)]


def fold(log: list[Event]) -> State:
    state = State()
    for event in log:
        evolve(state, event)
    return state


def dump(state: State) -> str:
    """All that a state holds, as text that is equal exactly if the states are."""
    dags = [
        (
            key,
            dag,
            [
                (v.version, v.bundle, v.canonical)
                for v in map(dag.versions.__getitem__, dag.versions)
            ],
        )
        for key, dag in state.dags.items()
    ]
    runs = [
        (r.key, r.version.version, r.created, r.info, r.status, r.unfinished, r.failed_leaves)
        for r in state.runs.values()
    ]
    instances = [r.instances for r in state.runs.values()]
    head = (state.position, state.epoch, state.recorded_at, state.ready, state.callbacks)
    names = (state.variables, state.connections, state.access)
    return repr((head, dags, runs, instances, names))
