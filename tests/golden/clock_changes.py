"""The page of what cron does where clocks change: ``python tests/golden/clock_changes.py`` writes
it. Read the difference before you commit it: users see every line of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from millstream.core.timetable import schedule_of, timetable_of
from millstream.core.timetables.run_times import Bounds

PAGE = Path(__file__).with_name("clock_changes.txt")
CRONS = ("30 * * * *", "30 2 * * *", "0 */2 * * *")
# A zone and the UTC noon before the night in which its clocks change.
CHANGES = (
    ("Europe/London", "2024-03-30"),
    ("Europe/London", "2024-10-26"),
    ("Europe/Berlin", "2024-03-30"),
    ("Europe/Berlin", "2024-10-26"),
    ("Europe/Dublin", "2024-10-26"),
    ("America/New_York", "2024-03-09"),
    ("America/New_York", "2024-11-02"),
    ("America/Los_Angeles", "2024-03-09"),
    ("America/St_Johns", "2024-11-02"),
    ("America/Havana", "2024-03-09"),
    ("America/Havana", "2024-11-02"),
    ("America/Santiago", "2024-09-07"),
    ("America/Sao_Paulo", "2018-11-03"),
    ("Africa/Cairo", "2024-04-25"),
    ("Africa/Casablanca", "2024-03-09"),
    ("Asia/Tehran", "2021-09-21"),
    ("Asia/Beirut", "2024-03-30"),
    ("Asia/Tokyo", "2024-03-30"),
    ("Asia/Kolkata", "2024-03-30"),
    ("Australia/Sydney", "2024-10-05"),
    ("Australia/Sydney", "2024-04-06"),
    ("Australia/Lord_Howe", "2024-04-06"),
    ("Australia/Lord_Howe", "2024-10-05"),
    ("Pacific/Chatham", "2024-09-28"),
    ("Pacific/Apia", "2011-12-29"),
    ("Antarctica/Troll", "2024-03-30"),
)


def page() -> str:
    """For each change and cron the runs of some 30 hours: wall clock time, offset where it is
    another one than before."""
    lines = []
    for timezone, day in CHANGES:
        lines.append(f"{timezone} {day}")
        start = datetime.fromisoformat(f"{day}T12:00:00").replace(tzinfo=UTC)
        lines += [f"  {cron:12} {_fires(cron, timezone, start)}" for cron in CRONS]
    return "\n".join(lines) + "\n"


def _fires(cron: str, timezone: str, start: datetime) -> str:
    timetable, zone = timetable_of(schedule_of(cron, timezone)), ZoneInfo(timezone)
    bounds = Bounds(start=start, catchup=True)
    shown, last, offset = [], None, ""
    for _ in range(27 if cron.startswith("30 *") else 2 if cron.startswith("30 2") else 14):
        last = timetable.next_run(last, start, bounds)
        assert last is not None
        local = last.run_after.astimezone(zone)
        now = local.strftime("%z")
        shown.append(local.strftime("%d %H:%M") + (now if now != offset else ""))
        offset = now
    return " | ".join(shown)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
