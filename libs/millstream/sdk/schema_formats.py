"""The values of JSON Schema's keyword ``format`` that are checked; others are annotations."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import date, datetime, time

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})?", re.ASCII)
_DATE_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII
)


def _parses(pattern: re.Pattern[str], parse: Callable[[str], object]) -> Callable[[str], bool]:
    def is_valid(value: str) -> bool:
        if not pattern.fullmatch(value):
            return False
        try:
            # What the calendar has no more than six digits for is cut off.
            parse(re.sub(r"(\.\d{6})\d+", r"\1", value.upper()))
        except ValueError:
            return False
        return True

    return is_valid


FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _parses(_DATE, date.fromisoformat),
    # RFC 3339, so the offset from UTC must be there.
    "date-time": _parses(_DATE_TIME, datetime.fromisoformat),
    # What a time picker gives has no offset.
    "time": _parses(_TIME, time.fromisoformat),
    "email": lambda value: "@" in value,
    "uuid": _parses(re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"), uuid.UUID),
}
