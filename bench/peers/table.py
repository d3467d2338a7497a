"""What was found, as a table of Markdown: readable as it is, and quoted by the docs."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import msgspec

from bench.calibration import Calibration
from bench.peers.runners.shapes import tasks_of
from bench.peers.systems import MILLSTREAM
from bench.peers.turns import Turn

# What is quoted as a rate; the others are times.
RATES = ("FANOUT", "RUNS100")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One system on one workload. ``ratio``: its time per task by Millstream's in the turns
    beside it, so above 1 Millstream is the faster one."""

    system: str
    workload: str
    tasks: int
    seconds: list[float]
    warm_ups: int
    ratio: float | None
    versions: dict[str, str]
    calibration: Calibration

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def figure(self) -> float:
        """Milliseconds, or tasks a second."""
        return self.tasks / self.median if self.workload in RATES else self.median * 1e3

    @property
    def unit(self) -> str:
        return "tasks/s" if self.workload in RATES else "ms"

    def row(self, at: datetime) -> dict[str, object]:
        """The line that is kept."""
        return {
            **msgspec.to_builtins(self),
            "figure": round(self.figure, 3),
            "unit": self.unit,
            "at": at.astimezone(UTC).isoformat(timespec="seconds"),
        }


def findings(turns: Sequence[Turn], workloads: Sequence[str]) -> Iterator[Finding]:
    """Of each turn, against Millstream's turns just before and just after it."""
    for index, turn in enumerate(turns):
        beside = [t for t in turns[max(0, index - 1) : index + 2] if t.system.name == MILLSTREAM]
        for workload in workloads:
            seconds = turn.seconds.get(workload)
            if not seconds:
                continue
            tasks = tasks_of(workload, turn.fanout)
            ours = [
                each / tasks_of(workload, t.fanout)
                for t in beside
                for each in t.seconds.get(workload, ())
            ]
            is_peer = turn.system.name != MILLSTREAM
            median = statistics.median(seconds)
            yield Finding(
                system=turn.system.name,
                workload=workload,
                tasks=tasks,
                seconds=seconds,
                warm_ups=turn.warm_ups[workload],
                ratio=median / tasks / statistics.median(ours) if ours and is_peer else None,
                versions=turn.versions,
                calibration=turn.before.between(turn.after),
            )


def pooled(turns: Sequence[Turn]) -> list[Turn]:
    """Millstream's turns as one, before all others."""
    ours = [turn for turn in turns if turn.system.name == MILLSTREAM]
    others = [turn for turn in turns if turn.system.name != MILLSTREAM]
    if not ours:
        return others
    seconds: dict[str, list[float]] = {}
    for turn in ours:
        for workload, found in turn.seconds.items():
            seconds.setdefault(workload, []).extend(found)
    return [msgspec.structs.replace(ours[0], seconds=seconds, after=ours[-1].after), *others]


def markdown(turns: Sequence[Turn], workloads: Sequence[str]) -> Iterator[str]:
    """The lines of the table, with the ratios in brackets."""
    found = {(f.system, f.workload): f for f in findings(turns, workloads)}
    shown = pooled(turns)
    heads = [f"{name}, {'tasks/s' if name in RATES else 'ms'}" for name in workloads]
    yield " | ".join(["| system", *heads, "start, s |"])
    yield "|---" * (len(heads) + 2) + "|"
    for turn in shown:
        cells = []
        for workload in workloads:
            finding = found.get((turn.system.name, workload))
            if finding is not None and turn.system.name == MILLSTREAM:
                finding = msgspec.structs.replace(finding, seconds=turn.seconds[workload])
            cells.append("-" if finding is None else cell(finding, shown[0].fanout))
        title = f"| {turn.system.title} {next(iter(turn.versions.values()), '')}".rstrip()
        yield " | ".join([title, *cells, f"{turn.started_s:.1f} |"])


def cell(finding: Finding, fanout: int) -> str:
    """``1,234 (5.6x)``, with the width of a fan-out that is not the others'."""
    figure = f"{finding.figure:,.0f}" if finding.figure >= 100 else f"{finding.figure:.3g}"
    ratio = "" if finding.ratio is None else f" ({finding.ratio:.3g}x)"
    if finding.workload == "FANOUT" and finding.tasks != tasks_of("FANOUT", fanout):
        ratio += f" of {finding.tasks - 2}"
    return figure + ratio
