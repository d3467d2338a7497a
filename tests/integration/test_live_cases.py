"""Recorded cases through real services: what ``run_cases.py --live`` does, with a few of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from conformance import live_cases

CASES = Path(__file__).parents[1] / "conformance" / "cases" / "dags.jsonl"


@pytest.mark.integration
def test_a_few_recorded_cases_through_real_services() -> None:
    lines = CASES.read_text(encoding="utf-8").splitlines()[::20]
    wrong = {title: problems for title, problems in live_cases.judge_all(lines) if problems}
    assert wrong == {}
