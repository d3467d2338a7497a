"""Some seeds of the simulation. ``make sim`` plays more of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.__main__ import play_each

GROUPS = 10
SEEDS_A_GROUP = 20


@pytest.mark.parametrize("group", range(GROUPS))
def test_nothing_is_lost(group: int, tmp_path: Path) -> None:
    seeds = [str(seed) for seed in range(group * SEEDS_A_GROUP, (group + 1) * SEEDS_A_GROUP)]
    wrong = [f"seed {r.seed}: {r.error}" for r in play_each(seeds, 1, tmp_path) if r.error]
    assert not wrong, "\n".join(wrong) + "\nplay one with: make sim SEED=<seed>"


@pytest.mark.parametrize("seed", ["33", "56"])
def test_what_once_went_wrong(seed: str, tmp_path: Path) -> None:
    """Seeds that found faults of the services."""
    assert [report.error for report in play_each([seed], 1, tmp_path)] == [""]


def test_a_seed_is_the_same_history_with_another_hash_seed() -> None:
    told = [_told(hash_seed) for hash_seed in ("1", "2")]
    assert told[0] == told[1]


def _told(hash_seed: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", "7"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout
