"""Instants and positions as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import typer

_AGO = re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|h|d|w)")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
SAYS = "ISO 8601 (UTC without an offset), or how long ago: 90s, 10m, 2h, 3d"


def parse_instant(text: str, option: str) -> datetime | None:
    """An ISO 8601 instant, or one that many seconds, minutes, hours, days or weeks ago. None for
    no text."""
    if not text:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return datetime.now(UTC) - timedelta(**{_UNITS[ago[2]]: float(ago[1])})
        instant = datetime.fromisoformat(text)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no instant: write {SAYS}", param_hint=option
        ) from None


def parse_place(text: str, option: str) -> tuple[int, datetime | None]:
    """A position of the log, or an instant: the one that it is not is 0 or None."""
    if text.strip().isdecimal():
        return int(text), None
    return 0, parse_instant(text, option)
