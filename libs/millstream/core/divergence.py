"""Where two runs part: what happened to each task of one, held against the other.

Two runs never have the same log: independent tasks end in any order, workers and instants differ.
What is compared is what the tasks did: each instance's own steps, one after the other. The first
divergence is one with none above it, the earliest of these.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from millstream.core.callbacks import is_callback
from millstream.core.event_parts import Choice, XCom
from millstream.core.events import (
    Event,
    RunCreated,
    RunFailed,
    RunQuarantined,
    RunReopened,
    RunStarted,
    RunSucceeded,
)
from millstream.core.graph import Graph
from millstream.core.spec import DagSpec, TaskSpec
from millstream.core.task_events import (
    TaskCleared,
    TaskExpanded,
    TaskFailed,
    TaskLost,
    TaskMarked,
    TaskResized,
    TaskSkipped,
    TaskStopped,
    TaskSucceeded,
    TaskUpstreamFailed,
)

TaskKey = tuple[str, tuple[int, ...]]
# "outcome": another end of an attempt, or more of them, or fewer. "result": the same ends, with
# other values. "missing" and "extra": the instance did something in one of the runs only.
Kind = Literal["outcome", "result", "missing", "extra"]
SHOWN_BYTES = 200
# Where a task stands in its file says nothing of what it does.
_ELSEWHERE = ("line",)
# A task is slower or faster if it took that many times as long, and that much longer.
SLOWER = 2.0
SLOWER_S = 1.0


class Step(NamedTuple):
    """Something that an instance did, or that was done to it. ``outcome`` says what, ``result`` is
    what it handed on besides, ``text`` says both to people."""

    outcome: str
    result: str
    text: str
    position: int


@dataclass(slots=True)
class Outline:
    """What is compared of a run. ``add`` its events in order."""

    created: RunCreated | None = None
    version: int = 0
    first_position: int = 0
    state: str = "queued"
    steps: dict[TaskKey, list[Step]] = field(default_factory=dict)
    seconds: dict[TaskKey, float] = field(default_factory=dict)

    def add(self, event: Event) -> None:
        where, data = event.where, event.data
        if is_callback(where):
            return
        match data:
            case RunCreated():
                self.created, self.version = data, data.version
                self.first_position = event.position
            case RunReopened():
                self.state, self.version = "queued", data.version
            case RunStarted():
                self.state = "running"
            case RunSucceeded():
                self.state = "success"
            case RunFailed() | RunQuarantined():
                self.state = "failed"
            case _ if where.task_id:
                self._add_step((where.task_id, where.map_index), event)

    def _add_step(self, key: TaskKey, event: Event) -> None:
        match event.data:
            case TaskSucceeded() | TaskFailed() as data:
                self.seconds[key] = (data.ended_at - data.started_at).total_seconds()
        step = step_of(event)
        if step is not None:
            self.steps.setdefault(key, []).append(step)


def step_of(event: Event) -> Step | None:
    """None for what only says how an attempt came about."""
    data, position = event.data, event.position
    match data:
        case TaskSucceeded(xcoms=xcoms, choice=choice, map_name=name):
            said = [*(f"{key} = {_shown(xcom)}" for key, xcom in xcoms.items()), _chosen(choice)]
            text = ", ".join(part for part in ("success", *said) if part)
            return Step(f"success{_chosen(choice)}", f"{name}{_digest(xcoms)}", text, position)
        case TaskFailed(error_type=kind, message=message, xcoms=xcoms):
            text = f"failed: {kind}: {_cut(message)}"
            return Step(f"failed {kind}", f"{message}{_digest(xcoms)}", text, position)
        case TaskSkipped(reason=reason):
            return Step("skipped", "", f"skipped: {_cut(reason)}", position)
        case TaskUpstreamFailed(reason=reason):
            return Step("upstream_failed", "", f"upstream_failed: {_cut(reason)}", position)
        case TaskLost(reason=reason, is_given_back=is_given_back):
            return None if is_given_back else Step("lost", "", f"lost: {_cut(reason)}", position)
        case TaskExpanded(length=length) | TaskResized(length=length):
            text = f"{length} instances"
            return Step(text, "", text, position)
        case TaskMarked(state=state, note=note):
            return Step(f"marked {state}", "", f"marked {state} {_cut(note)}".strip(), position)
        case TaskCleared():
            return Step("cleared", "", "cleared", position)
        case TaskStopped(reason=reason):
            return Step("stopped", "", f"stopped: {_cut(reason)}", position)
        case _:
            return None


class Input(NamedTuple):
    """Something that the runs were made with, and that differs."""

    name: str
    one: str
    other: str


class Divergence(NamedTuple):
    """Where an instance did another thing. A position is 0 where it did nothing (more) in that run;
    ``is_first`` has no divergence above it."""

    task_id: str
    map_index: tuple[int, ...]
    kind: Kind
    one: str
    other: str
    one_position: int
    other_position: int
    is_first: bool


class Slower(NamedTuple):
    """An instance that took much longer in one of the runs, in seconds."""

    task_id: str
    map_index: tuple[int, ...]
    one_s: float
    other_s: float


@dataclass(frozen=True)
class Difference:
    """``divergences`` begin with those that have none above them, each part in the order in which
    they came about. ``outcome`` is the first one if values alone do not count. ``changed`` are the
    tasks whose definition differs, is new or is gone."""

    inputs: tuple[Input, ...]
    changed: tuple[Input, ...]
    divergences: tuple[Divergence, ...]
    outcome: Divergence | None
    slower: tuple[Slower, ...]


def compare(one: Outline, other: Outline, spec: DagSpec, other_spec: DagSpec) -> Difference:
    """The specs are those of the versions with which the runs went on last."""
    found = list(_divergences(one, other))
    graphs = (Graph(spec), Graph(other_spec))

    def in_order(some: list[Divergence]) -> list[Divergence]:
        below = _below(graphs, some)
        marked = [each._replace(is_first=each.task_id not in below) for each in some]
        return sorted(marked, key=lambda each: (not each.is_first, _rank(each, one, other)))

    outcomes = in_order([each for each in found if each.kind != "result"])
    return Difference(
        tuple(_inputs(one, other)),
        tuple(changed_tasks(spec, other_spec)),
        tuple(in_order(found)),
        outcomes[0] if outcomes else None,
        tuple(_slower(one, other)),
    )


def _divergences(one: Outline, other: Outline) -> Iterator[Divergence]:
    for key in dict.fromkeys((*one.steps, *other.steps)):
        ours, theirs = one.steps.get(key, []), other.steps.get(key, [])
        count = max(len(ours), len(theirs))
        for number in range(count):
            left = ours[number] if number < len(ours) else None
            right = theirs[number] if number < len(theirs) else None
            kind = _kind(left, right, is_absent=not ours or not theirs)
            if kind is not None:
                yield Divergence(
                    *key,
                    kind,
                    left.text if left else "nothing more" if ours else "nothing",
                    right.text if right else "nothing more" if theirs else "nothing",
                    left.position if left else 0,
                    right.position if right else 0,
                    False,
                )
                break


def _kind(left: Step | None, right: Step | None, *, is_absent: bool) -> Kind | None:
    if left is None or right is None:
        if not is_absent:
            return "outcome"
        return "missing" if right is None else "extra"
    if left.outcome != right.outcome:
        return "outcome"
    return None if left.result == right.result else "result"


def _below(graphs: tuple[Graph, ...], found: list[Divergence]) -> dict[str, None]:
    """The tasks that are, in either version of the DAG, downstream of one that diverges."""
    below: dict[str, None] = {}
    diverged = dict.fromkeys(each.task_id for each in found)
    for graph in graphs:
        numbers = [graph.number[name] for name in diverged if name in graph.number]
        for number in graph.descendants(numbers):
            below[graph.tasks[number].task_id] = None
    return below


def _rank(each: Divergence, one: Outline, other: Outline) -> int:
    """How soon after the run began, in events."""
    ranks = [
        position - outline.first_position
        for position, outline in ((each.one_position, one), (each.other_position, other))
        if position
    ]
    return min(ranks)


def _inputs(one: Outline, other: Outline) -> Iterator[Input]:
    if one.version != other.version:
        yield Input("version", str(one.version), str(other.version))
    if one.created is None or other.created is None:
        return
    for name in ("run_type", "logical_date", "data_interval_start", "data_interval_end"):
        left, right = getattr(one.created, name), getattr(other.created, name)
        if left != right:
            yield Input(name, _plain(left), _plain(right))
    ours, theirs = one.created.conf, other.created.conf
    for key in dict.fromkeys((*ours, *theirs)):
        if key not in ours or key not in theirs or ours[key] != theirs[key]:
            yield Input(f"conf.{key}", _conf(ours, key), _conf(theirs, key))


def changed_tasks(spec: DagSpec, other: DagSpec) -> Iterator[Input]:
    """The tasks that two versions define differently, or that one of them does not have."""
    ours = {task.task_id: task for task in spec.tasks}
    theirs = {task.task_id: task for task in other.tasks}
    for name in dict.fromkeys((*ours, *theirs)):
        left, right = ours.get(name), theirs.get(name)
        if left is None or right is None:
            yield Input(name, "there" if left else "not there", "there" if right else "not there")
        elif fields := _fields(left, right):
            yield Input(name, _some(left, fields), _some(right, fields))


def _fields(left: TaskSpec, right: TaskSpec) -> list[str]:
    names = [name for name in TaskSpec.__struct_fields__ if name not in _ELSEWHERE]
    return [name for name in names if getattr(left, name) != getattr(right, name)]


def _some(task: TaskSpec, fields: list[str]) -> str:
    return ", ".join(f"{name} = {_cut(_json(getattr(task, name)))}" for name in fields)


def _slower(one: Outline, other: Outline) -> Iterator[Slower]:
    for key, seconds in one.seconds.items():
        others = other.seconds.get(key)
        if others is None:
            continue
        least, most = sorted((seconds, others))
        if most - least >= SLOWER_S and most >= least * SLOWER:
            yield Slower(*key, seconds, others)


def _digest(xcoms: Mapping[str, XCom]) -> str:
    """Of the values, however large they are."""
    digest = hashlib.sha256()
    for key, xcom in sorted(xcoms.items()):
        value = xcom.blob.encode() or bytes(xcom.value)
        digest.update(b"%s\0%s\0%d\0" % (key.encode(), xcom.codec.encode(), len(value)))
        digest.update(value)
    return digest.hexdigest() if xcoms else ""


def _shown(xcom: XCom) -> str:
    if xcom.blob:
        return f"{xcom.size} bytes ({xcom.blob[:12]})"
    return _cut(bytes(xcom.value).decode())


def _chosen(choice: Choice | None) -> str:
    if choice is None:
        return ""
    if choice.follow is not None:
        return f" chose {', '.join(choice.follow) or 'nothing'}"
    return f" skipped {choice.skip or 'nothing'} downstream"


def _conf(conf: Mapping[str, object], key: str) -> str:
    return _cut(_json(conf[key])) if key in conf else "not there"


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value or "none")


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN_BYTES else f"{text[:SHOWN_BYTES]}..."
