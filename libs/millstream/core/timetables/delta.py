"""Fixed distances of time, and the instants that lie such a distance apart.

All arithmetic is in UTC: a day is 24 hours, whatever the clocks on the wall do.
"""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta

import msgspec

from millstream.core.timetables.run_times import Exhausted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_OF_MONTH = 30.436875 * 86400


class Delta(msgspec.Struct, frozen=True, omit_defaults=True):
    """A distance: so many months and so many seconds. A year is 12 months, a day 86400 seconds."""

    seconds: float = 0.0
    months: int = 0

    @property
    def span(self) -> timedelta:
        """The part that always lasts as long."""
        return timedelta(seconds=self.seconds)

    def before(self, instant: datetime) -> datetime:
        """The instant so much earlier: months first, then the rest."""
        return _add_months(instant, -self.months) - self.span


class SecondSteps:
    """Steps that always last as long. They hang on no grid: each counts from the one before."""

    def __init__(self, span: timedelta):
        self._span = span

    def next(self, instant: datetime) -> datetime:
        try:
            return instant + self._span
        except OverflowError:
            raise Exhausted from None

    def prev(self, instant: datetime) -> datetime:
        return instant - self._span

    def align_next(self, instant: datetime) -> datetime:
        return instant

    def align_prev(self, instant: datetime) -> datetime:
        return instant

    def latest_start(self, now: datetime) -> datetime:
        # Skipping needs a grid after all, and Airflow's starts at the epoch.
        return now - (now - EPOCH) % self._span - self._span


class MonthSteps:
    """Steps of months, and perhaps seconds, counted from an anchor: the 31st of January is followed
    by the last of February and then by the 31st of March, not by the 28th for good."""

    def __init__(self, delta: Delta, anchor: datetime):
        self._delta = delta
        self._anchor = anchor
        self._about_s = delta.months * _SECONDS_OF_MONTH + delta.seconds

    def next(self, instant: datetime) -> datetime:
        return self._step(self._index(instant) + 1)

    def prev(self, instant: datetime) -> datetime:
        index = self._index(instant)
        return self._step(index - 1 if self._step(index) == instant else index)

    def align_next(self, instant: datetime) -> datetime:
        step = self._step(self._index(instant))
        return step if step == instant else self.next(instant)

    def align_prev(self, instant: datetime) -> datetime:
        return self._step(self._index(instant))

    def latest_start(self, now: datetime) -> datetime:
        return self._step(self._index(now) - 1)

    def _step(self, index: int) -> datetime:
        try:
            return _add_months(self._anchor, index * self._delta.months) + index * self._delta.span
        except OverflowError:
            raise Exhausted from None

    def _index(self, instant: datetime) -> int:
        """The number of the last step that is not later than an instant."""
        index = int((instant - self._anchor).total_seconds() // self._about_s)
        while self._step(index) > instant:
            index -= 1
        while self._step(index + 1) <= instant:
            index += 1
        return index


def _add_months(instant: datetime, months: int) -> datetime:
    years, month = divmod(instant.month - 1 + months, 12)
    year = instant.year + years
    if not 1 <= year <= 9999:
        raise OverflowError
    last_day = calendar.monthrange(year, month + 1)[1]
    return instant.replace(year=year, month=month + 1, day=min(instant.day, last_day))
