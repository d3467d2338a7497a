"""Dates and times: of the standard library, and pendulum's, which come back as pendulum's.

An aware time is its wall clock with the name of its zone, or with its offset where it has no name.
Zones of other libraries come back as ``zoneinfo``'s, or as a fixed offset.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from millstream.sdk.codecs.plain import Unencodable

if TYPE_CHECKING:
    from millstream.sdk.codecs.tree import Decoder, Encoder

_SECOND = datetime.timedelta(seconds=1)


def _zone(value: datetime.datetime | datetime.time, path: str) -> dict[str, Any]:
    zone = value.tzinfo
    if zone is None:
        return {}
    if zone is datetime.UTC:
        return {"offset_s": 0}
    name = getattr(zone, "key", None) or getattr(zone, "zone", None)
    if isinstance(name, str) and is_zone(name):
        return {"zone": name}
    offset = value.utcoffset()
    if offset is None:
        raise Unencodable(path, f"a time in the zone {zone!r}", "which has no name and no offset")
    return {"offset_s": offset / _SECOND}


def is_zone(name: str) -> bool:
    """Whether the zone can be found again by this name."""
    try:
        return bool(zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False


def _offset(seconds: float) -> datetime.timezone:
    return datetime.timezone(datetime.timedelta(seconds=seconds)) if seconds else datetime.UTC


def _tzinfo(tree: dict[str, Any]) -> datetime.tzinfo | None:
    if "zone" in tree:
        return zoneinfo.ZoneInfo(tree["zone"])
    return _offset(tree["offset_s"]) if "offset_s" in tree else None


def _datetime(encoder: Encoder, value: datetime.datetime, path: str) -> Any:
    return {"__type__": "datetime", **_wall_clock(value, path)}


def _wall_clock(value: datetime.datetime | datetime.time, path: str) -> dict[str, Any]:
    text = value.replace(tzinfo=None).isoformat()
    fold = {"fold": 1} if value.fold else {}
    return {"value": text, **fold, **_zone(value, path)}


def _time(encoder: Encoder, value: datetime.time, path: str) -> Any:
    return {"__type__": "time", **_wall_clock(value, path)}


def _date(encoder: Encoder, value: datetime.date, path: str) -> Any:
    return {"__type__": "date", "value": datetime.date.isoformat(value)}


def _timedelta(encoder: Encoder, value: datetime.timedelta, path: str) -> Any:
    return {"__type__": "timedelta", **_parts(value)}


def _parts(value: datetime.timedelta) -> dict[str, int]:
    plain = datetime.timedelta(value.days, value.seconds, value.microseconds)
    return {"days": plain.days, "seconds": plain.seconds, "microseconds": plain.microseconds}


def _pendulum_datetime(encoder: Encoder, value: Any, path: str) -> Any:
    plain = datetime.datetime.combine(value.date(), value.time(), value.tzinfo)
    plain = plain.replace(fold=value.fold)
    return {"__type__": "pendulum.DateTime", **_wall_clock(plain, path)}


def _pendulum_time(encoder: Encoder, value: Any, path: str) -> Any:
    plain = datetime.time(
        value.hour, value.minute, value.second, value.microsecond, value.tzinfo, fold=value.fold
    )
    return {"__type__": "pendulum.Time", **_wall_clock(plain, path)}


def _pendulum_date(encoder: Encoder, value: Any, path: str) -> Any:
    return {"__type__": "pendulum.Date", "value": datetime.date.isoformat(value)}


def _pendulum_duration(encoder: Encoder, value: Any, path: str) -> Any:
    """Years and months have no fixed length, so they are kept apart."""
    rest = value.as_timedelta() - datetime.timedelta(days=value.years * 365 + value.months * 30)
    tree: dict[str, Any] = {"__type__": "pendulum.Duration", **_parts(rest)}
    return {**tree, "years": value.years, "months": value.months}


def _pendulum_zone(encoder: Encoder, value: Any, path: str) -> Any:
    return {"__type__": "pendulum.Timezone", "name": value.key}


def _zoneinfo(encoder: Encoder, value: zoneinfo.ZoneInfo, path: str) -> Any:
    if value.key is None:
        raise Unencodable(path, "a ZoneInfo without a key", "which cannot be found again")
    return {"__type__": "zoneinfo", "name": value.key}


def _timezone(encoder: Encoder, value: datetime.timezone, path: str) -> Any:
    return {"__type__": "timezone", "offset_s": value.utcoffset(None) / _SECOND}


ENCODERS: dict[str, Callable[[Encoder, Any, str], Any]] = {
    "datetime.datetime": _datetime,
    "datetime.date": _date,
    "datetime.time": _time,
    "datetime.timedelta": _timedelta,
    "datetime.timezone": _timezone,
    "zoneinfo.ZoneInfo": _zoneinfo,
    "pendulum.DateTime": _pendulum_datetime,
    "pendulum.Date": _pendulum_date,
    "pendulum.Time": _pendulum_time,
    "pendulum.Duration": _pendulum_duration,
    "pendulum.Timezone": _pendulum_zone,
}


def encoder_of(value: Any) -> Callable[[Encoder, Any, str], Any] | None:
    """For subclasses, which come back as what they extend."""
    for kind, encoder in (
        (datetime.datetime, _datetime),
        (datetime.date, _date),
        (datetime.time, _time),
        (datetime.timedelta, _timedelta),
    ):
        if isinstance(value, kind):
            return encoder
    return None


def _read_datetime(tree: dict[str, Any]) -> datetime.datetime:
    value = datetime.datetime.fromisoformat(tree["value"])
    return value.replace(tzinfo=_tzinfo(tree), fold=tree.get("fold", 0))


def _read_time(tree: dict[str, Any]) -> datetime.time:
    value = datetime.time.fromisoformat(tree["value"])
    return value.replace(tzinfo=_tzinfo(tree), fold=tree.get("fold", 0))


def _read_timedelta(tree: dict[str, Any]) -> datetime.timedelta:
    return datetime.timedelta(tree["days"], tree["seconds"], tree["microseconds"])


def _pendulum_tzinfo(tree: dict[str, Any]) -> Any:
    import pendulum

    if "zone" in tree:
        return pendulum.timezone(tree["zone"])
    if "offset_s" not in tree:
        return None
    return pendulum.UTC if not tree["offset_s"] else pendulum.FixedTimezone(int(tree["offset_s"]))


def _read_pendulum_datetime(_: Decoder, tree: dict[str, Any]) -> Any:
    import pendulum

    plain = datetime.datetime.fromisoformat(tree["value"])
    return pendulum.DateTime.create(
        plain.year, plain.month, plain.day, plain.hour, plain.minute, plain.second,
        plain.microsecond, tz=_pendulum_tzinfo(tree), fold=tree.get("fold", 0),
    )  # fmt: skip


def _read_pendulum_time(_: Decoder, tree: dict[str, Any]) -> Any:
    import pendulum

    plain = datetime.time.fromisoformat(tree["value"])
    return pendulum.Time(
        plain.hour, plain.minute, plain.second, plain.microsecond, _pendulum_tzinfo(tree),
        fold=tree.get("fold", 0),
    )  # fmt: skip


def _read_pendulum_date(_: Decoder, tree: dict[str, Any]) -> Any:
    import pendulum

    plain = datetime.date.fromisoformat(tree["value"])
    return pendulum.Date(plain.year, plain.month, plain.day)


def _read_pendulum_duration(_: Decoder, tree: dict[str, Any]) -> Any:
    import pendulum

    names = ("years", "months", "days", "seconds", "microseconds")
    return pendulum.Duration(**{name: tree[name] for name in names})


def _read_pendulum_zone(_: Decoder, tree: dict[str, Any]) -> Any:
    import pendulum

    return pendulum.timezone(tree["name"])


DECODERS: dict[str, Callable[[Any, dict[str, Any]], Any]] = {
    "datetime": lambda _, tree: _read_datetime(tree),
    "date": lambda _, tree: datetime.date.fromisoformat(tree["value"]),
    "time": lambda _, tree: _read_time(tree),
    "timedelta": lambda _, tree: _read_timedelta(tree),
    "timezone": lambda _, tree: _offset(tree["offset_s"]),
    "zoneinfo": lambda _, tree: zoneinfo.ZoneInfo(tree["name"]),
    "pendulum.DateTime": _read_pendulum_datetime,
    "pendulum.Date": _read_pendulum_date,
    "pendulum.Time": _read_pendulum_time,
    "pendulum.Duration": _read_pendulum_duration,
    "pendulum.Timezone": _read_pendulum_zone,
}
