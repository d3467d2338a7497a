"""How often one principal may call."""

from __future__ import annotations

import pytest

from millstream_api.rate import MOST_BUCKETS, Rate, RateLimited


def test_a_burst_and_then_so_many_a_second() -> None:
    rate = Rate(2, 3)
    for _ in range(3):
        rate.take("ada", now=10.0)
    with pytest.raises(RateLimited):
        rate.take("ada", now=10.0)
    rate.take("bob", now=10.0)  # others are not concerned
    with pytest.raises(RateLimited):
        rate.take("ada", now=10.4)
    rate.take("ada", now=10.5)
    with pytest.raises(RateLimited):
        rate.take("ada", now=10.9)
    for _ in range(3):  # never more than a burst, however long it was quiet
        rate.take("ada", now=1000.0)
    with pytest.raises(RateLimited):
        rate.take("ada", now=1000.0)


def test_without_a_limit_nobody_is_held_up() -> None:
    rate = Rate(0, 1)
    for _ in range(100):
        rate.take("ada", now=1.0)


def test_those_who_called_long_ago_are_forgotten() -> None:
    rate = Rate(1, 1)
    for number in range(MOST_BUCKETS + 10):
        rate.take(f"user-{number}", now=1.0)
    assert len(rate._buckets) == MOST_BUCKETS
