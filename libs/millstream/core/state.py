"""The state of one shard, folded from the log. Only ``evolve`` changes it.

It holds what is needed to decide: the DAGs and the runs that have not finished. An event costs what
it touches; nothing here is copied or scanned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from millstream.core.access_state import Access
from millstream.core.assets import Assets
from millstream.core.dags import Dag
from millstream.core.deferral import Resume
from millstream.core.event_parts import Choice, RunInfo, Where
from millstream.core.events import RunCreated, RunMarked
from millstream.core.lanes import lanes_of
from millstream.core.limits import Limits, Seats
from millstream.core.past import Past
from millstream.core.spec import CallbackAction
from millstream.core.statuses import BEGUN_TASK, FINISHED_TASK, RunStatus, TaskStatus
from millstream.core.task_events import TaskAwaitsInput, TaskDeferred
from millstream.core.versions import DagVersion
from millstream.core.wire import GENESIS

LARGEST_REPEATED_CONF_BYTES = 2048

DagKey = tuple[str, str]
# A namespace, and the name of something in it.
NameKey = tuple[str, str]
RunKey = tuple[str, str, str]
InstanceKey = tuple[str, str, str, str, tuple[int, ...]]


def run_key(where: Where) -> RunKey:
    return (where.namespace, where.dag_id, where.run_id)


def instance_key(where: Where) -> InstanceKey:
    return (where.namespace, where.dag_id, where.run_id, where.task_id, where.map_index)


@dataclass(slots=True)
class Instance:
    """A task of a run, or one instance of a mapped task, or what several of these are below.

    A task that is mapped, or that is in a mapped group, is a tree: as deep as its map index has
    levels, and ``elements`` are there as soon as a level is expanded. Only what has no elements has
    a status. ``open`` counts the instances below that have not ended.

    ``total`` counts the upstream instances that all instances below wait for, and the four counts
    say how those ended so far; an instance waits for what is counted on its way down the tree.
    ``news`` is the position of the last event that changed what may be decided here, ``position``
    that of the last event about it (0: none since the run was made or reopened). ``cuts``
    counts, by task, the branches and short circuits that decided that what is below is skipped;
    ``choice`` is the task's own decision about others. ``length``: how
    many items the result has, if other tasks are mapped over that (-1: none yet, -2: it has no
    length); above the instances it is the number of elements with a result.
    ``failures`` counts the user's tries that are used up, ``tries`` is the number of the latest
    one, ``max_tries`` that of the last one allowed (0: as the task says).
    ``waiting``: what a task that was rescheduled or deferred has to remember.
    """

    status: TaskStatus = TaskStatus.NONE
    attempt: int = 0
    failures: int = 0
    tries: int = 0
    max_tries: int = 0
    losses: int = 0
    token: str = ""
    worker: str = ""
    retry_at: datetime | None = None
    ready_at: datetime | None = None
    success: int = 0
    skipped: int = 0
    failed: int = 0
    upstream_failed: int = 0
    total: int = 0
    news: int = 0
    position: int = 0
    cuts: dict[str, int] | None = None
    choice: Choice | None = None
    extra: Extra | None = None
    length: int = -1
    open: int = 0
    elements: tuple[Instance, ...] = ()
    waiting: Waiting | None = None

    @property
    def cut_by(self) -> str:
        """The first of the tasks that decided that this one is skipped; "" if none did."""
        return next(iter(self.cuts), "") if self.cuts else ""

    @property
    def is_over(self) -> bool:
        """Has it ended, with all that is below?"""
        return not self.open if self.elements else self.status in FINISHED_TASK

    def leaves(self, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Instance]]:
        """What has a status: itself, or the instances below, each with its map index."""
        if not self.elements:
            yield path, self
        for index, element in enumerate(self.elements):
            yield from element.leaves((*path, index))


@dataclass(slots=True)
class Extra:
    """What a task waits for beyond its upstream tasks. For a teardown: ``waits`` counts the tasks
    of its scope that are not over, and the setups are those upstream of it. For another task: the
    setups that it needs, and ``waits`` counts those that are not over."""

    waits: int = 0
    setups: int = 0
    setup_success: int = 0
    setup_skipped: int = 0
    setup_failed: int = 0


@dataclass(slots=True)
class Waiting:
    """What an instance that stopped to wait remembers until it is over.

    ``first_started_at``: when it first looked; across retries, as in Airflow. ``pause``: what it
    waits for now, since its attempt ``attempt``; ``is_trigger_ready``: its trigger waits for a
    worker. ``resume``: how it goes on.
    """

    first_started_at: datetime | None = None
    pause: TaskDeferred | TaskAwaitsInput | None = None
    attempt: int = 0
    is_trigger_ready: bool = False
    resume: Resume | None = None


@dataclass(slots=True)
class Run:
    """A run that has not finished. ``instances[i]`` belongs to task ``i`` of the graph; ``trace``
    is the trace context of the command that created or reopened it, which all of its events carry.
    ``failed_leaves`` counts the failed instances of each task that decides the outcome; ``marked``
    overrules them. ``position`` is that of the event that made it, ``started_position`` and
    ``ended_position`` are those of the others."""

    key: RunKey
    version: DagVersion
    created: RunCreated
    info: RunInfo
    status: RunStatus
    instances: list[Instance]
    unfinished: int
    trace: str = ""
    position: int = 0
    times_out_at: datetime | None = None
    started_at: datetime | None = None
    started_position: int = 0
    # The deadlines that it has not missed, by name.
    deadlines: dict[str, datetime] = field(default_factory=dict)
    failed_leaves: dict[str, int] = field(default_factory=dict)
    marked: RunMarked | None = None
    ended_position: int = 0
    is_reopened: bool = False
    was_cleared: bool = False
    seats: Seats = field(init=False, repr=False)
    # None unless some task of the DAG depends on the past.
    past: Past | None = field(default=None, repr=False)

    def find(self, task_id: str, map_index: tuple[int, ...] = ()) -> tuple[int, Instance] | None:
        """The number and the state of an instance of a task; None if there is none such."""
        number = self.version.graph.number.get(task_id)
        if number is None:
            return None
        instance = self.instances[number]
        for index in map_index:
            if not 0 <= index < len(instance.elements):
                return None
            instance = instance.elements[index]
        return number, instance

    def nearest(self, number: int, path: tuple[int, ...]) -> tuple[Instance, int]:
        """Of a task the node at ``path``, or as far along it as there are nodes; and how far that
        is."""
        node, depth = self.instances[number], 0
        for index in path:
            if index >= len(node.elements):
                break
            node = node.elements[index]
            depth += 1
        return node, depth


@dataclass(slots=True)
class Callback:
    """A callback that is not over, with all that it takes to run: it outlives its run. Of
    ``instance`` what counts for a task that is not mapped."""

    action: CallbackAction
    queue: str
    version: int
    bundle: str
    file: str
    run: RunInfo
    trace: str
    instance: Instance = field(default_factory=Instance)


@dataclass(slots=True)
class State:
    """``ready`` holds the position of each ready attempt that nobody claimed, oldest first;
    ``variables`` and ``connections`` the version of each that there is."""

    position: int = 0
    epoch: int = 0
    digest: bytes = GENESIS
    recorded_at: datetime | None = None
    dags: dict[DagKey, Dag] = field(default_factory=dict)
    runs: dict[RunKey, Run] = field(default_factory=dict)
    ready: dict[InstanceKey, int] = field(default_factory=dict)
    assets: Assets = field(default_factory=Assets)
    variables: dict[NameKey, int] = field(default_factory=dict)
    connections: dict[NameKey, int] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    callbacks: dict[InstanceKey, Callback] = field(default_factory=dict)
    pasts: dict[DagKey, Past] = field(default_factory=dict)
    access: Access = field(default_factory=Access)

    def latest(self, namespace: str, dag_id: str) -> DagVersion | None:
        dag = self.dags.get((namespace, dag_id))
        return dag.latest if dag is not None else None

    def oldest_ready(self) -> int | None:
        """The position of the oldest attempt that is ready and not claimed."""
        return next(iter(self.ready.values()), None)

    def open_instances(self) -> Iterator[tuple[Where, Instance]]:
        """Every instance of a live run that has begun and is not over, and every callback."""
        for run in self.runs.values():
            for task, tree in zip(run.version.graph.tasks, run.instances, strict=True):
                for path, instance in tree.leaves():
                    if instance.status in BEGUN_TASK:
                        yield Where(*run.key, task.task_id, path, instance.attempt), instance
        for key, callback in self.callbacks.items():
            yield Where(*key, callback.instance.attempt), callback.instance

    def instance(self, key: InstanceKey) -> Instance | None:
        """The instance of a task, or what a callback has in its place."""
        callback = self.callbacks.get(key)
        if callback is not None:
            return callback.instance
        run = self.runs.get(key[:3])
        found = run.find(key[3], key[4]) if run is not None else None
        return None if found is None else found[1]

    def lanes(self) -> set[str]:
        """The lanes in which something may become ready: those of the latest DAG versions and of
        live runs. An older version that comes back brings its own with it."""
        specs = [dag.latest.spec for dag in self.dags.values() if dag.versions]
        versions = {id(run.version): run.version for run in self.runs.values()}
        specs += [version.spec for version in versions.values()]
        lanes = {lane for spec in specs for lane in lanes_of(spec)}
        return lanes | {callback.queue for callback in self.callbacks.values()}
