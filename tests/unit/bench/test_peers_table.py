"""Ratios and cells of the table of peers."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bench.calibration import Calibration
from bench.peers.lines import Done, Measured, Ready, parse
from bench.peers.runners.shapes import ORDER, tasks_of
from bench.peers.systems import SYSTEMS, System
from bench.peers.table import Finding, cell, findings, markdown, pooled
from bench.peers.turns import Options, Turn, in_turns

SPEED = Calibration(python_ms=10, fsync_ms=1)
OURS, PEER = SYSTEMS[0], SYSTEMS[1]
SLOW = next(system for system in SYSTEMS if system.is_slow)


def turn(system: System, fanout: int = 1000, **seconds: float) -> Turn:
    return Turn(
        system=system,
        fanout=fanout,
        before=SPEED,
        after=Calibration(python_ms=20, fsync_ms=3),
        versions={system.name: "1.2"},
        seconds={name: [each] for name, each in seconds.items()},
        warm_ups=dict.fromkeys(seconds, 2),
    )


def of(turns: list[Turn], system: System) -> list[Finding]:
    return [each for each in findings(turns, ORDER) if each.system == system.name]


def test_lines_are_read() -> None:
    assert parse('{"kind": "ready", "versions": {"x": "1"}, "seconds": 2}') == Ready({"x": "1"}, 2)
    line = '{"kind": "measured", "workload": "ML5", "seconds": 0.5, "warm_ups": 2}'
    assert parse(line) == Measured("ML5", 0.5, 2)
    assert parse('{"kind": "done"}') == Done()


def test_another_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="not a runner's line: 'Starting'"):
        parse("Starting")


def test_a_turn_keeps_what_it_hears() -> None:
    found = turn(PEER)
    found.hear(Ready({"x": "1"}, 2))
    found.hear(Measured("ML5", 0.5, 2))
    found.hear(Measured("ML5", 0.7, 2))
    assert (found.started_s, found.seconds, found.warm_ups) == (2, {"ML5": [0.5, 0.7]}, {"ML5": 2})


def test_millstream_is_measured_around_each_peer() -> None:
    assert list(in_turns("m", ["a", "b"])) == ["m", "a", "m", "b", "m"]


def test_a_peer_is_compared_with_the_turns_beside_it() -> None:
    turns = [
        turn(OURS, ML5=100),
        turn(OURS, ML5=1),
        turn(PEER, ML5=6),
        turn(OURS, ML5=3),
        turn(OURS, ML5=100),
    ]
    (found,) = of(turns, PEER)
    assert found.ratio == pytest.approx(3)
    assert found.calibration == Calibration(python_ms=15, fsync_ms=2)
    assert {each.ratio for each in of(turns, OURS)} == {None}


def test_a_narrower_fan_out_is_compared_by_the_task() -> None:
    turns = [turn(OURS, FANOUT=1.002), turn(SLOW, fanout=200, FANOUT=20.2)]
    (found,) = of(turns, SLOW)
    assert found.ratio == pytest.approx(100)
    assert found.figure == pytest.approx(10)
    assert cell(found, fanout=1000) == "10 (100x) of 200"


def test_without_millstream_there_is_no_ratio() -> None:
    (found,) = of([turn(PEER, ML5=0.006)], PEER)
    assert found.ratio is None
    assert cell(found, fanout=1000) == "6"


def test_the_table_has_a_line_a_system_and_a_dash_for_what_is_missing() -> None:
    turns = [turn(OURS, ML5=0.010), turn(PEER, ML5=0.5, FANOUT=4), turn(OURS, ML5=0.030)]
    assert list(markdown(turns, ("ML5", "FANOUT"))) == [
        "| system | ML5, ms | FANOUT, tasks/s | start, s |",
        "|---|---|---|---|",
        "| Millstream 1.2 | 20 | - | 0.0 |",
        f"| {PEER.title} 1.2 | 500 (25x) | 250 | 0.0 |",
    ]


def test_pooling_leaves_the_turns_as_they_were() -> None:
    turns = [turn(OURS, ML5=1), turn(OURS, ML5=3)]
    assert pooled(turns)[0].seconds == {"ML5": [1, 3]}
    assert [each.seconds for each in turns] == [{"ML5": [1]}, {"ML5": [3]}]


def test_the_kept_line_is_json_with_all_of_it() -> None:
    (found,) = of([turn(OURS, ML5=0.5)], OURS)
    row = json.loads(json.dumps(found.row(datetime(2026, 1, 1, tzinfo=UTC))))
    assert row["seconds"] == [0.5]
    assert (row["figure"], row["unit"], row["at"]) == (500, "ms", "2026-01-01T00:00:00+00:00")
    assert row["versions"] == {"millstream": "1.2"}
    assert row["calibration"] == {"python_ms": 15, "fsync_ms": 2}


@pytest.mark.parametrize("workload", ORDER)
def test_each_workload_has_a_number_of_tasks(workload: str) -> None:
    assert tasks_of(workload, 1000) > 1


def test_only_the_slow_have_a_narrower_fan_out() -> None:
    options = Options(workloads=ORDER)
    assert [s.name for s in SYSTEMS if options.fanout_of(s) != 1000] == ["airflow"]
