"""``python -m bench.history``: the past of a log of a million events.

The log is that of ``bench.why``. Everything is started on it, and the api is asked how things
stood, by whom and when something was done, where runs part, and for an export of the whole log.
Meanwhile another client asks for a run again and again: the reads of the past must not hold it up.
Run it with ``PYTHONPATH=tests``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import quantiles

from rich.console import Console
from rich.table import Table

from bench.verify import Shard
from bench.why import fill
from integration.running_stack import RunningStack, eventually
from millstream.cli.audit_file import write_export
from millstream.client import Client
from millstream.embedded.run import running_servers

SCRIPT = Path(__file__).parents[1] / "deploy" / "audit" / "verify_export.py"


class Bystander(threading.Thread):
    """Asks for a run, and notes how long each answer takes."""

    def __init__(self, address: str, dag_id: str, run_id: str) -> None:
        super().__init__(daemon=True)
        self._client = Client(address, "n", timeout_s=60.0)
        self._run = (run_id, dag_id)
        self._is_over = threading.Event()
        self.ms: list[float] = []

    def run(self) -> None:
        while not self._is_over.wait(0.005):
            began = time.perf_counter()
            self._client.get_run(*self._run)
            self.ms.append((time.perf_counter() - began) * 1000)

    def finish(self) -> list[float]:
        self._is_over.set()
        self.join()
        self._client.close()
        return self.ms


def timed(call: Callable[[], object], times: int) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        found.append((time.perf_counter() - began) * 1000)
    return found


def questions(
    client: Client, over: list[tuple[str, str]], head: int
) -> dict[str, Callable[[], object]]:
    """What is asked, by its name."""
    history = client.history
    (dag_id, one), (_, other) = [run for run in over if run[0] == over[0][0]][-2:]
    instant = history.head(head // 2).recorded_at
    assert instant is not None, "there is an event"

    def events(**options: object) -> Callable[[], object]:
        return lambda: list(history.events(limit=100, **options))  # type: ignore[arg-type]

    return {
        "where the log stood at an instant": partial(history.position_at, instant),
        "a run at a position": partial(history.run, one, head, dag_id=dag_id),
        "100 runs at a position": lambda: list(history.runs(head // 2, limit=100)),
        "100 failed runs at a position": lambda: list(
            history.runs(head // 2, states=["failed"], limit=100)
        ),
        "everything at a position": partial(history.state, head // 2),
        "100 events of a DAG": events(dag_id=dag_id, from_position=head // 2),
        "100 events of a run": events(run_id=one),
        "100 failures": events(types=["TaskFailed"]),
        "100 events since an instant": events(since=instant),
        "events of a user that did nothing": events(actor="nobody"),
        "events of a task that is not there": events(task_id="nothing"),
        "diff of two runs": partial(history.diff, one, other, dag_id=dag_id),
        "whatif of a run": partial(history.whatif, one, version=1, dag_id=dag_id),
    }


def rss_mb(pid: int) -> float:
    """The memory of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def export(client: Client, path: Path) -> tuple[float, float]:
    """Seconds to write the whole log, and to verify it with Python alone."""
    began = time.perf_counter()
    write_export(client.history.export(), path, is_parquet=False)
    written = time.perf_counter()
    subprocess.run([sys.executable, "-I", "-S", str(SCRIPT), str(path)], check=True)
    return written - began, time.perf_counter() - written


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.history", description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=50, help="each question (default: 50)")
    parser.add_argument("--results", type=Path, default=None, help="append the figures here")
    parsed = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="millstream-history-") as directory:
        data = Path(directory) / "a stack"
        with running_servers(data) as servers:
            over = list(asyncio.run(fill(servers.database_url, Shard(), parsed.events)))
        stack = RunningStack(data)
        stack.up()
        try:
            client = Client(stack.address, "n", timeout_s=120.0)
            head = client.status().log_position
            eventually(
                "the read tables hold the log",
                lambda: client.status().projected_position >= head,
                timeout_s=1800,
            )
            before_mb = rss_mb(stack.pid("api"))
            alone = Bystander(stack.address, *over[-1])
            alone.start()
            time.sleep(2)
            rows = {"a bystander, alone": alone.finish()}
            beside = Bystander(stack.address, *over[-1])
            beside.start()
            for name, call in questions(client, over, head).items():
                rows[name] = timed(call, parsed.times)
            written_s, verified_s = export(client, Path(directory) / "export.jsonl")
            rows["a bystander, beside all this"] = beside.finish()
            grown_mb = rss_mb(stack.pid("api")) - before_mb
            client.close()
        finally:
            stack.down()
    summary = {name: _summed(times) for name, times in rows.items()}
    figures = {
        "events": head,
        "ms": summary,
        "export_events_per_s": round(head / written_s),
        "verified_events_per_s": round(head / verified_s),
        "api_grown_mb": round(grown_mb),
    }
    _show(figures, summary)
    if parsed.results is not None:
        with parsed.results.open("a") as file:
            file.write(json.dumps({"bench": "history", **figures}) + "\n")
    return 0


def _summed(times: list[float]) -> dict[str, float]:
    cuts = quantiles(times, n=100)
    return {"p50": round(cuts[49], 2), "p99": round(cuts[98], 2), "most": round(max(times), 2)}


def _show(figures: dict[str, object], summary: dict[str, dict[str, float]]) -> None:
    console = Console()
    table = Table("question", "p50 ms", "p99 ms", "most ms")
    for name, one in summary.items():
        table.add_row(name, *(str(value) for value in one.values()))
    console.print(table)
    for name, value in figures.items():
        if name != "ms":
            console.print(f"{name}: {value}")


if __name__ == "__main__":
    sys.exit(main())
