"""The recorded DAG cases that the core can play today: all but those with mapped tasks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from conformance.dag_cases import play_dag_case

FILE = Path(__file__).parent / "cases" / "dags.jsonl"
CASES = [json.loads(line) for line in FILE.read_text().splitlines()]
PLAYABLE = [case for case in CASES if not any(task["kind"] == "mapped" for task in case["tasks"])]


def test_there_are_cases() -> None:
    assert len(PLAYABLE) > 50


@pytest.mark.parametrize("case", PLAYABLE, ids=lambda case: str(case["id"]))
def test_it_ends_as_in_airflow(case: dict[str, Any]) -> None:
    assert play_dag_case(case) == []
