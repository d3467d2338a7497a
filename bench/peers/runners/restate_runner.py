"""Restate: the Rust server as one node, the service in a Python process of its own, one client."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import httpx

from bench.peers.runners.shapes import CHAIN10, FIB_IS, ML5, RUNS100, WINDMILL40, expect
from bench.peers.runners.turn import (
    HOST,
    START_TIMEOUT_S,
    Options,
    Workloads,
    measure,
    options,
    servers,
    wait_for_port,
    wait_until,
)

TIMEOUT_S = 300.0


def main() -> None:
    chosen = options()
    ingress, admin, node, service = chosen.ports[:4]
    server = find_server()
    env = {
        "RESTATE_BASE_DIR": str(chosen.directory / "restate"),
        "RESTATE_INGRESS__BIND_ADDRESS": f"{HOST}:{ingress}",
        "RESTATE_ADMIN__BIND_ADDRESS": f"{HOST}:{admin}",
        "RESTATE_BIND_ADDRESS": f"{HOST}:{node}",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LOG_FILTER": "warn",
    }
    # Hypercorn is what Restate's documentation serves Python with: it speaks HTTP/2.
    serve = [sys.executable, "-m", "hypercorn", "--bind", f"{HOST}:{service}"]
    commands = [[str(server)], [*serve, "bench.peers.runners.restate_service:app"]]
    with servers(commands, env, chosen.directory):
        for port in (ingress, admin, service):
            wait_for_port(port)
        register(f"http://{HOST}:{admin}", f"http://{HOST}:{service}")
        said = subprocess.check_output([server, "--version"], text=True).split()[-1]
        with asyncio.Runner() as loop:
            client = httpx.AsyncClient(base_url=f"http://{HOST}:{ingress}", timeout=TIMEOUT_S)
            measure(
                chosen, ["restate-sdk"], workloads(chosen, client, loop), **{"restate-server": said}
            )
            loop.run(client.aclose())


def find_server() -> Path:
    """The server itself: what npm puts on the path is a Node script that starts it."""
    modules = Path(sys.prefix, "node_modules", "@restatedev")
    return next(modules.glob("restate-server-*/bin/restate-server"))


def register(admin: str, service: str) -> None:
    def is_registered() -> bool:
        answer = httpx.post(f"{admin}/deployments", json={"uri": service}, timeout=START_TIMEOUT_S)
        return answer.is_success

    wait_until(is_registered, "the service could not be registered")


def workloads(chosen: Options, client: httpx.AsyncClient, loop: asyncio.Runner) -> Workloads:
    async def call(handler: str, size: int, answer: int) -> None:
        response = await client.post(f"/Flows/{handler}", json=size)
        response.raise_for_status()
        expect(response.json(), answer)

    async def many() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(RUNS100):
                group.create_task(call("chain", ML5, ML5))

    def run(awaited: Coroutine[Any, Any, None]) -> None:
        loop.run(awaited)

    return {
        "CHAIN10": lambda: run(call("chain", CHAIN10, CHAIN10)),
        "ML5": lambda: run(call("chain", ML5, ML5)),
        "WINDMILL40": lambda: run(call("windmill", WINDMILL40, FIB_IS)),
        "FANOUT": lambda: run(call("fanout", chosen.fanout, chosen.fanout)),
        "RUNS100": lambda: run(many()),
    }


if __name__ == "__main__":
    main()
