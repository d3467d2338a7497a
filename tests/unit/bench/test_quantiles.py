from __future__ import annotations

import pytest

from bench.quantiles import quantile


@pytest.mark.parametrize(
    ("part", "value"), [(0.5, 50), (0.99, 99), (0.991, 100), (1.0, 100), (0.001, 1)]
)
def test_a_quantile_is_a_value_that_was_seen(part: float, value: float) -> None:
    assert quantile([*range(100, 0, -1)], part) == value


def test_of_one_value_all_are_that() -> None:
    assert [quantile([7.0], part) for part in (0.01, 0.5, 1.0)] == [7.0, 7.0, 7.0]


def test_nothing_has_none() -> None:
    with pytest.raises(ValueError, match="of nothing"):
        quantile([], 0.5)
