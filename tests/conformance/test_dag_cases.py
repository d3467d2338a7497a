"""The recorded DAG cases: everything ends as it ended in Airflow. Those that everybody measures
with, and our own (``cases/README.md`` says how they were recorded)."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.dag_cases import judge

CASES = Path(__file__).parent / "cases"
LINES = (CASES / "dags.jsonl").read_text(encoding="utf-8").splitlines()
MORE_LINES = (CASES / "dags_more.jsonl").read_text(encoding="utf-8").splitlines()


def test_there_are_cases() -> None:
    assert len(LINES) >= 180
    assert len(MORE_LINES) >= 200


@pytest.mark.parametrize("line", [*LINES, *MORE_LINES], ids=lambda line: judge(line)[0])
def test_it_ends_as_in_airflow(line: str) -> None:
    assert judge(line)[1] == []
