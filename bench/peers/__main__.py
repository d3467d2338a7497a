"""``python -m bench.peers [--only NAME] [--repeats N]``: measure the peers and Millstream in turns,
print a table with the ratios, append JSON lines."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from bench.peers.install import NotInstalled, install, note
from bench.peers.runners.shapes import ORDER
from bench.peers.systems import LEFT_OUT, MILLSTREAM, SYSTEMS, System
from bench.peers.table import findings, markdown
from bench.peers.turns import Options, Turn, in_turns, take

RESULTS = Path(__file__).resolve().parents[1] / "results" / "peers.jsonl"
PEERS = tuple(system for system in SYSTEMS if system.name != MILLSTREAM)


def main() -> int:
    parsed = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to end"))
    options = Options(
        repeats=parsed.repeats,
        seconds_per_peer=parsed.seconds_per_peer,
        workloads=tuple(name for name in ORDER if name in (parsed.workload or ORDER)),
        fanout=parsed.fanout,
        slow_fanout=parsed.airflow_fanout,
    )
    chosen = [peer for peer in PEERS if peer.name in (parsed.only or [p.name for p in PEERS])]
    pythons, missing = installed(chosen, parsed.fresh)
    turns = []
    try:
        for system in in_turns(SYSTEMS[0], [peer for peer in chosen if peer.name in pythons]):
            turn = take(system, pythons.get(system.name, Path(sys.executable)), options)
            tell(f"{system.title}: {turn.complaint or 'measured'}")
            turns.append(turn)
    finally:
        # What was measured until an interruption is worth as much.
        taken = {turn.system.name for turn in turns}
        missing |= {p.title: "not reached" for p in chosen if p.name in pythons.keys() - taken}
        for line in report(turns, options, missing):
            print(line)
        keep(turns, options, parsed.results)
    return 1 if missing or any(turn.complaint for turn in turns) else 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers")
    names = [peer.name for peer in PEERS]
    parser.add_argument("--only", action="append", metavar="NAME", choices=names, help=str(names))
    parser.add_argument("--workload", action="append", metavar="NAME", choices=ORDER)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seconds-per-peer", type=float, default=420.0, metavar="N")
    parser.add_argument("--fanout", type=int, default=1000, metavar="N")
    parser.add_argument("--airflow-fanout", type=int, default=200, metavar="N")
    parser.add_argument("--fresh", action="store_true", help="install the newest versions again")
    parser.add_argument("--results", type=Path, default=RESULTS)
    return parser.parse_args()


def installed(peers: list[System], is_fresh: bool) -> tuple[dict[str, Path], dict[str, str]]:
    """The interpreters of those that could be installed, and why the others could not."""
    pythons: dict[str, Path] = {}
    missing: dict[str, str] = {}
    done: set[str] = set()
    for peer in peers:
        tell(f"{peer.title}: installing, unless it is there")
        try:
            pythons[peer.name] = install(peer, is_fresh and peer.environment not in done)
        except NotInstalled as error:
            missing[peer.title] = f"could not be installed: {error}"
        done.add(peer.environment)
    return pythons, missing


def report(turns: list[Turn], options: Options, missing: dict[str, str]) -> Iterator[str]:
    yield ""
    yield from markdown(turns, options.workloads)
    yield ""
    yield "In brackets: the peer's time per task by Millstream's in the turns before and after it."
    yield f"Python {platform.python_version()}, {os.cpu_count()} cores."
    for turn in turns:
        speed = turn.before.between(turn.after)
        names = ", ".join(f"{name} {number}" for name, number in turn.versions.items())
        remark = note(turn.system)
        yield (
            f"{turn.system.title}: Python loop {speed.python_ms:.2f} ms, fsync "
            f"{speed.fsync_ms:.3f} ms; {names}{', ' + remark if remark else ''}"
        )
    yield ""
    yield "Left out:"
    for turn in turns:
        without = [name for name in options.workloads if name not in turn.seconds]
        if turn.complaint:
            yield f"  {turn.system.title}, {', '.join(without) or 'some repeats'}: {turn.complaint}"
    for name, why in (missing | LEFT_OUT).items():
        yield f"  {name}: {why}"


def keep(turns: list[Turn], options: Options, results: Path) -> None:
    results.parent.mkdir(parents=True, exist_ok=True)
    machine = {"python": platform.python_version(), "cpus": os.cpu_count()}
    at = datetime.now(UTC)
    with results.open("a") as file:
        for finding in findings(turns, options.workloads):
            file.write(json.dumps(finding.row(at) | machine) + "\n")


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
