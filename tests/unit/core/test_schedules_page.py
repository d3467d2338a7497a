"""The examples of the guide are what the code computes."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from millstream.core.timetable import schedule_of, timetable_of
from millstream.core.timetables.run_times import Bounds

PAGE = Path(__file__).parents[3] / "docs/guide/schedules.md"
ROWS = re.findall(r"^\| `(.+)` \| (.+) \| (.+) \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)


@pytest.mark.parametrize(("cron", "meaning", "date", "due"), ROWS)
def test_examples_of_the_guide(cron: str, meaning: str, date: str, due: str) -> None:
    schedule = schedule_of(cron, data_intervals=meaning == "data interval")
    bounds = Bounds(start=datetime(2024, 1, 1, tzinfo=UTC))
    run = timetable_of(schedule).next_run(None, datetime(2024, 5, 6, 12, tzinfo=UTC), bounds)
    assert run is not None
    assert f"{run.logical_date:%Y-%m-%d %H:%M}" == date
    assert f"{run.run_after:%Y-%m-%d %H:%M}" == due


def test_the_guide_has_examples() -> None:
    assert len(ROWS) == 10
