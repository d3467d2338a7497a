"""How often a workload is measured, told by a clock that the calls move."""

from __future__ import annotations

from collections.abc import Iterable

from bench.peers.runners.turn import WARM_UPS, timed


class Clock:
    """Each call takes the next of ``lengths``."""

    def __init__(self, lengths: Iterable[float]) -> None:
        self.now = 0.0
        self.lengths = iter(lengths)

    def __call__(self) -> float:
        return self.now

    def call(self) -> None:
        self.now += next(self.lengths)


def measured(lengths: Iterable[float], repeats: int, share: float) -> list[tuple[float, int]]:
    clock = Clock(lengths)
    return list(timed(clock.call, repeats, share, clock))


def test_warm_ups_are_not_told() -> None:
    assert measured([4, 3, 2, 1], repeats=2, share=100) == [(2, WARM_UPS), (1, WARM_UPS)]


def test_what_takes_a_third_of_the_share_is_measured_at_once() -> None:
    assert measured([40], repeats=5, share=60) == [(40, 0)]


def test_repeats_end_with_the_share() -> None:
    assert measured([10] * 9, repeats=7, share=45) == [(10, WARM_UPS), (10, WARM_UPS)]


def test_one_is_measured_even_if_the_warm_ups_took_all() -> None:
    assert measured([10, 90, 1, 1], repeats=5, share=50) == [(1, WARM_UPS)]
