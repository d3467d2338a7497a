"""Why has this task instance not run, or what became of it? The answer comes from the state with
which is decided, and from the very functions that decide; it changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches
from heapq import nlargest
from itertools import islice
from operator import attrgetter
from typing import NamedTuple

from millstream.core.callbacks import is_callback
from millstream.core.errors import NotFound
from millstream.core.event_parts import Where
from millstream.core.explain_attempts import attempt, no_worker
from millstream.core.explain_ends import ended
from millstream.core.explain_names import MOST_LOOKED_AT
from millstream.core.explain_places import hopeless, waiting
from millstream.core.explain_runs import paused, queued
from millstream.core.explain_tasks import not_begun
from millstream.core.explanation import (
    LONGEST_NAME,
    Blocker,
    Code,
    Explanation,
    Surroundings,
    Told,
    plural,
)
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import FINISHED_TASK, OPEN_RUN, RunStatus, TaskStatus
from millstream.core.verdicts import view_at

Path = tuple[int, ...]
MOST_NAMES = 2000
MOST_COMPARED = 40


def explain(state: State, where: Where, now: datetime, around: Surroundings) -> Explanation:
    """About a run that is not over. Raises :class:`NotFound` with the reason RUN_NOT_FOUND if there
    is none such, and as :func:`explain_in`."""
    run = state.runs.get(run_key(where))
    if run is None:
        error = NotFound(f"No run {where.run_id[:LONGEST_NAME]!r} goes on.")
        error.reason = "RUN_NOT_FOUND"
        raise error
    return explain_in(state, run, where, now, around)


def explain_in(
    state: State, run: Run, where: Where, now: datetime, around: Surroundings
) -> Explanation:
    """About a run of this state, or one that was recalled from the log. Raises :class:`NotFound`
    with the reason TASK_NOT_FOUND for a task, or an instance of one, that the run does not have."""
    number = _number_of(state, run, where)
    node, path, _ = view_at(run, number, where.map_index)
    _check_index(run, number, node, path, where)
    shown, blockers = node.status, list(_blockers(state, run, number, path, now, around))
    if node.elements:
        shown = _tally(run, number, path).status
    return Explanation(
        where=Where(*run.key, where.task_id, path, node.attempt),
        state=str(shown),
        run_state=str(run.status),
        position=state.position,
        epoch=state.epoch,
        blockers=tuple(blockers),
    )


def _blockers(
    state: State,
    run: Run,
    number: int,
    path: Path,
    now: datetime,
    around: Surroundings,
) -> Iterator[Blocker]:
    node, _, view = view_at(run, number, path)
    if node.elements:
        yield from _mapped(state, run, number, path, now, around)
    elif node.status in FINISHED_TASK:
        yield from ended(run, number, path, node, view)
    elif run.status not in OPEN_RUN:
        yield _run_over(run)
    elif run.status is RunStatus.QUEUED:
        yield from queued(state, run, now, around)
        yield from _later(state, run, number, around)
    elif node.status is TaskStatus.NONE:
        yield from not_begun(run, number, path, view)
        if not around.is_alone:
            yield from paused(state, run)
        yield from _later(state, run, number, around)
    elif node.status is TaskStatus.SCHEDULED:
        yield from waiting(state, run, number, node, around)
        yield from no_worker(run.version.graph.tasks[number], around)
    else:
        yield from attempt(state, run, number, path, now, around)
    if node.status is TaskStatus.NONE and node.position and run.status in OPEN_RUN:
        yield Blocker(
            code=Code.CLEARED,
            text=("It was cleared", Told(node.position, "at"), Told(node.position, "by"), "."),
        )


def _later(state: State, run: Run, number: int, around: Surroundings) -> Iterator[Blocker]:
    """What will keep the task from running when it may, as far as that is seen already."""
    if not around.is_alone:
        yield from hopeless(run, number)
    yield from no_worker(run.version.graph.tasks[number], around)


def _run_over(run: Run) -> Blocker:
    position = run.ended_position
    return Blocker(
        code=Code.RUN_OVER,
        text=(
            f"Run {run.key[2]!r} ended as {run.status}",
            Told(position, "at"),
            Told(position, "why"),
            "; the task had not ended by then, and nothing more comes of it.",
        ),
        advice="Clear the task to let the run go on.",
    )


# --- mapped tasks


def _mapped(
    state: State, run: Run, number: int, path: Path, now: datetime, around: Surroundings
) -> Iterator[Blocker]:
    """All instances in one sentence, then the first that is not over, or that did not succeed."""
    tally = _tally(run, number, path)
    total = sum(tally.counts.values())
    shown = ", ".join(f"{count} {_SHORT[status]}" for status, count in tally.counts.items())
    more = "the first " if total >= MOST_LOOKED_AT else ""
    yield Blocker(
        code=Code.MAPPED,
        text=(f"It is mapped; of {more}{plural(total, 'instance')} {shown}.",),
    )
    if tally.first is None:
        return
    name = "".join(f"[{index}]" for index in tally.first)
    for blocker in _blockers(state, run, number, tally.first, now, around):
        yield Blocker(
            code=blocker.code,
            text=(f"Instance {name}: ", *blocker.text),
            advice=blocker.advice,
            about=blocker.about,
            positions=blocker.positions,
            until=blocker.until,
        )


_SHORT = {
    TaskStatus.NONE: "have not begun",
    TaskStatus.SCHEDULED: "wait for a place",
    TaskStatus.QUEUED: "are queued",
    TaskStatus.RUNNING: "are running",
    TaskStatus.UP_FOR_RETRY: "wait for their next try",
    TaskStatus.UP_FOR_RESCHEDULE: "look again later",
    TaskStatus.DEFERRED: "are deferred",
    TaskStatus.AWAITING_INPUT: "wait for a person's answer",
    TaskStatus.SUCCESS: "succeeded",
    TaskStatus.FAILED: "failed",
    TaskStatus.SKIPPED: "were skipped",
    TaskStatus.UPSTREAM_FAILED: "could not run",
}
_MOST_TELLING = (
    TaskStatus.FAILED,
    TaskStatus.UPSTREAM_FAILED,
    TaskStatus.SUCCESS,
    TaskStatus.SKIPPED,
)


class _Tally(NamedTuple):
    """How many instances stand how, in the order in which they do first; and the first that is not
    over, or else the first that did not go well."""

    counts: dict[TaskStatus, int]
    first: Path | None

    @property
    def status(self) -> TaskStatus:
        """Of all together: that of the first that is not over, else the worst."""
        going = (one for one in self.counts if one not in FINISHED_TASK)
        ended = (one for one in _MOST_TELLING if one in self.counts)
        return next(going, None) or next(ended, TaskStatus.NONE)


def _tally(run: Run, number: int, path: Path) -> _Tally:
    """Ten thousand instances are looked through in a millisecond: there is no call for each."""
    node = run.nearest(number, path)[0]
    places: list[Path] = []
    if len(path) + 1 == len(run.version.graph.levels[number]):
        leaves: Sequence[Instance] = node.elements[:MOST_LOOKED_AT]
    else:
        below = list(islice(node.leaves(path), MOST_LOOKED_AT))
        places, leaves = [place for place, _ in below], [leaf for _, leaf in below]
    statuses = list(map(attrgetter("status"), leaves))
    # By identity: to hash an enum is a call.
    by_id = Counter(map(id, statuses))
    counts = {status: by_id[id(status)] for status in TaskStatus if id(status) in by_id}
    going = [one for one in counts if one not in FINISHED_TASK]
    bad = [one for one in (TaskStatus.FAILED, TaskStatus.UPSTREAM_FAILED) if one in counts]
    first = min((statuses.index(one) for one in going or bad), default=None)
    in_order = dict(sorted(counts.items(), key=lambda entry: statuses.index(entry[0])))
    if first is None:
        return _Tally(in_order, None)
    return _Tally(in_order, places[first] if places else (*path, first))


# --- what there is not


def _number_of(state: State, run: Run, where: Where) -> int:
    graph, dag_id = run.version.graph, run.key[1]
    number = graph.number.get(where.task_id)
    if number is not None:
        return number
    latest = state.latest(*run.key[:2])
    if latest is not None and where.task_id in latest.graph.number:
        raise _no_task(
            f"Task {where.task_id!r} is in version {latest.version} of DAG {dag_id!r}; the run was "
            f"made with version {run.version.version}, which has no such task."
        )
    if is_callback(where):
        raise _no_task(f"{where.task_id[:LONGEST_NAME]!r} is a callback and no task.")
    near = _near(where.task_id[:LONGEST_NAME], islice(graph.number, MOST_NAMES))
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise _no_task(f"DAG {dag_id!r} has no task {where.task_id[:LONGEST_NAME]!r}.{hint}")


def _near(name: str, known: Iterable[str]) -> list[str]:
    """The names that somebody may have meant. To compare all thoroughly would take too long: only
    those that have most characters at the same place, from the front or from the back."""

    def alike(other: str) -> int:
        front = sum(a == b for a, b in zip(name, other, strict=False))
        back = sum(a == b for a, b in zip(reversed(name), reversed(other), strict=False))
        return max(front, back)

    return get_close_matches(name, nlargest(MOST_COMPARED, known, key=alike), 3)


def _check_index(run: Run, number: int, node: Instance, path: Path, where: Where) -> None:
    levels, task_id = len(run.version.graph.levels[number]), where.task_id
    if len(where.map_index) > levels:
        what = f"has {plural(levels, 'map index', 'map indices')}" if levels else "is not mapped"
        raise _no_task(f"Task {task_id!r} {what}, so there is no instance {list(where.map_index)}.")
    if any(index < 0 for index in where.map_index):
        raise _no_task(f"A map index is 0 or more, so there is no {list(where.map_index)}.")
    if len(path) < len(where.map_index) and node.elements:
        name = task_id + "".join(f"[{index}]" for index in path)
        raise _no_task(
            f"Task {name!r} has {plural(len(node.elements), 'instance')}, 0 to "
            f"{len(node.elements) - 1}; there is no {where.map_index[len(path)]}. What it is "
            f"mapped over may have come back shorter."
        )


def _no_task(text: str) -> NotFound:
    error = NotFound(text)
    error.reason = "TASK_NOT_FOUND"
    return error
