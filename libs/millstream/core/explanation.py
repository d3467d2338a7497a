"""What an explanation is made of, and how it becomes text.

Who decides knows which events its answer rests on by their positions, and not what is written in
them. So the text of a blocker has gaps (:class:`Told`), which are filled by whoever can read the
log (:func:`tell`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Literal

import msgspec

from millstream.core.event_parts import Where
from millstream.core.events import DagPaused, Event, RunFailed, RunMarked, RunQuarantined
from millstream.core.task_events import (
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskSkipped,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
)
from millstream.core.verdicts import skip_kind

MOST_NAMED = 5
LONGEST_WHY = 300
LONGEST_NAME = 120


class Code(StrEnum):
    """Why a task instance has not run, or what became of it. Released codes are never renamed."""

    # Nobody decides.
    NO_SCHEDULER = "NO_SCHEDULER"
    SCHEDULER_SILENT = "SCHEDULER_SILENT"
    NATS_AWAY = "NATS_AWAY"
    # The run has not started.
    DAG_PAUSED = "DAG_PAUSED"
    DAG_QUARANTINED = "DAG_QUARANTINED"
    RUN_AFTER = "RUN_AFTER"
    MAX_ACTIVE_RUNS = "MAX_ACTIVE_RUNS"
    RUN_BEHIND_OTHERS = "RUN_BEHIND_OTHERS"
    BACKFILL_PAUSED = "BACKFILL_PAUSED"
    RUN_QUEUED = "RUN_QUEUED"
    RUN_STARTS = "RUN_STARTS"
    # The task may not begin.
    UPSTREAM_NOT_FINISHED = "UPSTREAM_NOT_FINISHED"
    FURTHER_UPSTREAM = "FURTHER_UPSTREAM"
    SETUP_NOT_FINISHED = "SETUP_NOT_FINISHED"
    SCOPE_NOT_FINISHED = "SCOPE_NOT_FINISHED"
    DEPENDS_ON_PAST = "DEPENDS_ON_PAST"
    WAITS_FOR_DOWNSTREAM = "WAITS_FOR_DOWNSTREAM"
    NOT_IN_RUN_BEFORE = "NOT_IN_RUN_BEFORE"
    MAP_NOT_KNOWN = "MAP_NOT_KNOWN"
    BEGINS = "BEGINS"
    # It may, and waits for a place.
    MAX_ACTIVE_TASKS = "MAX_ACTIVE_TASKS"
    MAX_ACTIVE_TIS_PER_DAG = "MAX_ACTIVE_TIS_PER_DAG"
    MAX_ACTIVE_TIS_PER_DAGRUN = "MAX_ACTIVE_TIS_PER_DAGRUN"
    POOL_MISSING = "POOL_MISSING"
    POOL_TOO_SMALL = "POOL_TOO_SMALL"
    POOL_FULL = "POOL_FULL"
    PRIORITY = "PRIORITY"
    WAITS_FOR_PLACE = "WAITS_FOR_PLACE"
    # It is ready and no worker has claimed it.
    NO_WORKER = "NO_WORKER"
    NO_WORKER_WITH_RESOURCES = "NO_WORKER_WITH_RESOURCES"
    WORKERS_STOPPING = "WORKERS_STOPPING"
    WORKERS_BUSY = "WORKERS_BUSY"
    RESOURCES_BUSY = "RESOURCES_BUSY"
    NOT_CLAIMED = "NOT_CLAIMED"
    # It has begun and is not over.
    RUNNING = "RUNNING"
    WORKER_SILENT = "WORKER_SILENT"
    UP_FOR_RETRY = "UP_FOR_RETRY"
    UP_FOR_RESCHEDULE = "UP_FOR_RESCHEDULE"
    DEFERRED = "DEFERRED"
    DEFERRED_UNTIL = "DEFERRED_UNTIL"
    TRIGGER_NOT_CLAIMED = "TRIGGER_NOT_CLAIMED"
    AWAITING_INPUT = "AWAITING_INPUT"
    # It is over.
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    LOST = "LOST"
    MARKED = "MARKED"
    SKIPPED = "SKIPPED"
    SKIPPED_ITSELF = "SKIPPED_ITSELF"
    SKIPPED_BY_BRANCH = "SKIPPED_BY_BRANCH"
    SKIPPED_BY_TRIGGER_RULE = "SKIPPED_BY_TRIGGER_RULE"
    SKIPPED_NOTHING_TO_MAP = "SKIPPED_NOTHING_TO_MAP"
    SKIPPED_WITH_ITS_RUN = "SKIPPED_WITH_ITS_RUN"
    UPSTREAM_FAILED = "UPSTREAM_FAILED"
    RUN_OVER = "RUN_OVER"
    # Said besides.
    MAPPED = "MAPPED"
    CLEARED = "CLEARED"


class Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """What the event at ``position`` says: when it was, who did it, why; or, as the end of a task,
    all of that. ``otherwise`` is said where the event is not found."""

    position: int
    what: Literal["since", "at", "by", "why", "end"]
    otherwise: str = ""


class About(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run, a task instance or nothing but a DAG that a blocker names. ``state``: how it stands;
    ``position``: of the last event about it, 0 where that is not known."""

    where: Where
    state: str = ""
    position: int = 0


class Named(msgspec.Struct, frozen=True, array_like=True, tag="named"):
    """Somebody who is named, with how it stands. Of tasks of another run than ``home`` the run is
    named as well. Who asks may not be allowed to know it."""

    one: About
    home: Where | None = None


Text = tuple[str | Told | Named, ...]


class Blocker(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One condition: a sentence, what can be done about it, whom it names, the events that it rests
    on (those of the gaps besides), and until when it lasts at most."""

    code: Code
    text: Text
    advice: str = ""
    about: tuple[About, ...] = ()
    positions: tuple[int, ...] = ()
    until: datetime | None = None

    def rests_on(self) -> list[int]:
        """The positions of its events, in order."""
        told = [part.position for part in self.text if isinstance(part, Told)]
        named = [part.one.position for part in self.text if isinstance(part, Named)]
        named += [one.position for one in self.about]
        return sorted({p for p in (*told, *named, *self.positions) if p > 0})


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``blockers``: the first is the answer; the others hold as well, or come after it. ``state``
    is that of the task instance, ``position`` and ``epoch`` say as of when."""

    where: Where
    state: str
    run_state: str
    position: int
    epoch: int
    blockers: tuple[Blocker, ...]


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """A blocker with the gaps filled. ``events`` are those that it rests on, as far as they were
    found; ``since`` and ``by`` are of the one that began it."""

    code: Code
    message: str
    advice: str
    about: tuple[About, ...]
    events: tuple[Event, ...]
    since: datetime | None = None
    by: str = ""
    until: datetime | None = None


@dataclass(frozen=True)
class SeenWorker:
    """A worker as its heartbeats say it is; ``claims`` gives what it has claimed, as the log
    says."""

    name: str
    queues: tuple[str, ...]
    slots: int
    resources: Mapping[str, int]
    claims: Callable[[], Iterable[Where]] = tuple
    is_stopping: bool = False


@dataclass(frozen=True)
class Surroundings:
    """What is known beside the log. ``workers``: None where nobody listens to them; ``heard_s``:
    for how long somebody has. ``claims`` gives the attempts that run, ``lease_left_s`` how long
    a claim's lease still lasts. ``is_alone``: the state holds this run and nothing else."""

    workers: Sequence[SeenWorker] | None = None
    heard_s: float = 0.0
    lease_s: float = 15.0
    claims: Callable[[], Iterable[Where]] | None = None
    lease_left_s: Callable[[str], float | None] = lambda _token: None
    is_alone: bool = False


# --- words


def name_of(where: Where) -> str:
    """``'train'``, ``'train'[3]``; a run by its id."""
    if not where.task_id:
        return repr(where.run_id[:LONGEST_NAME])
    return repr(where.task_id[:LONGEST_NAME]) + "".join(f"[{i}]" for i in where.map_index)


def instant(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def plural(count: int, one: str, many: str = "") -> str:
    """``1 task``, ``2 tasks``."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def listed(about: Sequence[About], count: int, home: Where | None = None) -> Text:
    """``'a' (running since ..), 'b' (..) and 3 more``. Of tasks of another run than ``home`` the
    run is named as well."""
    parts: list[str | Told | Named] = []
    for index, one in enumerate(about[:MOST_NAMED]):
        parts += [", "] if index else []
        parts.append(Named(one, home))
    left = count - min(len(about), MOST_NAMED)
    if left > 0:
        parts.append(f" and {left} more" if about else f"{count}")
    return tuple(parts)


def _parts_of(named: Named) -> Iterator[str | Told]:
    one, home, where = named.one, named.home, named.one.where
    yield name_of(where)
    if where.task_id and home is not None and where.run_id != home.run_id:
        yield f" of run {where.run_id[:LONGEST_NAME]!r}"
        if where.dag_id != home.dag_id:
            yield f" of DAG {where.dag_id!r}"
    if one.state:
        yield f" ({STATES.get(one.state, one.state)}"
        if one.position:
            yield Told(one.position, "since")
        yield ")"


# What is said of a state within a sentence.
STATES = {
    "none": "has not begun",
    "scheduled": "waits for a place",
    "queued": "is queued",
    "running": "is running",
    "up_for_retry": "waits for its next try",
    "up_for_reschedule": "looks again later",
    "deferred": "is deferred",
    "awaiting_input": "waits for a person's answer",
    "success": "has succeeded",
    "failed": "has failed",
    "skipped": "was skipped",
    "upstream_failed": "could not run",
}


# --- the gaps


def tell(
    blocker: Blocker,
    events: Mapping[int, Event],
    is_hidden: Callable[[Where], bool] = lambda _where: False,
) -> Reason:
    """The blocker with what its events say, as far as they were found; what ``is_hidden`` from who
    asks is not named."""
    seen = [events[p] for p in blocker.rests_on() if p in events]
    found = tuple(event for event in seen if not is_hidden(event.where))
    text = [piece for part in blocker.text for piece in _opened(part, is_hidden)]
    told = [part for part in text if isinstance(part, Told)]
    began = next((events[p.position] for p in told if p.position in events), None)
    message = "".join(
        part if isinstance(part, str) else _fill(part, events.get(part.position)) for part in text
    )
    is_by = any(part.what == "by" for part in told)
    return Reason(
        code=_refined(blocker.code, events.get(told[0].position) if told else None),
        message=message,
        advice=blocker.advice,
        about=tuple(one for one in blocker.about if not is_hidden(one.where)),
        events=found,
        since=began.recorded_at if began is not None else None,
        by=actor_of(began) if began is not None and is_by else "",
        until=blocker.until,
    )


def _opened(part: str | Told | Named, is_hidden: Callable[[Where], bool]) -> Iterable[str | Told]:
    if not isinstance(part, Named):
        return (part,)
    return ("one of another DAG",) if is_hidden(part.one.where) else _parts_of(part)


def _fill(told: Told, event: Event | None) -> str:
    if event is None:
        return told.otherwise
    match told.what:
        case "since":
            return f" since {instant(event.recorded_at)}"
        case "at":
            return f" at {instant(event.recorded_at)}"
        case "by":
            return _by(event)
        case "why":
            why = why_of(event)
            return f": {why}" if why else ""
        case "end":
            return _end(event) or told.otherwise


def _end(event: Event) -> str:
    why = why_of(event)
    at, because = f" at {instant(event.recorded_at)}", f": {why}" if why else ""
    attempt = event.where.attempt
    match event.data:
        case TaskSucceeded() if attempt:
            return f"It succeeded{at}, with attempt {attempt}"
        case TaskSucceeded():
            return f"It succeeded{at}; there was nothing to do in it, so it needed no worker"
        case TaskFailed():
            return f"It failed{at}, with attempt {attempt}, and has no try left{because}"
        case TaskLost():
            return f"It failed{at}: workers were lost too often, last in attempt {attempt}{because}"
        case TaskMarked(state=state):
            return f"It was marked {state}{_by(event)}{at}{because}"
        case TaskSkipped() if attempt:
            return f"It skipped itself{at}, in attempt {attempt}{because}"
        case TaskSkipped():
            return f"It was skipped{at}{because}"
        case TaskUpstreamFailed():
            return f"It could not run{at}{because}"
        case _:
            return ""


def _refined(code: Code, event: Event | None) -> Code:
    """What only the event tells that began it."""
    if event is None:
        return code
    match code, event.data:
        case Code.DAG_PAUSED, DagPaused(reason=reason) if reason.startswith("quarantined: "):
            return Code.DAG_QUARANTINED
        case ((Code.SUCCEEDED | Code.FAILED | Code.SKIPPED), TaskMarked()):
            return Code.MARKED
        case Code.FAILED, TaskLost():
            return Code.LOST
        case Code.SKIPPED, TaskSkipped(reason=reason):
            return Code.SKIPPED_ITSELF if event.where.attempt else _skipped(reason)
        case _:
            return code


def _skipped(reason: str) -> Code:
    match skip_kind(reason):
        case "branch":
            return Code.SKIPPED_BY_BRANCH
        case "rule":
            return Code.SKIPPED_BY_TRIGGER_RULE
        case "map":
            return Code.SKIPPED_NOTHING_TO_MAP
        case _:
            return Code.SKIPPED_WITH_ITS_RUN


def actor_of(event: Event) -> str:
    """The person or the service behind an event: ``alice``; or ``api`` where nobody said who it
    was."""
    role, _, rest = event.actor.partition("/")
    _, _, principal = rest.partition("/")
    return principal or role


def _by(event: Event) -> str:
    actor = actor_of(event)
    if why_of(event) and isinstance(event.data, DagPaused):
        return " by Millstream itself"
    return " by a call of the api without a login" if actor == "api" else f" by {actor}"


def why_of(event: Event) -> str:
    """What an event says of its cause, on one line."""
    match event.data:
        case TaskFailed(error_type=kind, message=message):
            text = f"{kind}: {message}" if kind and message else kind or message
        case DagPaused(reason="new"):
            text = "a DAG with a schedule begins paused when it is new"
        case DagPaused(reason=text) | TaskLost(reason=text) | TaskSkipped(reason=text):
            pass
        case TaskUpstreamFailed(reason=text) | TaskStopped(reason=text) | RunMarked(reason=text):
            pass
        case TaskMarked(note=text):
            pass
        case RunFailed(reason=text, failed_leaves=leaves):
            text = text or (f"failed: {', '.join(leaves[:MOST_NAMED])}" if leaves else "")
        case RunQuarantined(error=text):
            pass
        case _:
            return ""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_WHY else f"{line[: LONGEST_WHY - 3]}..."
