"""What the simulation must catch."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from simulation.__main__ import play_each
from simulation.mutants import MUTANTS, Mutant

MOST_SEEDS = 60
AT_A_TIME = 4


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_caught(mutant: Mutant, tmp_path: Path) -> None:
    seeds = [str(seed) for seed in range(MOST_SEEDS)]
    for begin in range(0, len(seeds), AT_A_TIME):
        for report in play_each(seeds[begin : begin + AT_A_TIME], 1, tmp_path, mutant):
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
