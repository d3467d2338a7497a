"""What became of an instance that is over, and why."""

from __future__ import annotations

from collections.abc import Iterator

from millstream.core.explain_names import about, known_since
from millstream.core.explanation import (
    MOST_NAMED,
    About,
    Blocker,
    Code,
    Named,
    Told,
    name_of,
)
from millstream.core.state import Instance, Run
from millstream.core.statuses import TaskStatus
from millstream.core.verdicts import View

Path = tuple[int, ...]
MOST_UPSTREAM = 2000
_CODES = {
    TaskStatus.SUCCESS: (Code.SUCCEEDED, "It succeeded"),
    TaskStatus.FAILED: (Code.FAILED, "It failed"),
    TaskStatus.SKIPPED: (Code.SKIPPED, "It was skipped"),
    TaskStatus.UPSTREAM_FAILED: (Code.UPSTREAM_FAILED, "It could not run"),
}


def ended(run: Run, number: int, path: Path, instance: Instance, view: View) -> Iterator[Blocker]:
    """The end of an instance."""
    code, otherwise = _CODES[instance.status]
    causes: list[About] = []
    parts: list[str | Told | Named] = [Told(instance.position, "end", otherwise)]
    if instance.status is TaskStatus.UPSTREAM_FAILED:
        causes = _roots(run, number, (TaskStatus.FAILED,))
    elif instance.status is TaskStatus.SKIPPED and view.cut_by:
        chooser = run.find(view.cut_by)
        if chooser is not None and not chooser[1].elements:
            causes = [about(run, chooser[0], (), chooser[1])]
    elif instance.status is TaskStatus.SKIPPED and not instance.attempt:
        causes = _above(run, number, (TaskStatus.SKIPPED, TaskStatus.FAILED))
    for index, cause in enumerate(causes[:MOST_NAMED]):
        verb = {"failed": "failed", "skipped": "was skipped"}.get(cause.state, "ended")
        parts += [". The cause: " if not index else "; ", f"{name_of(cause.where)} {verb}"]
        if cause.position and cause.position != run.position:
            parts += [Told(cause.position, "at"), Told(cause.position, "why")]
    if len(causes) > MOST_NAMED:
        parts.append(f" and {len(causes) - MOST_NAMED} more")
    yield Blocker(
        code=code,
        text=(*parts, "."),
        advice=_advice(instance.status, causes),
        about=tuple(causes[:MOST_NAMED]),
        positions=(known_since(run, instance),),
    )


def _advice(status: TaskStatus, causes: list[About]) -> str:
    match status:
        case TaskStatus.FAILED:
            return "See its log; clear it to let it run again."
        case TaskStatus.UPSTREAM_FAILED if causes:
            return (
                f"See the log of {name_of(causes[0].where)}; clear that task to let both run again."
            )
        case _:
            return ""


def _roots(run: Run, number: int, states: tuple[TaskStatus, ...]) -> list[About]:
    """The tasks further up that failed themselves."""
    graph = run.version.graph
    found: list[About] = []
    seen = dict.fromkeys([number])
    queue = [number]
    for each in queue:  # it grows meanwhile
        needed = [other for other, _ in (*graph.above[each], *graph.needs[each])]
        for other in needed:
            if other in seen:
                continue
            seen[other] = None
            mine = _ended_as(run, other, states)
            if mine is not None:
                found.append(mine)
            elif _ended_as(run, other, (TaskStatus.UPSTREAM_FAILED,)) is not None:
                queue.append(other)
        if len(seen) > MOST_UPSTREAM:
            break
    return found


def _above(run: Run, number: int, states: tuple[TaskStatus, ...]) -> list[About]:
    """The tasks directly upstream that ended so."""
    graph = run.version.graph
    found = (_ended_as(run, other, states) for other, _ in graph.above[number][:MOST_UPSTREAM])
    return [one for one in found if one is not None]


def _ended_as(run: Run, number: int, states: tuple[TaskStatus, ...]) -> About | None:
    for index, (path, leaf) in enumerate(run.instances[number].leaves()):
        if leaf.status in states:
            return about(run, number, path, leaf)
        if index > MOST_UPSTREAM:
            break
    return None
