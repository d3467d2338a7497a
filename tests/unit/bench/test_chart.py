from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from bench.calibration import Calibration
from bench.chart import Line, Panel, log_ticks, number_text, power_text, svg, ticks
from bench.growth_plots import Point, draw, panels, points_in
from bench.hops import Hops
from bench.results import append

SVG = "{http://www.w3.org/2000/svg}"


def point(sweep: str, x: int, p99: float = 3.0, tasks_per_s: float = 2000.0) -> Point:
    return Point(
        sweep=sweep,
        x=x,
        tasks_per_s=tasks_per_s,
        hops=Hops(2.0, p99, 10),
        slots=4,
        calibration=Calibration(1.0, 1.0),
        at="",
    )


def circles(text: str) -> list[tuple[float, float]]:
    found = ElementTree.fromstring(text).iter(f"{SVG}circle")
    return [(float(each.attrib["cx"]), float(each.attrib["cy"])) for each in found]


def texts(text: str) -> list[str]:
    return [each.text or "" for each in ElementTree.fromstring(text).iter(f"{SVG}text")]


@pytest.mark.parametrize(
    ("most", "expected"),
    [
        (2800, [0, 1000, 2000, 3000]),
        (7.9, [0, 2, 4, 6, 8]),
        (0.21, [0, 0.05, 0.1, 0.15, 0.2, 0.25]),
        (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0, [0, 1]),
    ],
)
def test_ticks_are_round_and_reach_the_highest(most: float, expected: list[float]) -> None:
    assert ticks(most) == expected


@pytest.mark.parametrize(
    ("least", "most", "expected"),
    [(2, 800, [1, 10, 100, 1000]), (1, 1, [1, 10]), (0.5, 5, [0.1, 1, 10])],
)
def test_logarithmic_ticks_are_powers_around_all(
    least: float, most: float, expected: list[float]
) -> None:
    assert log_ticks(least, most) == pytest.approx(expected)


def test_numbers_are_as_people_write_them() -> None:
    assert [number_text(value) for value in (2510.4, 99.54, 3.14159, 2.0)] == [
        "2,510",
        "99.5",
        "3.14",
        "2",
    ]
    assert (power_text(10**6), power_text(2000)) == ("10⁶", "2,000")


def test_what_is_higher_is_drawn_higher_and_all_within_the_picture() -> None:
    panel = Panel(title="a < b", x_label="", lines=[Line("", [(1, 10), (10, 30), (100, 20)])])
    drawn = svg([panel])
    places = circles(drawn)
    assert places[1][1] < places[2][1] < places[0][1]
    assert places[1][0] - places[0][0] == pytest.approx(places[2][0] - places[1][0], abs=0.2)
    assert all(0 < x < 400 and 0 < y < 290 for x, y in places)
    assert "a < b" in texts(drawn)


def test_a_wide_range_of_hops_gets_a_logarithmic_axis() -> None:
    assert panels("runs", [point("runs", 1), point("runs", 1000, p99=900.0)])[1].has_log_y
    assert not panels("runs", [point("runs", 1), point("runs", 1000)])[1].has_log_y


def test_there_is_a_plot_for_each_sweep_that_was_measured(tmp_path: Path) -> None:
    results = tmp_path / "growth.jsonl"
    append(results, [point("workers", 2), point("workers", 1), point("log", 10**4)])
    append(results, [point("workers", 2, tasks_per_s=1234.0)])
    written = draw(points_in(results), tmp_path / "images")
    assert [path.name for path in written] == ["log.svg", "workers.svg"]
    shown = texts(written[1].read_text())
    assert "1,234" in shown  # what was measured last
    assert [text for text in shown if re.fullmatch("[12]", text)][:2] == ["1", "2"]
