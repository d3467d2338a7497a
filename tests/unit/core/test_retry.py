"""How long a failed attempt waits."""

from __future__ import annotations

from datetime import timedelta

import pytest

from millstream.core.retry import LONGEST_DELAY_S, retry_delay
from shard import RUN, T0, task

WHERE = RUN.task("a", (), 1)


def delay_s(try_number: int, **options: float) -> float:
    return retry_delay(task("a", **options), WHERE, T0, try_number).total_seconds()


@pytest.mark.parametrize("try_number", [1, 2, 50])
def test_without_a_multiplier_it_is_constant(try_number: int) -> None:
    assert delay_s(try_number, retry_delay_s=7.5) == 7.5
    assert delay_s(try_number, retry_delay_s=7.5, max_retry_delay_s=1) == 7.5


def test_with_a_multiplier_it_grows_with_jitter_below_one_step() -> None:
    for try_number in range(1, 8):
        base = 10 * 2 ** (try_number - 1)
        assert base <= delay_s(try_number, retry_delay_s=10, retry_multiplier=2) < 2 * base


def test_the_jitter_is_the_same_in_every_replay_and_differs_between_tasks() -> None:
    options = {"retry_delay_s": 1000.0, "retry_multiplier": 2.0}
    assert delay_s(3, **options) == delay_s(3, **options)
    others = {
        retry_delay(task(name, **options), RUN.task(name, (), 1), T0, 3) for name in ("a", "b", "c")
    }
    assert len(others) == 3


def test_it_is_bounded() -> None:
    assert delay_s(5, retry_delay_s=10, retry_multiplier=2, max_retry_delay_s=30) == 30
    assert delay_s(40, retry_delay_s=300, retry_multiplier=3) == LONGEST_DELAY_S
    assert delay_s(100_000, retry_delay_s=300, retry_multiplier=10) <= LONGEST_DELAY_S


def test_a_delay_of_nothing() -> None:
    assert retry_delay(task("a", retry_delay_s=0), WHERE, None, 1) == timedelta(0)
    assert delay_s(1, retry_delay_s=0, retry_multiplier=2) == 1
