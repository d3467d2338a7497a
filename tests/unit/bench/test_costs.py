from __future__ import annotations

from bench.costs import each_of, names


def test_what_was_added_is_shared_out() -> None:
    before = {"api": 1.0, "worker": 2.0}
    assert each_of(4, before, {"api": 1.5, "worker": 4.0}) == {"api": 0.125, "worker": 0.5}


def test_seconds_are_told_in_microseconds() -> None:
    assert each_of(1000, {"api": 1.0}, {"api": 1.25}, 1e6) == {"api": 250.0}


def test_what_is_new_began_with_nothing() -> None:
    assert each_of(2, {}, {"a child": 3.0}) == {"a child": 1.5}


def test_rows_are_those_of_all_columns_in_the_order_in_which_they_come() -> None:
    assert names([{"client": 1.0, "api": 2.0}, {"api": 1.0, "nats": 3.0}]) == [
        "client",
        "api",
        "nats",
    ]
