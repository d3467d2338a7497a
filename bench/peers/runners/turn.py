"""What every runner does: read its options, measure within its time, print a line for each
measurement, end the servers that it started."""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.peers.runners.shapes import ORDER

HOST = "127.0.0.1"
WARM_UPS = 2
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0

Workloads = Mapping[str, Callable[[], None]]


@dataclass(frozen=True)
class Options:
    """``directory`` is empty and the runner's own; ``postgres`` is the URL of a fresh database."""

    directory: Path
    ports: Sequence[int]
    postgres: str
    repeats: int
    seconds: float
    fanout: int
    workloads: Sequence[str]
    variant: str
    began: float

    def left_s(self) -> float:
        """Of its time, which its start is a part of."""
        return self.began + self.seconds - time.monotonic()


def options() -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--ports", required=True, help="free ports, with commas between")
    parser.add_argument("--postgres", default="")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--fanout", type=int, default=1000)
    parser.add_argument("--workloads", default=",".join(ORDER))
    parser.add_argument("--variant", default="")
    parsed = parser.parse_args()
    # So that servers are ended when the runner is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    return Options(
        directory=parsed.directory,
        ports=[int(port) for port in parsed.ports.split(",")],
        postgres=parsed.postgres,
        repeats=parsed.repeats,
        seconds=parsed.seconds,
        fanout=parsed.fanout,
        workloads=parsed.workloads.split(","),
        variant=parsed.variant,
        began=time.monotonic(),
    )


def say(kind: str, **facts: object) -> None:
    """One line of the runner's output; its reader is ``bench.peers.lines``."""
    print(json.dumps({"kind": kind, **facts}), flush=True)


def measure(chosen: Options, packages: Sequence[str], calls: Workloads, **more: str) -> None:
    """Each workload with its share of the time. ``more``: versions of what is no package."""
    versions = {name: version(name) for name in packages} | more
    say("ready", versions=versions, seconds=time.monotonic() - chosen.began)
    wanted = [name for name in ORDER if name in chosen.workloads]
    for index, name in enumerate(wanted):
        share = chosen.left_s() / (len(wanted) - index)
        for seconds, warm_ups in timed(calls[name], chosen.repeats, share):
            say("measured", workload=name, seconds=seconds, warm_ups=warm_ups)
    say("done")


def timed(
    call: Callable[[], None],
    repeats: int,
    share: float,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[tuple[float, int]]:
    """The seconds of up to ``repeats`` calls after warm-ups, and how many warm-ups there were.

    A first call that takes a third of the share is measured itself: one that slow has nothing to
    warm up that would show. No call begins that would end after the share, as far as can be told.
    """

    def once() -> float:
        began = clock()
        call()
        return clock() - began

    began = clock()
    first = once()
    if first > share / 3:
        yield first, 0
        done, warm_ups = 1, 0
    else:
        for _ in range(WARM_UPS - 1):
            once()
        done, warm_ups = 0, WARM_UPS
    while done < repeats and (done == 0 or clock() - began + first < share):
        yield once(), warm_ups
        done += 1


@contextmanager
def servers(
    commands: Sequence[Sequence[str]], env: Mapping[str, str], directory: Path
) -> Iterator[None]:
    """Runs ``commands`` as children, whose output goes where the runner's errors go."""
    started = []
    try:
        for command in commands:
            process = subprocess.Popen(
                command,
                env={**os.environ, **env},
                cwd=directory,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr,
            )
            started.append(process)
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_for_port(port: int) -> None:
    def answers() -> bool:
        with socket.socket() as sock:
            return sock.connect_ex((HOST, port)) == 0

    wait_until(answers, f"nothing listens on port {port}")


def wait_until(is_so: Callable[[], bool], complaint: str) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while not is_so():
        if time.monotonic() > give_up_at:
            raise SystemExit(f"{complaint} after {START_TIMEOUT_S:g} s")
        time.sleep(0.05)
