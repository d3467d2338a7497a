"""A turn is one system, started anew, measured and ended, with the speed of the machine before and
after it. Millstream has a turn before the first peer and after each one."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TypeVar

import msgspec

from bench.calibration import Calibration, calibrate
from bench.peers.child import listen
from bench.peers.install import ENVIRONMENTS, ROOT
from bench.peers.lines import Done, Line, Measured, Ready, parse
from bench.peers.postgres import postgres
from bench.peers.systems import System
from millstream.embedded.ports import PortClaims

PORTS = 8
T = TypeVar("T")


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for."""

    repeats: int = 7
    seconds_per_peer: float = 420.0
    workloads: tuple[str, ...]
    fanout: int = 1000
    slow_fanout: int = 200

    def fanout_of(self, system: System) -> int:
        return min(self.fanout, self.slow_fanout) if system.is_slow else self.fanout


class Turn(msgspec.Struct, kw_only=True):
    """``seconds`` by workload, one for each repeat; ``complaint``: why it ended early, if so."""

    system: System
    fanout: int
    before: Calibration
    after: Calibration
    started_s: float = 0.0
    versions: dict[str, str] = {}
    seconds: dict[str, list[float]] = {}
    warm_ups: dict[str, int] = {}
    complaint: str = ""

    def hear(self, line: Line) -> None:
        match line:
            case Ready():
                self.versions, self.started_s = line.versions, line.seconds
            case Measured():
                self.seconds.setdefault(line.workload, []).append(line.seconds)
                self.warm_ups[line.workload] = line.warm_ups
            case Done():
                pass


def in_turns(first: T, others: Sequence[T]) -> Iterator[T]:
    """``first`` before, between and after the ``others``."""
    yield first
    for other in others:
        yield other
        yield first


def take(system: System, python: Path, options: Options) -> Turn:
    """One turn. A system that fails or takes too long keeps what was measured until then."""
    fanout = options.fanout_of(system)
    before = calibrate()
    turn = Turn(system=system, fanout=fanout, before=before, after=before)
    log = ENVIRONMENTS / "logs" / f"{system.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="millstream-peers-")))
        claims = stack.enter_context(closing(PortClaims()))
        ports = [claims.choose() for _ in range(PORTS)]
        command = [str(python), "-m", f"bench.peers.runners.{system.runner}"]
        command += ["--directory", str(folder), "--ports", ",".join(map(str, ports[1:]))]
        command += ["--repeats", str(options.repeats), "--seconds", str(options.seconds_per_peer)]
        command += ["--workloads", ",".join(options.workloads), "--fanout", str(fanout)]
        command += system.arguments
        if system.needs_postgres:
            command += ["--postgres", stack.enter_context(postgres(folder, ports[0]))]
        turn.complaint = listen(
            command,
            environment(system, python),
            log,
            options.seconds_per_peer,
            lambda line: turn.hear(parse(line)),
        )
    turn.after = calibrate()
    return turn


def environment(system: System, python: Path) -> dict[str, str]:
    """Of a runner: the repository for its imports, its own programs first."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    places = [str(ROOT)]
    if not system.environment:
        places += os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return kept | {
        "PYTHONPATH": os.pathsep.join(filter(None, places)),
        "PATH": os.pathsep.join((str(python.parent), os.environ.get("PATH", os.defpath))),
    }
