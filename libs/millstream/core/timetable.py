"""Schedules: presets and cron expressions."""

from __future__ import annotations

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

PRESETS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@quarterly": "0 0 1 */3 *",
    "@yearly": "0 0 1 1 *",
}
UNTIMED = ("@once", "@continuous")
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def check_schedule(schedule: str) -> list[str]:
    """The problems of a schedule: none, or one sentence."""
    if schedule in PRESETS or schedule in UNTIMED:
        return []
    if schedule.startswith("@"):
        known = ", ".join([*PRESETS, *UNTIMED])
        return [
            f"schedule {schedule!r} is no known preset; use a cron expression or one of {known}"
        ]
    try:
        CronSim(schedule, _EPOCH)
    except CronSimError as error:
        return [
            f"schedule {schedule!r} is not a cron expression ({str(error).lower()}); "
            f"write five fields such as '30 6 * * 1-5', or a preset such as '@daily'"
        ]
    return []
