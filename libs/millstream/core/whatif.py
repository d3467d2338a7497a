"""What a run would have done with another version of its DAG: the outcomes that it had are played
against that version, and nothing else happens.

The scheduler's own rules decide, in a state of their own. Each task instance ends its tries as it
did in the recorded run, and takes as long. One that the run did not have, or that never began, is
assumed to succeed and to hand on nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Literal, NamedTuple

import msgspec

from millstream.core.callbacks import is_callback
from millstream.core.commands import AnyCommand, RetryAttempt, SetPool, SubmitDag, TriggerRun
from millstream.core.errors import Refused
from millstream.core.event_parts import Where
from millstream.core.events import (
    Event,
    RunCreated,
    RunFailed,
    RunQuarantined,
    RunReopened,
    RunSucceeded,
)
from millstream.core.handle import handle_whole
from millstream.core.reports import FailAttempt, SkipAttempt, SucceedAttempt
from millstream.core.spec import DagSpec
from millstream.core.state import State
from millstream.core.statuses import next_status
from millstream.core.task_events import (
    TaskCleared,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskReady,
    TaskSkipped,
    TaskSucceeded,
)

TaskKey = tuple[str, tuple[int, ...]]
Try = TaskSucceeded | TaskFailed | TaskSkipped
# "same": it ends alike. "changed": it ends otherwise. "new": the run had it not. "gone": it would
# not be there.
Kind = Literal["same", "changed", "new", "gone"]
# So much is played, and no more.
MOST_EVENTS = 200_000
_WORKER = "whatif"
_RUN_ID = "whatif"


class TooLarge(Refused):
    """A run that is too large to be played."""


@dataclass(slots=True)
class Recording:
    """What is needed of a run. ``add`` its events in order."""

    created: RunCreated | None = None
    state: str = "running"
    reason: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None
    tries: dict[TaskKey, list[Try]] = field(default_factory=dict)
    states: dict[TaskKey, str] = field(default_factory=dict)
    order: dict[TaskKey, int] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        where, data = event.where, event.data
        if is_callback(where):
            return
        match data:
            case RunCreated():
                self.created, self.started_at = data, event.recorded_at
            case RunReopened():
                self.state = "running"
            case RunSucceeded():
                self.state, self.reason, self.ended_at = "success", "", event.recorded_at
            case RunFailed(failed_leaves=leaves, reason=reason):
                self.state, self.ended_at = "failed", event.recorded_at
                self.reason = reason or f"failed tasks: {', '.join(leaves)}"
            case RunQuarantined(error=error):
                self.state, self.reason, self.ended_at = "failed", error, event.recorded_at
            case _ if where.task_id:
                self._add((where.task_id, where.map_index), event)

    def _add(self, key: TaskKey, event: Event) -> None:
        match event.data:
            case TaskExpanded():
                self.states.pop(key, None)
                return
            case TaskReady():
                self.order.setdefault(key, len(self.order) + 1)
            case TaskCleared():
                self.tries.pop(key, None)
            case TaskMarked(state=state):
                # Whatever it did: this is how it ended.
                self.tries[key] = [_marked(state, event.recorded_at)]
            case TaskLost(is_final=True, reason=reason):
                self.tries.setdefault(key, []).append(_lost(reason, event.recorded_at))
            case TaskSucceeded() | TaskFailed() | TaskSkipped() as ended if event.where.attempt:
                self.tries.setdefault(key, []).append(ended)
        status = next_status(event.data)
        if status is not None:
            self.states[key] = str(status)


class Played(NamedTuple):
    """A task instance in both runs. A state is "" where it is not there; ``order`` counts what
    became ready, 0 for nothing; ``is_assumed``: the recorded run does not say how it ends."""

    task_id: str
    map_index: tuple[int, ...]
    kind: Kind
    recorded: str
    expected: str
    recorded_order: int
    expected_order: int
    is_assumed: bool


@dataclass(frozen=True)
class Answer:
    """What would have come of it. ``seconds``: from its beginning to its end, with the durations
    that were recorded; what waited for people or for other DAGs is not played."""

    state: str
    reason: str
    seconds: float
    tasks: tuple[Played, ...]

    def count(self, kind: Kind) -> int:
        return sum(each.kind == kind for each in self.tasks)


def play(recording: Recording, namespace: str, spec: DagSpec, most: int = MOST_EVENTS) -> Answer:
    """Raises :class:`Refused` for a DAG that would be refused, and :class:`TooLarge`."""
    theatre = _Theatre(recording, namespace, spec, most)
    theatre.run()
    return theatre.answer()


class _Theatre:
    def __init__(self, recording: Recording, namespace: str, spec: DagSpec, most: int) -> None:
        assert recording.created is not None, "the events of a run begin with that"
        assert recording.started_at is not None
        self._recording = recording
        self._created = recording.created
        self._spec = _freed(spec)
        self._namespace = namespace
        self._most = most
        self._count = 0
        self._state = State()
        self._began = self._now = recording.started_at
        self._played = Recording()
        self._due: list[tuple[datetime, int, AnyCommand]] = []
        self._used: dict[TaskKey, int] = {}
        self._assumed: dict[TaskKey, None] = {}
        self._names = {task.task_id for task in spec.tasks}

    def run(self) -> None:
        for command in self._opening():
            self._do(command)
        while self._due and self._played.ended_at is None:
            self._now, _, command = heappop(self._due)
            self._do(command)

    def answer(self) -> Answer:
        ours, theirs = self._recording, self._played
        tasks = [
            Played(
                *key,
                _kind(ours.states.get(key, "none"), theirs.states.get(key, "none")),
                ours.states.get(key, ""),
                theirs.states.get(key, ""),
                ours.order.get(key, 0),
                theirs.order.get(key, 0),
                key in self._assumed,
            )
            for key in dict.fromkeys((*theirs.states, *ours.states))
        ]
        return Answer(
            theirs.state,
            theirs.reason,
            (self._now - self._began).total_seconds(),
            tuple(tasks),
        )

    def _opening(self) -> Iterator[AnyCommand]:
        created, dag_id = self._created, self._spec.dag_id
        yield SetPool(id="pool", namespace=self._namespace, name="default_pool", slots=-1)
        yield SubmitDag(id="dag", namespace=self._namespace, spec=self._spec, bundle="0" * 64)
        yield TriggerRun(
            id="run",
            namespace=self._namespace,
            dag_id=dag_id,
            run_id=_RUN_ID,
            conf=created.conf,
            logical_date=created.logical_date,
            has_logical_date=created.logical_date is not None,
            unpause=True,
        )

    def _do(self, command: AnyCommand) -> None:
        for event in handle_whole(self._state, command, _WORKER, self._now, 1):
            self._count += 1
            if self._count > self._most:
                raise TooLarge(
                    "RUN_TOO_LARGE", f"The run takes more than {self._most} events to be played."
                )
            if event.where.run_id != _RUN_ID or is_callback(event.where):
                continue
            self._played.add(event)
            match event.data:
                case TaskReady():
                    self._plan(event.where)
                case TaskFailed(retry_at=retry_at) if retry_at is not None:
                    again = RetryAttempt(id=f"retry-{event.position}", where=event.where)
                    heappush(self._due, (max(retry_at, self._now), event.position, again))

    def _plan(self, where: Where) -> None:
        """The attempt ends as the recorded try of that number did, or as the last one."""
        key = (where.task_id, where.map_index)
        tries = self._recording.tries.get(key)
        number = self._used.get(key, 0)
        self._used[key] = number + 1
        ended = tries[min(number, len(tries) - 1)] if tries else None
        if ended is None:
            self._assumed[key] = None
        took = timedelta()
        if ended is not None and ended.started_at is not None and ended.ended_at is not None:
            took = max(ended.ended_at - ended.started_at, took)
        command = self._report(where, ended, self._now + took)
        heappush(self._due, (self._now + took, self._count, command))

    def _report(self, where: Where, ended: Try | None, at: datetime) -> AnyCommand:
        key = f"{where.task_id}/{where.map_index}/{where.attempt}"
        common = {
            "id": key,
            "where": where,
            "worker": _WORKER,
            "token": key[:200],
            "started_at": self._now,
            "ended_at": at,
        }
        match ended:
            case TaskFailed(error_type=kind, message=message, xcoms=xcoms):
                return FailAttempt(**common, error_type=kind, message=message, xcoms=xcoms)  # type: ignore[arg-type]
            case TaskSkipped(reason=reason, xcoms=xcoms):
                return SkipAttempt(**common, reason=reason, xcoms=xcoms)  # type: ignore[arg-type]
            case TaskSucceeded(xcoms=xcoms, choice=choice):
                if choice is not None and choice.follow is not None:
                    known = tuple(name for name in choice.follow if name in self._names)
                    choice = msgspec.structs.replace(choice, follow=known)
                return SucceedAttempt(**common, xcoms=xcoms, choice=choice)  # type: ignore[arg-type]
            case _:
                return SucceedAttempt(**common)  # type: ignore[arg-type]


def record(events: Iterable[Event]) -> Recording:
    recording = Recording()
    for event in events:
        recording.add(event)
    return recording


def _freed(spec: DagSpec) -> DagSpec:
    """The DAG without what only the rest of the installation could answer: pools, its schedule, the
    runs before."""
    return msgspec.structs.replace(
        spec,
        schedule=None,
        catchup=False,
        max_consecutive_failed_dag_runs=0,
        is_paused_upon_creation=False,
        deadlines=(),
        dagrun_timeout_s=None,
        tasks=tuple(
            msgspec.structs.replace(
                task,
                pool="default_pool",
                pool_slots=1,
                depends_on_past=False,
                wait_for_downstream=False,
                outlets=(),
            )
            for task in spec.tasks
        ),
    )


def _kind(recorded: str, expected: str) -> Kind:
    if recorded == expected:
        return "same"
    if recorded == "none":
        return "new"
    return "gone" if expected == "none" else "changed"


def _marked(state: str, at: datetime) -> Try:
    match state:
        case "success":
            return TaskSucceeded(started_at=at, ended_at=at)
        case "skipped":
            return TaskSkipped(reason="marked skipped", started_at=at, ended_at=at)
        case _:
            return _lost("marked failed", at)


def _lost(reason: str, at: datetime) -> TaskFailed:
    return TaskFailed(error_type="Lost", message=reason, started_at=at, ended_at=at)
