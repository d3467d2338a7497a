"""Triggers that wait for an instant. The scheduler's own timer watches it: they need no worker."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

from millstream.sdk.dates import in_utc, instant, stdlib_utc
from millstream.sdk.triggers.trigger import BaseTrigger, TaskSuccessEvent, TriggerEvent

_LONGEST_STEP_S = 60.0  # the wall clock may be set at any moment


class DateTimeTrigger(BaseTrigger):
    """Fires at ``moment``, an aware datetime, or at ``target_time``, which may be text as well;
    with the instant as its payload. ``end_from_trigger``: the task is then a success."""

    def __init__(
        self,
        moment: datetime | None = None,
        *,
        target_time: datetime | str | None = None,
        end_from_trigger: bool = False,
    ) -> None:
        if (moment is None) == (target_time is None):
            raise TypeError("DateTimeTrigger needs exactly one of moment and target_time")
        if moment is not None:
            if not isinstance(moment, datetime):
                raise TypeError(f"moment is {moment!r}; it must be a datetime")
            if moment.tzinfo is None:
                raise ValueError(f"moment is {moment!r}; it must have a time zone")
        self.moment = in_utc(instant("moment", moment or target_time))
        self.end_from_trigger = end_from_trigger

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "millstream.sdk.triggers.temporal.DateTimeTrigger",
            {"moment": self.moment, "end_from_trigger": self.end_from_trigger},
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            left_s = (stdlib_utc(self.moment) - datetime.now(UTC)).total_seconds()
            if left_s <= 0:
                break
            await asyncio.sleep(min(left_s, _LONGEST_STEP_S))
        yield TaskSuccessEvent() if self.end_from_trigger else TriggerEvent(self.moment)


class TimeDeltaTrigger(DateTimeTrigger):
    """Fires ``delta`` after it was made."""

    def __init__(self, delta: timedelta, *, end_from_trigger: bool = False) -> None:
        if not isinstance(delta, timedelta):
            raise TypeError(f"delta is {delta!r}; it must be a timedelta")
        super().__init__(datetime.now(UTC) + delta, end_from_trigger=end_from_trigger)
