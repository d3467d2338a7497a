"""Whom an explanation names: instances that are under way or wait, found without looking through
all that there is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from millstream.core.event_parts import Where
from millstream.core.explanation import MOST_NAMED, About, Surroundings
from millstream.core.state import Instance, Run, State, run_key
from millstream.core.statuses import TaskStatus

# So many are looked at; beyond that nobody is named, and the counts say how many there are.
MOST_LOOKED_AT = 10_000
ACTIVE = (TaskStatus.QUEUED, TaskStatus.RUNNING)
Path = tuple[int, ...]


def about(run: Run, number: int, path: Path, instance: Instance) -> About:
    """An instance, as it stands."""
    where = Where(*run.key, run.version.graph.tasks[number].task_id, path, instance.attempt)
    return About(where=where, state=str(instance.status), position=known_since(run, instance))


def known_since(run: Run, instance: Instance) -> int:
    """The position of the last event about an instance. One of a run that was reopened has none of
    its own until something happens to it."""
    is_untouched = not instance.position and instance.status is not TaskStatus.NONE
    return run.position if is_untouched else instance.position


def open_leaves(run: Run, number: int, node: Instance, path: Path) -> Iterator[About]:
    """The instances at and below a node that are not over."""
    for below, leaf in islice(node.leaves(path), MOST_LOOKED_AT):
        if not leaf.is_over:
            yield about(run, number, below, leaf)


def holders_in(run: Run, wanted: Callable[[int], bool]) -> list[About]:
    """Who holds a place in a run, of the tasks that are wanted."""
    found: list[About] = []
    looked_at = 0
    for number, tree in enumerate(run.instances):
        if not wanted(number) or looked_at > MOST_LOOKED_AT:
            continue
        for path, leaf in tree.leaves():
            looked_at += 1
            if leaf.status in ACTIVE:
                found.append(about(run, number, path, leaf))
                if len(found) == MOST_NAMED:
                    return found
            if looked_at > MOST_LOOKED_AT:
                break
    return found


def holders(state: State, around: Surroundings, wanted: Callable[[Run, int], bool]) -> list[About]:
    """Who holds a place anywhere: what runs, and what is ready."""
    found: dict[Where, About] = {}
    for where in islice(chain(_claims(state, around), _ready(state)), MOST_LOOKED_AT):
        run = state.runs.get(run_key(where))
        known = run.find(where.task_id, where.map_index) if run is not None else None
        if run is None or known is None or known[1].status not in ACTIVE:
            continue
        if wanted(run, known[0]):
            one = about(run, known[0], where.map_index, known[1])
            found.setdefault(one.where, one)
            if len(found) == MOST_NAMED:
                break
    return list(found.values())


def _claims(state: State, around: Surroundings) -> Iterable[Where]:
    if around.claims is not None:
        return around.claims()
    return (where for where, one in state.open_instances() if one.status in ACTIVE)


def _ready(state: State) -> Iterator[Where]:
    return (Where(*key) for key in state.ready)
