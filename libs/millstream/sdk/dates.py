"""Instants as authors write them, pendulum or stdlib, aware or naive (which means UTC)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

import pendulum


def instant(name: str, value: object) -> datetime:
    """An aware datetime from a datetime, a date or an ISO 8601 string."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{name} {value!r} is not an ISO 8601 date") from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if not isinstance(value, datetime):
        raise TypeError(
            f"{name} is {value!r}; pass a datetime such as pendulum.datetime(2024, 1, 1, tz='UTC')"
        )
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def stdlib_utc(value: datetime) -> datetime:
    """An aware datetime as the core knows it: pendulum's write themselves otherwise."""
    utc = value.astimezone(UTC)
    return datetime.combine(utc.date(), utc.time(), UTC)


def zone_name(value: datetime) -> str:
    """The IANA name of an aware datetime's zone, in which schedules are reckoned. UTC offsets that
    have no name are refused, since daylight saving is then anyone's guess."""
    name = None if value.tzinfo is None else name_of_zone(value.tzinfo, value)
    if name is not None:
        return name
    raise ValueError(
        f"start_date {value.isoformat()} has a fixed UTC offset; give it a named time zone such as "
        f"tz='Europe/Berlin', or UTC"
    )


def name_of_zone(zone: tzinfo, value: datetime) -> str | None:
    """The IANA name of a zone; None for a mere offset other than none."""
    name = getattr(zone, "key", None) or getattr(zone, "name", None)
    if isinstance(name, str) and not name.startswith(("+", "-")):
        return name
    return "UTC" if zone.utcoffset(value) == timedelta(0) else None


@lru_cache(maxsize=256)  # a child runs many attempts of one run
def in_utc(value: datetime) -> pendulum.DateTime:
    """The pendulum DateTime that templates and tasks see: in UTC, as in Airflow."""
    if type(value) is datetime and value.tzinfo is UTC:  # pendulum looks for its zone three times
        return pendulum.DateTime(
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            value.microsecond,
            tzinfo=pendulum.UTC,
            fold=value.fold,
        )
    return pendulum.instance(value).in_timezone("UTC")
