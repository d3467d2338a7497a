"""The cost rule of the core: an event costs what it touches, however much waits elsewhere.

No service and no disk is involved: commands go through ``handle`` in one process. All sizes are
measured in turns, a batch each, so that a slow moment of the machine hits them alike; what is told
is the median of the batches in CPU time, and its ratio to the smallest size.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec
from rich.console import Console
from rich.table import Table

from millstream.core.commands import SetPool, SubmitDag, TriggerRun
from millstream.core.events import Event
from millstream.core.evolve import evolve
from millstream.core.handle import handle_whole
from millstream.core.reports import SucceedAttempt
from millstream.core.spec import BashAction, DagSpec, MapSource, TaskSpec
from millstream.core.state import State
from millstream.core.task_events import TaskReady
from millstream.core.wire import Record, to_event, to_record

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SIZES = (100, 10_000, 100_000)
BLOCKED = (0, 100_000)
BATCH = 25
BATCHES = 200
WARM_UPS = 20
FLAT = 1.1
FOLDED = 1_000_000
MOST_FOLD_S = 20.0
UNDER_WAY = 2000
MOST = 2**31 - 1


@dataclass
class Shard:
    """A state, and the attempts that are ready in it."""

    state: State = field(default_factory=State)
    ready: deque[Event] = field(default_factory=deque)
    count: int = 0
    spec: DagSpec | None = None
    left: int = 0

    def do(self, command_type: type, **fields: object) -> list[Event]:
        self.count += 1
        command = command_type(id=f"c{self.count}", **fields)
        events = handle_whole(self.state, command, "bench", NOW, 1)
        self.ready.extend(event for event in events if type(event.data) is TaskReady)
        return events

    def begin(self, spec: DagSpec) -> None:
        """A run of the DAG whose tasks are measured."""
        self.spec = spec
        self.do(SubmitDag, namespace="n", spec=spec)
        self.refill()

    def block(self, spec: DagSpec, runs: int = 1) -> None:
        """Runs whose tasks wait for ever, or as good as that."""
        self.do(SubmitDag, namespace="n", spec=spec)
        for _ in range(runs):
            self.trigger(spec.dag_id)
        self.ready.clear()

    def trigger(self, dag_id: str) -> list[Event]:
        date = NOW + timedelta(minutes=self.count)
        run_id = f"r{self.count}"
        return self.do(TriggerRun, namespace="n", dag_id=dag_id, run_id=run_id, logical_date=date)

    def refill(self) -> None:
        """Another run, where the last one is nearly over."""
        assert self.spec is not None
        over = self.spec.tasks[0].mapped_over
        self.left += over[0].length * over[1].length
        self.trigger(self.spec.dag_id)

    def end_one(self) -> None:
        """The oldest ready attempt starts and succeeds: all that one task costs the core."""
        self.left -= 1
        self.do(
            SucceedAttempt,
            where=self.ready.popleft().where,
            worker="w",
            token="t",
            started_at=NOW,
            ended_at=NOW,
        )


def fan(dag_id: str, tasks: int, *, active: int = MOST, pool: str = "default_pool") -> DagSpec:
    """A mapped task of so many instances, and one after it."""
    rows = min(tasks, 1000)
    over = (MapSource(length=tasks // rows), MapSource(length=rows))
    action = BashAction(command="true")
    mapped = TaskSpec(task_id="m", action=action, mapped_over=over, pool=pool)
    last = TaskSpec(task_id="last", action=action, upstream=("m",))
    return DagSpec(
        dag_id=dag_id, tasks=(mapped, last), max_active_tasks=active, max_active_runs=1000
    )


def wide(dag_id: str, tasks: int) -> DagSpec:
    """So many tasks beside each other, all of which want a pool that is not there."""
    action = BashAction(command="true")
    return DagSpec(
        dag_id=dag_id,
        tasks=tuple(TaskSpec(task_id=f"t{n}", action=action, pool="none") for n in range(tasks)),
        max_active_tasks=MOST,
    )


def with_room(tasks: int) -> Shard:
    """A run whose instances are all ready: nobody waits."""
    shard = Shard()
    shard.do(SetPool, namespace="n", name="default_pool", slots=-1)
    shard.begin(fan("d", tasks))
    return shard


def in_turns(tasks: int) -> Shard:
    """A run of which sixteen are active and all others wait."""
    shard = Shard()
    shard.begin(fan("d", tasks, active=16))
    return shard


def with_blocked(blocked: int) -> Shard:
    """A run of 2,000 tasks with room, and so many that wait elsewhere: for a pool that is not
    there, as instances of one task and as tasks of ten runs, and for room in their own run."""
    shard = Shard()
    shard.do(SetPool, namespace="n", name="default_pool", slots=-1)
    if blocked:
        shard.block(fan("for_a_pool", blocked // 2, pool="none"))
        shard.block(fan("for_its_run", blocked // 4, active=1))
        shard.block(wide("wide", blocked // 40), runs=10)
    shard.begin(fan("d", 1000))
    return shard


Result = tuple[str, list[str], list[float]]


def measure(name: str, make: Callable[[int], Shard], sizes: tuple[int, ...]) -> Result:
    """The median cost of a task in microseconds for each size, measured in turns."""
    shards = [make(size) for size in sizes]
    batches: list[list[float]] = [[] for _ in sizes]
    gc.collect()
    gc.freeze()  # what is there already is not what is measured
    for number in range(WARM_UPS + BATCHES):
        for shard, taken in zip(shards, batches, strict=True):
            if shard.left <= BATCH + 16:
                shard.refill()
            began = time.process_time()
            for _ in range(BATCH):
                shard.end_one()
            if number >= WARM_UPS:
                taken.append((time.process_time() - began) / BATCH)
    gc.unfreeze()
    return name, [f"{size:,}" for size in sizes], [statistics.median(t) * 1e6 for t in batches]


def one_run() -> list[Record]:
    """The log of a run of five tasks in a row."""
    shard = Shard()
    action = BashAction(command="true")
    tasks = tuple(
        TaskSpec(task_id=f"t{n}", action=action, upstream=(f"t{n - 1}",) if n else ())
        for n in range(5)
    )
    events = shard.do(SubmitDag, namespace="n", spec=DagSpec(dag_id="d", tasks=tasks))
    events += shard.trigger("d")
    while shard.ready:
        where = shard.ready.popleft().where
        claim = {"where": where, "worker": "w", "token": "t", "started_at": NOW}
        events += shard.do(SucceedAttempt, **claim, ended_at=NOW)
    return [to_record(event) for event in events]


def fold_seconds(events: int) -> float:
    """Decoding and folding a log of so many events, in runs of five tasks, two thousand of which
    are always under way."""
    first, *run = one_run()
    state, seconds, position = State(), 0.0, 1
    evolve(state, to_event(first))
    while position < events:
        names = [f"r{position}-{number}" for number in range(UNDER_WAY)]
        log = []
        for record in run:
            for name in names:
                position += 1
                log.append(msgspec.structs.replace(record, position=position, run_id=name))
        began = time.process_time()
        for record in log:
            evolve(state, to_event(record))
        seconds += time.process_time() - began
    assert not state.runs, "each run has ended"
    return seconds * events / position


def main() -> int:
    """Measure all, and print it. The exit code is 1 if something is not as it has to be."""
    table = Table("the cost of one task in the core", "size", "median µs", "ratio", box=None)
    is_flat = True
    for name, sizes, costs in (
        measure("a run with so many tasks, all of which have room", with_room, SIZES),
        measure("a run with so many tasks, 16 of which may run", in_turns, SIZES),
        measure("a run with room, and so many blocked tasks elsewhere", with_blocked, BLOCKED),
    ):
        for size, cost in zip(sizes, costs, strict=True):
            ratio = cost / costs[0]
            is_flat &= ratio <= FLAT
            table.add_row(name, size, f"{cost:.1f}", f"{ratio:.3f}")
            name = ""
    seconds = fold_seconds(FOLDED)
    table.add_row(f"folding {FOLDED:,} events takes", "", f"{seconds:.1f} s", "")
    Console().print(table)
    return 0 if is_flat and seconds < MOST_FOLD_S else 1
