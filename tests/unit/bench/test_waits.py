from __future__ import annotations

import pytest

from bench.arrivals import summed, waits_in
from bench.overhead import against_neighbours
from bench.soak import Part, figures


def test_a_wait_is_from_when_it_was_due_to_when_it_began() -> None:
    assert waits_in(["1.0 1.5\n", "2.0 2.25\n"]) == [0.5, 0.25]


def test_a_task_that_ran_twice_counts_from_its_first_time() -> None:
    assert waits_in(["1.0 1.5\n", "1.0 9.0\n"]) == [0.5]


def test_a_line_that_is_being_written_is_not_read_yet() -> None:
    assert waits_in(["1.0 1.5\n", "2.0 2."]) == [0.5]


def test_waits_are_summed_up_in_milliseconds() -> None:
    found = summed([number / 1000 for number in range(1, 101)])
    assert (found.p50, found.p99, found.most) == pytest.approx((50, 99, 100))


def test_a_machine_that_becomes_slower_changes_no_ratio() -> None:
    assert against_neighbours([1.5, 3.0], [1.0, 2.0, 4.0]) == [1.0, 1.0]


def test_a_soak_tells_the_last_part_by_the_second() -> None:
    def part(ms: float, size: float) -> Part:
        return Part(summed([ms / 1e3]), {"api": size, "scheduler": size, "nats": 9 * size})

    found = {
        each.name: each for each in figures([part(99, 9), part(4, 10), part(6, 12)], 100, 1, 0)
    }
    assert found["SOAK p50"].median == pytest.approx(1.5)
    assert found["SOAK memory"].median == pytest.approx(1.2)
    assert found["SOAK memory"].beside == {"MB at the start": 20, "MB at the end": 24}
    assert found["SOAK memory"].is_reached is False
    assert found["SOAK memory of nats"].is_reached is None
