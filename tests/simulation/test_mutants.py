"""What the simulation must catch."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from millstream_scheduler.leases import Leases
from millstream_scheduler.relay import Relay
from millstream_scheduler.timers import Timers
from millstream_scheduler.writer import Writer
from simulation.__main__ import play_each
from simulation.event_log import SimulatedEventLog
from simulation.mutants import MUTANTS, Mutant

MOST_SEEDS = 60
AT_A_TIME = 4


def params(mutants: list[Mutant]) -> list[Any]:
    """Those that take many seeds are left to ``make soak``."""
    return [
        pytest.param(each, marks=pytest.mark.soak if each.first_seed else (), id=each.name)
        for each in mutants
    ]


OF_THE_SCHEDULER = (Writer, SimulatedEventLog, Relay, Timers, Leases)


# Two classes, for two processes of the test run: most of the time of this file is playing.
class TestOfTheScheduler:
    @pytest.mark.parametrize(
        "mutant", params([each for each in MUTANTS if each.holder in OF_THE_SCHEDULER])
    )
    def test_a_mutant_is_caught(self, mutant: Mutant, tmp_path: Path) -> None:
        find(mutant, tmp_path)


class TestOfTheRest:
    @pytest.mark.parametrize(
        "mutant", params([each for each in MUTANTS if each.holder not in OF_THE_SCHEDULER])
    )
    def test_a_mutant_is_caught(self, mutant: Mutant, tmp_path: Path) -> None:
        find(mutant, tmp_path)


def find(mutant: Mutant, folder: Path) -> None:
    seeds = [str(seed) for seed in range(mutant.first_seed, mutant.first_seed + MOST_SEEDS)]
    for begin in range(0, len(seeds), AT_A_TIME):
        for report in play_each(seeds[begin : begin + AT_A_TIME], 1, folder, mutant):
            if set(numbers_of(report.error)) & set(mutant.breaks):
                return
    pytest.fail(f"{MOST_SEEDS} seeds did not find it")


def numbers_of(error: str) -> list[int]:
    """The invariants that an error names: "I4", "I1/8/11", "I12-17"."""
    found = re.match(r"I([\d/-]+):", error)
    if found is None:
        return []
    if "-" in found[1]:
        first, last = found[1].split("-")
        return list(range(int(first), int(last) + 1))
    return [int(number) for number in found[1].split("/")]
