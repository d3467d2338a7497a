"""``make bench-growth``: how cost grows with the number of workers, with the length of the log, and
with the number of runs that go on at a time. JSON lines, and plots of them.

Tasks a second are those of FANOUT, but of the runs themselves where many go on at a time; a hop is
from the end of one task of CHAIN10 to the end of the next one.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.calibration import calibrate
from bench.growth_plots import Point, draw, points_in
from bench.hops import Hops, hops_since
from bench.installation import DAGS, HERE, fresh, running
from bench.large_log import make
from bench.results import append
from bench.timed import CHAIN10, FANOUT1000, WARM_UPS, many_runs
from millstream.client import Client
from millstream.core.pools import DEFAULT_POOL

IMAGES = HERE.parent / "docs" / "img" / "performance"
WORKERS = (1, 2, 4, 8)
ACTIVE_RUNS = (1, 10, 100, 1000)
SMALLEST_LOG = 4
FANOUTS = 5
CHAINS = 40
# At least so many runs for a point, however few of them go on at a time.
RUNS = 100

Measured = tuple[int, float, Hops]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.growth")
    parser.add_argument("--only", action="append", metavar="SWEEP", choices=SWEEPS)
    parser.add_argument("--slots", type=int, default=4, help="of each worker (default: 4)")
    parser.add_argument(
        "--largest", type=int, default=6, help="power of ten of the longest log (default: 6)"
    )
    parser.add_argument("--results", type=Path, default=HERE / "results" / "growth.jsonl")
    parser.add_argument("--draw", action="store_true", help="only the plots of what is there")
    parser.add_argument("--images", type=Path, default=IMAGES)
    parsed = parser.parse_args()
    if not parsed.draw:
        for name, sweep in SWEEPS.items():
            if name in (parsed.only or SWEEPS):
                measure(name, sweep(parsed.slots, parsed.largest), parsed.slots, parsed.results)
    for path in draw(points_in(parsed.results), parsed.images):
        print(path)
    return 0


def measure(sweep: str, found: Iterator[Measured], slots: int, results: Path) -> None:
    """Each point is kept as soon as it is there."""
    before = calibrate()
    for x, tasks_per_s, hops in found:
        after = calibrate()
        point = Point(
            sweep=sweep,
            x=x,
            tasks_per_s=round(tasks_per_s, 1),
            hops=hops,
            slots=slots,
            calibration=before.between(after),
            at=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        append(results, [point])
        print(
            f"{sweep} {x:,}: {tasks_per_s:,.0f} tasks/s, a hop takes {hops.p50:.2f} ms, "
            f"99 % less than {hops.p99:.2f} ms",
            flush=True,
        )
        before = calibrate()


def workers(slots: int, _: int) -> Iterator[Measured]:
    for count in WORKERS:
        with fresh(slots=slots, workers=count) as installation:
            yield count, fanout_rate(installation.client), chain_hops(installation.client)


def log_sizes(slots: int, largest: int) -> Iterator[Measured]:
    """All runs of the log are over, so nothing but its length is measured."""
    for power in range(SMALLEST_LOG, largest + 1):
        with tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory:
            log = make(Path(directory), 10**power, active=0)
            with running(log.data_dir, slots) as installation:
                client = installation.client
                client.pools.set(DEFAULT_POOL, -1)
                client.submit_file(DAGS)
                yield 10**power, fanout_rate(client), chain_hops(client)


def active_runs(slots: int, _: int) -> Iterator[Measured]:
    """Runs of ten tasks in a row, so many at a time."""
    with fresh(slots=slots) as installation:
        client = installation.client
        for count in ACTIVE_RUNS:
            at_once = many_runs("chain10", count)
            at_once(client)
            position = client.status().log_position
            repeats = max(1, RUNS // count)
            seconds = statistics.median(at_once(client) for _ in range(repeats))
            yield count, count * CHAIN10.tasks / seconds, hops_since(client, "chain10", position)


def fanout_rate(client: Client) -> float:
    """Tasks a second, the median of some."""
    for _ in range(WARM_UPS):
        FANOUT1000.seconds(client)
    return FANOUT1000.tasks / statistics.median(FANOUT1000.seconds(client) for _ in range(FANOUTS))


def chain_hops(client: Client) -> Hops:
    """One run of CHAIN10 at a time."""
    for _ in range(WARM_UPS):
        CHAIN10.seconds(client)
    position = client.status().log_position
    for _ in range(CHAINS):
        CHAIN10.seconds(client)
    return hops_since(client, "chain10", position)


SWEEPS: dict[str, Callable[[int, int], Iterator[Measured]]] = {
    "workers": workers,
    "log": log_sizes,
    "runs": active_runs,
}

if __name__ == "__main__":
    raise SystemExit(main())
