"""What the simulation must catch: for each invariant a fault that breaks it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulation.__main__ import play_each
from simulation.mutants import MUTANTS, Mutant

INVARIANTS = 31
MOST_SEEDS = 60
# Judged by playing a seed twice.
BY_HASH = 7


def test_each_invariant_has_one() -> None:
    assert {mutant.breaks for mutant in MUTANTS} == set(range(1, INVARIANTS + 1))


def params(of: int) -> list[Any]:
    """Two halves, for two processes of the test run: most of the time of this file is playing."""
    chosen = [each for each in MUTANTS if each.breaks != BY_HASH]
    return [pytest.param(each, id=each.name) for each in chosen[of::2]]


class TestOneHalf:
    @pytest.mark.parametrize("mutant", params(0))
    def test_a_mutant_is_caught(self, mutant: Mutant, tmp_path: Path) -> None:
        find(mutant, tmp_path)


class TestTheOtherHalf:
    @pytest.mark.parametrize("mutant", params(1))
    def test_a_mutant_is_caught(self, mutant: Mutant, tmp_path: Path) -> None:
        find(mutant, tmp_path)


def find(mutant: Mutant, folder: Path) -> None:
    seeds = [str(seed) for seed in range(mutant.first_seed, mutant.first_seed + MOST_SEEDS)]
    for seed in seeds:
        for report in play_each([seed], 1, folder, mutant):
            if mutant.breaks in numbers_of(report.error):
                return
    pytest.fail(f"{MOST_SEEDS} seeds did not find it")


def numbers_of(error: str) -> list[int]:
    """The invariants that an error names: "I4", "I14/22"."""
    found = re.match(r"I([\d/]+):", error)
    return [int(number) for number in found[1].split("/")] if found is not None else []


def test_an_order_by_hash_is_another_history() -> None:
    (mutant,) = (each for each in MUTANTS if each.breaks == BY_HASH)
    told = [told_with(hash_seed, "--mutant", mutant.name) for hash_seed in ("1", "2")]
    assert told[0] != told[1]


def told_with(hash_seed: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", "3", *options],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
    )
    return done.stdout
