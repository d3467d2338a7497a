from __future__ import annotations

from pathlib import Path

import pytest

from bench.calibration import Calibration
from bench.figures import Figure
from bench.results import Ratios, append, latest, ratios, result_of

CALIBRATION = Calibration(python_ms=10.0, fsync_ms=0.5)


def figure(**fields: object) -> Figure:
    usual: dict[str, object] = {"name": "W", "what": "", "unit": "ms", "samples": [3.0, 1.0, 2.0]}
    return Figure(**(usual | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "unit", "told"),
    [
        (20.0, "ms", Ratios(python=2.0, fsync=40.0)),
        (0.02, "s", Ratios(python=2.0, fsync=40.0)),
        (500.0, "tasks/s", Ratios(python=5.0, fsync=0.25)),
    ],
)
def test_a_figure_is_told_in_rounds_of_the_loops(value: float, unit: str, told: Ratios) -> None:
    assert ratios(value, unit, CALIBRATION) == told


def test_what_is_neither_a_time_nor_a_rate_has_no_ratio() -> None:
    with pytest.raises(ValueError, match="MB"):
        ratios(1.0, "MB", CALIBRATION)
    assert result_of(figure(unit="MB", about_speed=False), CALIBRATION, 4, 1.0).ratios is None


def test_the_machine_between_two_calibrations_is_their_middle() -> None:
    assert CALIBRATION.between(Calibration(20.0, 1.5)) == Calibration(15.0, 1.0)


@pytest.mark.parametrize(
    ("unit", "reach", "is_reached"),
    [("ms", 2.0, True), ("ms", 1.9, False), ("tasks/s", 2.0, True), ("tasks/s", 2.1, False)],
)
def test_times_are_to_be_low_and_rates_high(unit: str, reach: float, is_reached: bool) -> None:
    assert figure(unit=unit, reach=reach).is_reached is is_reached
    assert figure(unit=unit).is_reached is None


def test_a_line_says_the_median_and_the_range() -> None:
    result = result_of(figure(), CALIBRATION, 4, 1.0)
    assert (result.least, result.median, result.most, result.repeats) == (1.0, 2.0, 3.0, 3)


def test_the_last_line_of_a_workload_counts(tmp_path: Path) -> None:
    path = tmp_path / "results" / "r.jsonl"
    old = result_of(figure(samples=[9.0]), CALIBRATION, 4, 1.0)
    new = result_of(figure(), CALIBRATION, 4, 1.0)
    append(path, [old])
    append(path, [new])
    assert latest(path) == {"W": new}


def test_lines_without_a_calibration_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"workload": "W", "what": "", "unit": "ms", "median": 1.0}\n')
    assert latest(path) == {}
