"""What the checker says: the checks by name, and what they found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

MOST_KEPT = 100


class Check(NamedTuple):
    """``invariant``: its number in the list of the design; ``says``: what holds if the check finds
    nothing; ``counts``: what is counted."""

    invariant: int
    says: str
    counts: str


# In the order in which they are told.
CHECKS: dict[str, Check] = {
    "rows": Check(7, "every row can be read", "rows"),
    "gaps": Check(1, "positions are 1, 2, 3.. without a gap", "rows"),
    "epochs": Check(8, "epochs never fall, and each begins with EpochStarted", "epochs"),
    "digests": Check(11, "the chain of digests verifies", "digests"),
    "end of the log": Check(9, "the log ends where its writer's row says", "rows"),
    "requests": Check(10, "a request of a client is decided once", "requests"),
    "actors": Check(27, "no worker did what only people may", "changes"),
    "transitions": Check(12, "every event may follow those before it", "events"),
    "open attempts": Check(13, "a task instance has one open attempt and one claim", "claims"),
    "attempts": Check(14, "attempts count 1, 2, 3.. and tries are bounded", "attempts"),
    "results": Check(15, "an attempt has one result", "results"),
    "tokens": Check(16, "a result has the token of its claim", "results"),
    "readiness": Check(17, "what became ready was due by its trigger rule", "decisions"),
    "fold": Check(17, "the core accepts every event and would decide the same", "events"),
    "limits": Check(18, "pools, DAGs, runs and tasks keep their limits", "attempts and runs"),
    "schedule": Check(19, "each instant of a schedule has one run, and none is missed", "runs"),
    "times": Check(21, "no retry and no poke came before its time", "waits"),
    "successes": Check(22, "a success runs again only after a clear", "attempts"),
    "finished runs": Check(24, "a finished run stays finished", "ends"),
    "stream": Check(4, "the stream holds the log's events and is not ahead", "messages"),
    "read tables": Check(6, "the read tables equal what the log folds to", "rows"),
}


class Finding(msgspec.Struct, frozen=True):
    """Something that must not be. ``position``: the first place where it shows."""

    check: str
    invariant: int
    position: int
    message: str


@dataclass
class Findings:
    """What was found so far, and by check how much was judged and how often it was wrong. Of each
    check the first findings are kept."""

    kept: list[Finding] = field(default_factory=list)
    wrong: Counter[str] = field(default_factory=Counter)
    judged: Counter[str] = field(default_factory=Counter)
    # Why a check did not judge.
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, check: str, position: int, message: str) -> None:
        self.wrong[check] += 1
        if self.wrong[check] <= MOST_KEPT:
            self.kept.append(Finding(check, CHECKS[check].invariant, position, message))

    def merge(self, other: Findings) -> None:
        """Add what another part of the checker found."""
        self.kept += other.kept
        self.wrong.update(other.wrong)
        self.judged.update(other.judged)
        self.left_out.update(other.left_out)

    def first(self) -> list[Finding]:
        """The first finding of each check, the earliest first."""
        by_check: dict[str, Finding] = {}
        for finding in self.in_order():
            by_check.setdefault(finding.check, finding)
        return list(by_check.values())

    def in_order(self) -> list[Finding]:
        return sorted(self.kept, key=lambda each: each.position)

    @property
    def is_fine(self) -> bool:
        return not self.wrong
