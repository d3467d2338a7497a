from __future__ import annotations

import io
import math

import msgspec
import pytest
from rich.console import Console

from bench.calibration import Calibration
from bench.compare import changes, table
from bench.figures import Figure
from bench.results import Result, result_of


def result(
    median: float, unit: str = "ms", python_ms: float = 10.0, *, about_speed: bool = True
) -> Result:
    figure = Figure(name="W", what="", unit=unit, samples=[median], about_speed=about_speed)
    return result_of(figure, Calibration(python_ms, 1.0), 4, 1.0)


@pytest.mark.parametrize(
    ("unit", "old", "new", "times", "word"),
    [
        ("ms", 20.0, 10.0, 2.0, "better"),
        ("ms", 10.0, 20.0, 0.5, "worse"),
        ("tasks/s", 10.0, 20.0, 2.0, "better"),
        ("tasks/s", 20.0, 10.0, 0.5, "worse"),
        ("ms", 10.0, 10.5, 10 / 10.5, ""),
    ],
)
def test_better_is_less_time_or_a_higher_rate(
    unit: str, old: float, new: float, times: float, word: str
) -> None:
    (change,) = changes({"W": result(old, unit)}, [result(new, unit)])
    assert change.times == pytest.approx(times)
    assert change.by_python == pytest.approx(times, rel=1e-3)
    assert change.word == word


def test_a_slower_machine_is_no_slower_program() -> None:
    (change,) = changes({"W": result(10.0)}, [result(20.0, python_ms=20.0)])
    assert change.times == 0.5
    assert change.by_python == 1.0
    assert change.word == ""


def test_memory_is_compared_as_it_is() -> None:
    old, new = (result(size, "MB", about_speed=False) for size in (300.0, 200.0))
    (change,) = changes({"W": old}, [new])
    assert (change.times, change.by_python, change.word) == (1.5, None, "better")


def test_nothing_at_all_is_endlessly_better_and_as_good_as_nothing() -> None:
    zero = result(0.0)
    assert changes({"W": result(1.0)}, [zero])[0].times == math.inf
    assert changes({"W": zero}, [zero])[0].times == 1.0


def test_only_what_was_measured_alike_is_compared() -> None:
    one = result(1.0)
    assert changes({}, [one]) == []
    assert changes({"W": msgspec.structs.replace(one, scale=0.1)}, [one]) == []
    assert changes({"W": result(1.0, "s")}, [one]) == []


def test_the_table_has_a_row_for_each() -> None:
    found = changes({"W": result(20.0)}, [result(10.0)])
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(found))
    assert "2.00" in console.export_text()
