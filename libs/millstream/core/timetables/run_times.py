"""What every timetable answers, and what it is told."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

import msgspec


class RunTimes(msgspec.Struct, frozen=True):
    """The times of one run, in UTC: what it is called, the data it covers, when it may start."""

    logical_date: datetime
    interval_start: datetime
    interval_end: datetime
    run_after: datetime

    @classmethod
    def at(cls, instant: datetime) -> RunTimes:
        """A run for one moment, due then."""
        return cls(instant, instant, instant, instant)

    @classmethod
    def over(cls, start: datetime, end: datetime) -> RunTimes:
        """A run for a stretch of time, named for its start, due at its end."""
        return cls(start, start, end, end)

    @classmethod
    def by_hand(cls, at: datetime, start: datetime, end: datetime) -> RunTimes:
        """A run that somebody asked for at ``at``, with the data of a stretch of time."""
        return cls(at, start, end, at)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Which runs a DAG wants: none before ``start`` or after ``end``, both inclusive; with
    ``catchup`` each of them, without it none but the latest that is due."""

    start: datetime | None = None
    end: datetime | None = None
    catchup: bool = False

    def __post_init__(self) -> None:
        # Arithmetic between instants of one zone is wall clock in Python: hold UTC and nothing else
        for name in ("start", "end"):
            value = getattr(self, name)
            if value is not None:
                msgspec.structs.force_setattr(self, name, utc(value))

    def allow(self, instant: datetime) -> bool:
        return self.end is None or instant <= self.end


class Timetable(Protocol):
    """Ask once after each run, and keep the answer until its ``run_after``: some timetables answer
    with ``now`` itself, so to ask again is to be told to wait again."""

    def next_run(self, last: RunTimes | None, now: datetime, bounds: Bounds) -> RunTimes | None:
        """The run after ``last``, the latest that this timetable made (None: there was none yet).
        None: no further run."""

    def manual_run(self, at: datetime) -> RunTimes:
        """The times of a run that somebody asks for at ``at``."""


class Exhausted(Exception):
    """The steps have no further instant: the calendar ends, or the expression never matches."""


def utc(instant: datetime) -> datetime:
    """The same instant in UTC. Raises :class:`ValueError` for one without a time zone."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone; add one, such as +00:00")
    return instant.astimezone(UTC)
