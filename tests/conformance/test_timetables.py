"""The recorded schedules: those everybody measures with, and our own of clocks that change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conformance import run_cases, timetable_cases

CASES = Path(__file__).parent / "cases"
FILES = ["timetables.jsonl", "timetables_clock_changes.jsonl"]


@pytest.mark.parametrize("name", FILES)
def test_recorded_schedules_are_followed(name: str) -> None:
    lines = (CASES / name).read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 200
    wrong = [problem for line in lines for problem in timetable_cases.judge(line)[1]]
    assert wrong == []


def test_a_mismatch_is_printed_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (CASES / FILES[0]).read_text(encoding="utf-8").splitlines()[0]
    case = json.loads(line)
    case["runs"][1] = case["runs"][0]
    path = tmp_path / "cases.jsonl"
    path.write_text(f"{line}\n\n{json.dumps(case)}\nnonsense\n", encoding="utf-8")
    assert run_cases.main(["--timetables", str(path)]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 3
    assert printed[0].startswith("case 3 (trigger '30 1 * * *' Asia/Kolkata catchup")
    assert ": run 2: expected 2025-07-27T20:00:00+00:00" in printed[0]
    assert printed[1].startswith("case 4 (): DecodeError")
    assert printed[2] == "1 passed, 2 failed"
