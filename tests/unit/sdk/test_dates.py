"""The dates of a context are spelt without pendulum and strftime, and read as if by them."""

from __future__ import annotations

import copy
import pickle
import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pendulum
import pytest

from millstream import DAG
from millstream.sdk.context import dates
from millstream.sdk.dates import in_utc
from millstream.sdk.removed_keys import removed_keys

FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
EDGES = [
    FIRST,
    FIRST + timedelta(days=1),
    *(datetime(year, month, day, tzinfo=UTC) for year in (999, 1000) for month, day in
      ((1, 1), (12, 31))),
    datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC),
    datetime(2024, 2, 29, 12, 30, tzinfo=UTC, fold=1),
    LAST - timedelta(days=1),
    LAST,
]  # fmt: skip
ZONES: list[tzinfo | None] = [
    None,
    UTC,
    ZoneInfo("UTC"),
    pendulum.UTC,
    timezone.utc,  # noqa: UP017
    timezone(timedelta(0), "Z"),
    timezone(timedelta(hours=-9, minutes=-30)),
    ZoneInfo("Europe/Berlin"),
    ZoneInfo("Pacific/Apia"),
    pendulum.timezone("America/St_Johns"),
]


class OwnDatetime(datetime):
    """As libraries that stop the clock have it."""


def some(count: int, first_year: int = 1, last_year: int = 9999) -> Iterator[datetime]:
    """Instants in UTC; half of them fall on whole seconds."""
    source = random.Random(20240229)
    for number in range(count):
        year = source.choice((source.randint(first_year, last_year), source.randint(1970, 2100)))
        yield datetime(
            year,
            source.randint(1, 12),
            source.randint(1, 28),
            source.randrange(24),
            source.randrange(60),
            source.randrange(60),
            source.randrange(1_000_000) if number % 2 else 0,
            tzinfo=UTC,
            fold=source.randrange(2),
        )


def around_folds() -> Iterator[datetime]:
    for day in (datetime(2024, 3, 31), datetime(2024, 10, 27), datetime(2011, 12, 30)):
        for minutes in range(0, 1440, 30):
            for fold in (0, 1):
                yield (day + timedelta(minutes=minutes)).replace(fold=fold)


def facts(made: pendulum.DateTime) -> tuple[Any, ...]:
    copied = copy.deepcopy(made)
    return (
        *(type(made), made, repr(made), made.fold, type(made.tzinfo), id(made.tzinfo)),
        *(made.isoformat(), pickle.dumps(made), repr(copied), copied.fold, id(copied.tzinfo)),
    )


def plain_in_utc(value: datetime) -> pendulum.DateTime:
    return pendulum.instance(value).in_timezone("UTC")


@pytest.mark.parametrize("zone", ZONES, ids=repr)
def test_an_instant_becomes_what_pendulum_makes_of_it(zone: tzinfo | None) -> None:
    instants = [*some(300, 2, 9998), *around_folds()]
    instants += [edge for edge in EDGES if 1 < edge.year < 9999]
    for instant in instants:
        value = instant.replace(tzinfo=zone)
        assert facts(in_utc.__wrapped__(value)) == facts(plain_in_utc(value)), repr(value)


@pytest.mark.parametrize("kind", [OwnDatetime, pendulum.DateTime])
def test_so_do_other_classes_of_instants(kind: type[datetime]) -> None:
    for instant in [*some(50), *EDGES]:
        at = instant.replace(tzinfo=None, fold=0)
        value = kind(*at.timetuple()[:6], at.microsecond, tzinfo=UTC, fold=instant.fold)
        assert facts(in_utc.__wrapped__(value)) == facts(plain_in_utc(value)), repr(value)


def test_so_do_the_ends_of_the_calendar() -> None:
    for edge in EDGES:
        assert facts(in_utc.__wrapped__(edge)) == facts(plain_in_utc(edge))


def plain_dates(logical_date: Any) -> dict[str, Any]:
    iso = logical_date.isoformat()
    return {
        "logical_date": logical_date,
        "ds": logical_date.strftime("%Y-%m-%d"),
        "ds_nodash": logical_date.strftime("%Y%m%d"),
        "ts": iso,
        "ts_nodash": logical_date.strftime("%Y%m%dT%H%M%S"),
        "ts_nodash_with_tz": iso.replace("-", "").replace(":", ""),
    }


def test_the_logical_date_is_spelt_as_by_strftime() -> None:
    for instant in [*some(1000), *EDGES]:
        logical_date = plain_in_utc(instant)
        assert list(dates(logical_date).items()) == list(plain_dates(logical_date).items())


@pytest.mark.parametrize("zone", ZONES, ids=repr)
def test_so_is_what_a_filter_gets(zone: tzinfo | None) -> None:
    for instant in [*some(100, 2, 9998), *around_folds()]:
        value = instant.replace(tzinfo=zone)
        assert dates(value) == plain_dates(value)
    for mere in (date(2024, 2, 29), date(33, 4, 3), pendulum.date(2024, 2, 29)):
        assert dates(mere) == plain_dates(mere)


def spelt(name: str, instant: datetime) -> dict[str, str]:
    return {name: instant.strftime("%Y-%m-%d"), f"{name}_nodash": instant.strftime("%Y%m%d")}


def plain_removed_keys(logical_date: pendulum.DateTime, around: Any) -> dict[str, Any]:
    keys: dict[str, Any] = {
        "execution_date": logical_date,
        **spelt("yesterday_ds", logical_date.subtract(days=1)),
        **spelt("tomorrow_ds", logical_date.add(days=1)),
    }
    for name, instant in zip(("prev", "next"), around, strict=False):
        keys[f"{name}_execution_date"] = instant
        keys.update(spelt(f"{name}_ds", instant))
    return keys


def test_the_days_around_it_are_those_of_pendulum() -> None:
    for instant in [*some(1000), *EDGES]:
        if FIRST + timedelta(days=1) <= instant <= LAST - timedelta(days=1):
            at = plain_in_utc(instant)
            for run_type, around in (("manual", (at, at)), ("asset_triggered", ())):
                found = removed_keys.__wrapped__(at, run_type, None)
                assert list(found.items()) == list(plain_removed_keys(at, around).items())


def test_the_dates_of_the_schedule_are_spelt_alike() -> None:
    with DAG("d", schedule="@daily", start_date=datetime(2024, 1, 1)) as dag:
        pass
    for instant in some(50, 900, 1100):
        at = plain_in_utc(instant.replace(hour=12))
        around = (at.start_of("day"), at.start_of("day").add(days=1))
        found = removed_keys.__wrapped__(at, "scheduled", dag)
        assert list(found.items()) == list(plain_removed_keys(at, around).items())


def test_a_day_beyond_the_calendar_is_absent() -> None:
    first = removed_keys.__wrapped__(plain_in_utc(FIRST), "manual", None)
    assert "yesterday_ds" not in first
    assert first["tomorrow_ds"] == spelt("", FIRST + timedelta(days=1))[""]
    assert first["prev_ds"] == spelt("", FIRST)[""]
    last = removed_keys.__wrapped__(plain_in_utc(LAST), "manual", None)
    assert "tomorrow_ds_nodash" not in last
    assert (last["yesterday_ds"], last["next_ds_nodash"]) == ("9999-12-30", "99991231")
