"""Deadlines of runs: when each is, and that it was missed. A deadline that cannot be reckoned is
none: it never keeps a run from being made."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from millstream.core.commands import MissDeadline
from millstream.core.event_parts import Where
from millstream.core.events import DeadlineMissed, DeadlineSet, Event, Fact, RunCreated
from millstream.core.spec import DagSpec, DeadlineSpec
from millstream.core.state import Run, State, run_key

LONGEST_INTERVAL_S = 100 * 366 * 86400.0
MOST_RUNS = 1000


def set_deadlines(state: State, event: Event) -> Iterator[Fact]:
    """The deadlines of a run that was just created."""
    run = state.runs.get(run_key(event.where))
    if run is None or not isinstance(event.data, RunCreated):
        return
    runtimes = state.dags[run.key[:2]].runtimes
    for deadline in run.version.spec.deadlines:
        due_at = _due_at(deadline, event.data, event.recorded_at, runtimes)
        if due_at is not None:
            yield Fact(event.where, DeadlineSet(name=deadline.name, due_at=due_at))


def _due_at(
    deadline: DeadlineSpec, created: RunCreated, now: datetime, runtimes: list[float]
) -> datetime | None:
    try:
        since = _since(deadline, created, now, runtimes)
        if since is None:
            return None
        return (since + timedelta(seconds=deadline.interval_s)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _since(
    deadline: DeadlineSpec, created: RunCreated, now: datetime, runtimes: list[float]
) -> datetime | None:
    match deadline.reference:
        case "logical_date":
            return created.logical_date
        case "queued_at":
            return now
        case "fixed_datetime":
            return datetime.fromisoformat(deadline.at)
        case "average_runtime":
            latest = runtimes[-deadline.max_runs :]
            if len(latest) < (deadline.min_runs or deadline.max_runs):
                return None
            return now + timedelta(seconds=sum(latest) / len(latest))


def note_runtime(state: State, run: Run, ended_at: datetime) -> None:
    """Fold how long a run took, if a deadline of its DAG looks at that."""
    if run.started_at is None:
        return
    dag = state.dags[run.key[:2]]
    most = max((d.max_runs for d in _averages(dag.latest.spec)), default=0)
    if most:
        dag.runtimes.append((ended_at - run.started_at).total_seconds())
        del dag.runtimes[:-most]


def _averages(spec: DagSpec) -> Iterator[DeadlineSpec]:
    return (d for d in spec.deadlines if d.reference == "average_runtime")


def deadline_timer(where: Where, name: str, due_at: datetime) -> tuple[datetime, MissDeadline]:
    """The instant at which a run misses a deadline."""
    ident = f"deadline/{where.namespace}/{where.dag_id}/{where.run_id}/{name}"
    return due_at, MissDeadline(id=ident, where=where, name=name)


def deadline_timers(state: State) -> Iterator[tuple[datetime, MissDeadline]]:
    """All of them, after a restart or a takeover."""
    for run in state.runs.values():
        for name, due_at in run.deadlines.items():
            yield deadline_timer(Where(*run.key), name, due_at)


def miss(state: State, command: MissDeadline) -> Iterator[Fact]:
    """The instant has come; nothing if the run is over."""
    run = state.runs.get(run_key(command.where))
    due_at = run.deadlines.get(command.name) if run is not None else None
    if due_at is not None:
        yield Fact(command.where, DeadlineMissed(name=command.name, due_at=due_at))


def check_deadlines(spec: DagSpec) -> list[str]:
    """The problems of a DAG's deadlines, as sentences."""
    names = [deadline.name for deadline in spec.deadlines]
    problems = [
        f"two deadlines have the name {name!r}; give each a name of its own"
        for name in dict.fromkeys(names)
        if names.count(name) > 1
    ]
    for deadline in spec.deadlines:
        name = f"deadline {deadline.name!r}"
        if not deadline.name or len(deadline.name) > 100:
            problems.append(f"{name}: a name has 1 to 100 characters")
        if not abs(deadline.interval_s) <= LONGEST_INTERVAL_S:
            problems.append(f"{name}: interval is {deadline.interval_s} s; 100 years are the most")
        if not 1 <= deadline.max_runs <= MOST_RUNS:
            problems.append(f"{name}: max_runs is {deadline.max_runs}; 1 to {MOST_RUNS} is allowed")
        if not 0 <= deadline.min_runs <= deadline.max_runs:
            problems.append(f"{name}: min_runs is {deadline.min_runs}; 0 to max_runs is allowed")
        if deadline.reference == "fixed_datetime":
            problems += _check_instant(name, deadline.at)
    return problems


def _check_instant(name: str, at: str) -> list[str]:
    try:
        if datetime.fromisoformat(at).tzinfo is not None:
            return []
    except ValueError:
        pass
    return [f"{name}: {at!r} is not an ISO 8601 instant with a time zone"]
