"""The recorded DAG cases: everything ends as it ended in Airflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance.dag_cases import judge

LINES = (Path(__file__).parent / "cases" / "dags.jsonl").read_text().splitlines()


def test_there_are_cases() -> None:
    assert len(LINES) >= 180


@pytest.mark.parametrize("line", LINES, ids=lambda line: judge(line)[0])
def test_it_ends_as_in_airflow(line: str) -> None:
    assert judge(line)[1] == []
