"""Cron expressions and the instants at which they fire in a time zone.

The meaning is croniter's, which Airflow uses; cronsim evaluates. So an expression is first read
here and written again in the words with which cronsim means the same:

* a sixth field holds the seconds and comes last (cronsim: first);
* ``*/2`` counts as a restricted day, and two restricted days are an OR (cronsim, like Debian's
  cron, takes any field that begins with a star for unrestricted);
* ranges may wrap (``FRI-MON``, ``22-5``), the last Friday is ``L5`` (cronsim: ``5L``), ``?`` is a
  ``*``.

cronsim only ever sees wall clock time without a zone: what daylight saving does to it follows
Airflow and is decided in :class:`CronSteps`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from millstream.core.timetables.run_times import Exhausted, utc

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


class NotCron(ValueError):
    """The text is no cron expression; the message says why, to be put into brackets."""


class _Field:
    """One field: its name, its first and last value, and the names of values."""

    def __init__(self, name: str, first: int, last: int, names: tuple[str, ...] = ()):
        self.name = name
        self.first = first
        self.last = last
        self.names = {name: value for value, name in enumerate(names, first)}

    def parse(self, text: str) -> list[str]:
        """The terms, as cronsim writes them: numbers in order, then the rest. ``*``: any value."""
        numbers: dict[int, None] = {}
        others: dict[str, None] = {}
        for term in text.split(","):
            if term == "*":
                return ["*"]
            if (special := self._special(term)) is not None:
                others[special] = None
            else:
                numbers.update(dict.fromkeys(self._range(term)))
        return [*map(str, sorted(numbers)), *others]

    def every(self, terms: list[str]) -> bool:
        return terms == ["*"] or len(terms) == self.last - self.first + 1

    def _special(self, term: str) -> str | None:
        """The last day of the month, the last or the nth weekday of it; None for any other."""
        if self.name == "day of month" and term == "L":
            return term
        if self.name == "day of week" and "#" in term:
            day, _, nth = term.partition("#")
            if nth not in ("1", "2", "3", "4", "5"):
                raise self._bad(term)
            return f"{self._value(day)}#{nth}"
        if self.name == "day of week" and term.startswith("L") and term[1:].isdecimal():
            return f"{self._value(term[1:])}L"
        return None

    def _range(self, term: str) -> list[int]:
        span, slash, step_text = term.partition("/")
        if slash and (not step_text.isascii() or not step_text.isdecimal() or int(step_text) == 0):
            raise self._bad(term)
        step = int(step_text) if slash else 1
        low_text, dash, high_text = span.partition("-")
        if span == "*":
            low, high = self.first, self.last
        elif dash:
            low, high = self._ends(low_text, high_text)
        else:
            low = self._value(low_text)
            high = self.last if slash else low
        values = list(range(self.first, self.last + 1))
        if low > high:  # over the end of the field and on from its beginning
            values = values[low - self.first :] + values[: high - self.first + 1]
        else:
            values = values[low - self.first : high - self.first + 1]
        return values[::step]

    def _ends(self, low_text: str, high_text: str) -> tuple[int, int]:
        if self.name == "day of month" and high_text == "L":
            high_text = str(self.last)
        low, high = self._value(low_text), self._value(high_text)
        if low == high:
            if low_text != high_text and self.name == "day of week":  # 0-7: from Sunday to Sunday
                return self.first, self.last
            # croniter reads 9-9 as the whole field and everybody else as 9: do not guess
            raise NotCron(f"{low_text}-{high_text} is ambiguous, write {low_text} or *")
        return low, high

    def _value(self, text: str) -> int:
        if text in self.names:
            return self.names[text]
        if not text.isascii() or not text.isdecimal():
            raise self._bad(text)
        value = int(text)
        if self.name == "day of week" and value == 7:
            value = 0
        if not self.first <= value <= self.last:
            raise self._bad(text)
        return value

    def _bad(self, text: str) -> NotCron:
        return NotCron(f"bad {self.name} {text!r}")


_FIELDS = (
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, _MONTHS),
    _Field("day of week", 0, 6, _DAYS),
    _Field("second", 0, 59),
)


class CronExpression:
    """A cron expression of five or six fields on the wall clock. Raises :class:`NotCron`."""

    def __init__(self, text: str):
        self.text = text
        parts = text.upper().split()
        if len(parts) not in (5, 6):
            raise NotCron(f"it has {len(parts)} fields instead of five or six")
        for i in (2, 4):
            if parts[i] == "?":
                parts[i] = "*"
        terms = [field.parse(part) for field, part in zip(_FIELDS, parts, strict=False)]
        # All 31 days beside a star are no restriction; beside a weekday they are one, and win.
        for i, other in ((2, 4), (4, 2)):
            if _FIELDS[i].every(terms[i]) and "*" in parts[other]:
                terms[i] = ["*"]
        self.hourly = _FIELDS[1].every(terms[1])
        seconds = terms.pop() if len(parts) == 6 else ["0"]
        self._cronsim = " ".join(",".join(field) for field in [seconds, *terms])
        try:
            self.after(datetime(2000, 1, 1))
        except (CronSimError, Exhausted):
            raise NotCron("it never fires: no such day exists") from None

    def after(self, wall: datetime) -> datetime:
        """The first match later than a time on the wall clock."""
        return self._step(wall, reverse=False)

    def before(self, wall: datetime) -> datetime:
        """The last match earlier than a time on the wall clock."""
        return self._step(wall, reverse=True)

    def _step(self, wall: datetime, *, reverse: bool) -> datetime:
        try:
            return next(CronSim(self._cronsim, wall, reverse=reverse))
        except (StopIteration, OverflowError, ValueError):
            raise Exhausted(self.text) from None


class CronSteps:
    """The instants at which a cron expression fires in a zone.

    An expression with every hour in it keeps elapsed time: the distance to the next match on the
    wall clock is waited for, so that both hours of a fold have their runs. For any other the wall
    clock counts: a time that is skipped moves on by the gap, one that comes twice means the second.
    """

    def __init__(self, expression: CronExpression, zone: ZoneInfo):
        self._expression = expression
        self._zone = zone

    def next(self, instant: datetime) -> datetime:
        wall = self._wall(instant)
        match = self._expression.after(wall)
        return instant + (match - wall) if self._expression.hourly else self._instant(match)

    def prev(self, instant: datetime) -> datetime:
        wall = self._wall(instant)
        match = self._expression.before(wall)
        return instant - (wall - match) if self._expression.hourly else self._instant(match)

    def align_next(self, instant: datetime) -> datetime:
        """The instant itself if it is one of the steps, or the step after it."""
        later = self.next(instant)
        return instant if self.prev(later) == instant else later

    def align_prev(self, instant: datetime) -> datetime:
        """The instant itself if it is one of the steps, or the step before it."""
        earlier = self.prev(instant)
        return instant if self.next(earlier) == instant else earlier

    def latest_start(self, now: datetime) -> datetime:
        """Where the latest stretch between two steps begins that is over at ``now``."""
        start = self.prev(now)
        if self.next(start) > now:
            return self.prev(start)
        # Once as a rule; more often where the clocks changed between the two steps.
        while self.next(self.next(start)) <= now:
            start = self.next(start)
        return start

    def _wall(self, instant: datetime) -> datetime:
        return utc(instant).astimezone(self._zone).replace(tzinfo=None, fold=0)

    def _instant(self, wall: datetime) -> datetime:
        # In a fold the later reading is the second; in a gap it is the one moved on by the gap.
        return max(wall.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
