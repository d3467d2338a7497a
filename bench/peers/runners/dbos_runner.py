"""DBOS as a library: the workflows run in the process that calls them, Postgres is the only server.

The steps of a run are checkpointed one by one. No history page, scheduler or worker is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from dbos import DBOS, DBOSConfig

from bench.peers.runners.dbos_flows import chain, fanout, windmill
from bench.peers.runners.shapes import CHAIN10, FIB_IS, ML5, RUNS100, WINDMILL40, expect
from bench.peers.runners.turn import Options, Workloads, measure, options


def main() -> None:
    chosen = options()
    DBOS(config=config(chosen.postgres))
    DBOS.launch()
    try:
        measure(chosen, ["dbos"], workloads(chosen))
    finally:
        DBOS.destroy()


def config(url: str) -> DBOSConfig:
    return {
        "name": "peers",
        "system_database_url": url.replace("postgresql://", "postgresql+psycopg://"),
        "log_level": "ERROR",
    }


def workloads(chosen: Options) -> Workloads:
    def once(flow: Callable[[int], Any], size: int, answer: int) -> None:
        expect(DBOS.start_workflow(flow, size).get_result(), answer)

    def many() -> None:
        started = [DBOS.start_workflow(chain, ML5) for _ in range(RUNS100)]
        for handle in started:
            expect(handle.get_result(), ML5)

    return {
        "CHAIN10": lambda: once(chain, CHAIN10, CHAIN10),
        "ML5": lambda: once(chain, ML5, ML5),
        "WINDMILL40": lambda: once(windmill, WINDMILL40, FIB_IS),
        "FANOUT": lambda: once(fanout, chosen.fanout, chosen.fanout),
        "RUNS100": many,
    }


if __name__ == "__main__":
    main()
