from __future__ import annotations

from bench.__main__ import chosen
from bench.workloads import WORKLOADS


def names(only: list[str] | None = None, *, is_quick: bool = False) -> set[str]:
    return {workload.name for workload in chosen(only, is_quick)}


def test_all_are_all_but_those_that_want_to_be_named() -> None:
    assert {workload.name for workload in WORKLOADS} - names() == {"SOAK"}


def test_the_quick_ones_are_some_of_all() -> None:
    assert "CHAIN10" in names(is_quick=True) < names()


def test_what_is_named_is_measured_however_long_it_takes() -> None:
    assert names(["SOAK", "IDLE"], is_quick=True) == {"SOAK", "IDLE"}
