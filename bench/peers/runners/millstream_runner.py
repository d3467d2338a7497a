"""Millstream: ``millstream up`` with its own NATS and Postgres, one client of the api."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from bench.peers.runners.shapes import DAG_IDS, RUNS100, expect
from bench.peers.runners.turn import Workloads, measure, options, servers, wait_until
from millstream.client import Client
from millstream.core.pools import DEFAULT_POOL
from millstream.core.statuses import RUN_ENDS
from millstream.embedded.statefile import read_state

DAGS = Path(__file__).resolve().parents[2] / "dags.py"
TIMEOUT_S = 300.0
SLOTS = 4


def main() -> None:
    chosen = options()
    data_dir = chosen.directory / "data"
    up = [sys.executable, "-P", "-m", "millstream.cli", "up", "--data-dir", str(data_dir)]
    with servers([[*up, "--slots", str(SLOTS)]], {}, chosen.directory):
        wait_until(lambda: is_ready(data_dir), "Millstream does not serve")
        with Client(data_dir=data_dir, timeout_s=60) as client:
            # As with the others: what is measured is the engine, so no limit holds a task back.
            client.pools.set(DEFAULT_POOL, -1)
            client.submit_file(DAGS)
            measure(chosen, ["millstream"], workloads(client))


def is_ready(data_dir: Path) -> bool:
    state = read_state(data_dir)
    return state is not None and state.is_ready


def workloads(client: Client) -> Workloads:
    def once(dag_id: str) -> None:
        finished = client.wait(client.trigger(dag_id), timeout_s=TIMEOUT_S)
        expect(finished.state, "success")

    def many() -> None:
        with ThreadPoolExecutor(max_workers=16) as pool:
            runs = list(pool.map(lambda _: client.trigger("ml5"), range(RUNS100)))
        open_runs = {run.run_id for run in runs}
        since = min(run.position for run in runs)
        ends = client.events(
            dag_id="ml5", from_position=since, follow=True, types=RUN_ENDS, timeout_s=TIMEOUT_S
        )
        for event in ends:
            expect(event.type, "RunSucceeded")
            open_runs.discard(event.run_id)
            if not open_runs:
                break

    each = {workload: partial(once, dag_id) for workload, dag_id in DAG_IDS.items()}
    return {**each, "RUNS100": many}


if __name__ == "__main__":
    main()
