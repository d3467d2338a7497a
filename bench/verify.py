"""``python -m bench.verify``: how fast ``millstream verify`` goes through a million events.

The log is made by the core: three DAGs whose runs overlap, with mapped tasks, retries, trigger
rules and a pool that is too small for all.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections import Counter, deque
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from millstream.adapters.log_file import write_log
from millstream.cli.verification import verify_file
from millstream.core.commands import BeginEpoch, RetryAttempt, SetPool, SubmitDag, TriggerRun
from millstream.core.event_parts import Where
from millstream.core.events import Event, RunFailed, RunSucceeded
from millstream.core.handle import handle_whole
from millstream.core.reports import FailAttempt, StartAttempt, SucceedAttempt
from millstream.core.spec import BashAction, DagSpec, MapSource, TaskSpec, TriggerRule
from millstream.core.state import State
from millstream.core.task_events import TaskFailed, TaskReady
from millstream.core.wire import (
    GENESIS,
    canonical_bytes,
    chain_digest,
    published_bytes,
    to_record,
)
from millstream.verify.rows import Row, decode

EVENTS = 1_000_000
MOST_S = 60.0
UNDER_WAY = 40
RETRY_S = 30.0


def task(task_id: str, *upstream: str, **options: Any) -> TaskSpec:
    return TaskSpec(
        task_id=task_id, action=BashAction(command="true"), upstream=upstream, **options
    )


def dags() -> list[DagSpec]:
    etl = (
        task("extract"),
        *(task(f"clean{n}", "extract", retries=2, retry_delay_s=RETRY_S) for n in range(4)),
        task("join", *(f"clean{n}" for n in range(4))),
        task("load", "join", pool="warehouse"),
        task("alarm", "load", trigger_rule=TriggerRule.ONE_FAILED),
        task("report", "load", "alarm", trigger_rule=TriggerRule.ALL_DONE),
    )
    fan = (
        task("list"),
        task("work", "list", mapped_over=(MapSource(length=50),), max_active_tis_per_dagrun=20),
        task("total", "work", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS),
    )
    chain = tuple(task(f"t{n}", *((f"t{n - 1}",) if n else ())) for n in range(12))
    return [
        DagSpec(dag_id=name, tasks=tasks, max_active_runs=UNDER_WAY, max_active_tasks=64)
        for name, tasks in (("etl", etl), ("fan", fan), ("chain", chain))
    ]


@dataclass
class Shard:
    """A scheduler without servers: what is ready is claimed, ends, and is now and then retried."""

    specs: list[DagSpec] = field(default_factory=dags)
    namespace: str = "n"
    failing: float = 0.03
    under_way: int = UNDER_WAY
    random: Random = field(default_factory=lambda: Random("verify"))
    state: State = field(default_factory=State)
    now: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    open_runs: int = 0
    ready: deque[Event] = field(default_factory=deque)
    retries: deque[Event] = field(default_factory=deque)
    counts: Counter[str] = field(default_factory=Counter)

    def events(self) -> Iterator[Event]:
        """Without an end."""
        yield from self.do(BeginEpoch, "scheduler/s", id="epoch/1", holder="s")
        yield from self.ask(SetPool, namespace=self.namespace, name="warehouse", slots=4)
        for spec in self.specs:
            yield from self.ask(SubmitDag, namespace=self.namespace, spec=spec)
        while True:
            while self.open_runs < self.under_way:
                spec = self.random.choice(self.specs)
                self.open_runs += 1
                yield from self.ask(TriggerRun, namespace=self.namespace, dag_id=spec.dag_id)
            yield from self.step()

    def step(self) -> Iterator[Event]:
        if self.retries and (not self.ready or self.random.random() < 0.05):
            failed = self.retries.popleft()
            assert isinstance(failed.data, TaskFailed)
            assert failed.data.retry_at is not None
            self.now = max(self.now, failed.data.retry_at)
            name = f"retry/{failed.where.run_id}/{failed.where.task_id}/{failed.where.attempt}"
            yield from self.do(RetryAttempt, "scheduler/s", id=name, where=failed.where)
            return
        where = self.ready.popleft().where
        if self.random.random() >= self.failing:
            yield from self.succeed(where)
            return
        ends = yield from self.start(where)
        error = {"error_type": "ValueError", "message": "no such row", "traceback": "..."}
        yield from self.do(FailAttempt, "worker/w", **ends, **error)

    def succeed(self, where: Where) -> Iterator[Event]:
        """A ready attempt begins and ends."""
        ends = yield from self.start(where)
        yield from self.do(SucceedAttempt, "worker/w", **ends)

    def start(self, where: Where) -> Generator[Event, None, dict[str, Any]]:
        """A ready attempt begins. Returns what the report of its end says."""
        index = ".".join(map(str, where.map_index))
        about = f"w-{where.run_id}-{where.task_id}-{index}-{where.attempt}"
        claim = {"where": where, "worker": "w", "token": about, "started_at": self.now}
        yield from self.do(StartAttempt, "worker/w", id=f"{about}/start", **claim)
        return {"id": f"{about}/end", "ended_at": self.now, **claim}

    def ask(self, command: type, **fields: Any) -> list[Event]:
        """A request of a client."""
        self.counts["requests"] += 1
        return self.do(command, "api/a", id=f"request-{self.counts['requests']}", **fields)

    def do(self, command: type, actor: str, **fields: Any) -> list[Event]:
        self.now += timedelta(milliseconds=1)
        events = handle_whole(self.state, command(**fields), actor, self.now, 1)
        for event in events:
            match event.data:
                case TaskReady():
                    self.ready.append(event)
                case TaskFailed() if event.data.retry_at is not None:
                    self.retries.append(event)
                case RunSucceeded() | RunFailed():
                    self.open_runs -= 1
        return events


def rows(count: int) -> Iterator[Row]:
    digest = GENESIS
    for number, event in enumerate(Shard().events(), 1):
        canonical = canonical_bytes(to_record(event))
        digest = chain_digest(digest, canonical)
        yield decode(published_bytes(canonical, digest))
        if number == count:
            return


def main() -> int:
    """Measure, and print it. The exit code is 1 if it takes too long or finds something."""
    parser = argparse.ArgumentParser(prog="python -m bench.verify")
    parser.add_argument("--events", type=int, default=EVENTS, help="how many (default: a million)")
    parser.add_argument("--keep", type=Path, help="write the log here and keep it")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory:
        path = parsed.keep or Path(directory) / "log.jsonl"
        with write_log(path) as file:
            for row in rows(parsed.events):
                file.add(row)
        size = path.stat().st_size
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, used = time.monotonic(), time.process_time()
        findings = verify_file(path)
        seconds, used = time.monotonic() - began, time.process_time() - used
    beside = resource.getrusage(resource.RUSAGE_CHILDREN)
    largest = max(beside.ru_maxrss, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    print(
        f"{parsed.events:,} events ({size / 1e6:.0f} MB) in {seconds:.1f} s: "
        f"{parsed.events / seconds:,.0f} events/s; CPU {used:.1f} s in the judge and "
        f"{beside.ru_utime:.1f} s in the core's fold beside it; at most {largest / 1024:.0f} MB a "
        f"process ({before / 1024:.0f} MB before)"
    )
    for finding in findings.first():
        print(finding, file=sys.stderr)
    return 0 if findings.is_fine and seconds * EVENTS < MOST_S * max(parsed.events, EVENTS) else 1


if __name__ == "__main__":
    raise SystemExit(main())
