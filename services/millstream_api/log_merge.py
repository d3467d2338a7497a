"""From the messages of an attempt's subject to the lines of its log: each once, in order. No IO."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from millstream.adapters.log_lines import LogHeader, LogLine

NOTE = -1
MILLSTREAM = "millstream"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


class Numbered(NamedTuple):
    """A line and its number in the log, or :data:`NOTE` for a note that is not in it."""

    number: int
    line: LogLine


def note(text: str) -> Numbered:
    """What a reader is told beside the lines."""
    line = LogLine(at=datetime.now(UTC), source=MILLSTREAM, level="WARNING", text=text)
    return Numbered(NOTE, line)


class Filter(msgspec.Struct, frozen=True):
    """Which lines are wanted; what Millstream says itself always is."""

    levels: frozenset[str] = frozenset()
    contains: str = ""

    def is_wanted(self, line: LogLine) -> bool:
        if line.source == MILLSTREAM:
            return True
        return (not self.levels or line.level in self.levels) and self.contains in line.text


class LogMerge:
    """Takes the messages in the order of the stream. ``next_line``: the number of the line that
    comes next. ``has_ended``: the last message of the log so far was its end.

    A log may have several *parts*, each from a claim of its own: those of the attempt and then of
    its trigger, where it was deferred. The numbers go on from part to part. Other claims were
    refused, and what they printed is no part of the log; who asks the event log which claims were
    accepted says so with `accept`.
    """

    def __init__(self, from_line: int = 0) -> None:
        self.next_line = self._from_line = from_line
        self.has_ended = False
        self.has_lines = False
        self._claim: str | None = None
        # The number of the first line of the part, and of the line behind its last one so far.
        self._base = 0
        self._end = 0
        self._accepted: tuple[str, ...] = ()
        self._ignored: set[str] = set()

    @property
    def claim(self) -> str:
        """Of the part that is being read; empty before the first message."""
        return self._claim or ""

    def skip_to(self, line: int) -> None:
        """The log up to ``line`` was read elsewhere, where it is whole."""
        self.has_lines = True
        self.next_line = max(self.next_line, line)

    def end_part(self, claim: str, lines: int) -> None:
        """The first part, of this claim, was read elsewhere and has so many lines."""
        self._claim, self._end, self.has_ended = claim, lines, True

    def unknown(self, claims: Iterable[str]) -> list[str]:
        """Those of which it must be known whether they were accepted, before their lines can be
        taken. The only claim on an attempt is taken for the right one."""
        named = dict.fromkeys(claims)
        if self._claim is None:
            is_only = len(named) == 1
        else:
            named.pop(self._claim, None)
            is_only = False
        known = (*self._accepted, *sorted(self._ignored))
        return [] if is_only else [claim for claim in named if claim not in known]

    def accept(self, claims: Sequence[str]) -> None:
        """The claims on the attempt that the event log knows, in their order."""
        self._accepted = tuple(claims)
        self._ignored.difference_update(claims)

    def ignore(self, claims: Iterable[str]) -> None:
        """They were refused, as far as can be known."""
        self._ignored.update(claims)

    def gap(self, header: LogHeader) -> int:
        """How many lines are missing before those of this message."""
        if header.claim in self._ignored or header.claim != (self._claim or header.claim):
            return 0
        return max(self._base + header.first_line - self.next_line, 0)

    def take(self, header: LogHeader, lines: Sequence[LogLine]) -> list[Numbered]:
        """The new lines of a message."""
        taken: list[Numbered] = []
        if header.claim in self._ignored:
            return taken
        if self._claim is None:
            self._claim = header.claim
        elif header.claim != self._claim:
            if self._is_before(header.claim):
                return taken
            taken += self._begin_part(header.claim)
        missing = self.gap(header)
        if missing:
            taken.append(note(f"{_count(missing)} not here: they were lost or are no longer kept."))
        first = self._base + header.first_line
        self.has_lines = self.has_lines or bool(lines)
        for number, line in enumerate(lines, first):
            if number >= self.next_line:
                taken.append(Numbered(number, line))
        self._end = max(self._end, first + len(lines))
        self.next_line = max(self.next_line, self._end)
        self.has_ended = self.has_ended or header.is_end
        return taken

    def _is_before(self, claim: str) -> bool:
        """Is it of a part that is over? Its messages may come again."""
        order = self._accepted
        return (
            self._claim in order
            and claim in order
            and order.index(claim) < order.index(self._claim)
        )

    def _begin_part(self, claim: str) -> list[Numbered]:
        refused = self._claim if self._claim not in self._accepted else None
        self._claim, self.has_ended = claim, False
        if refused is None:
            self._base = self._end
            return []
        self._ignored.add(refused)
        self._end = self._base
        self.next_line = max(self._base, self._from_line)
        text = "Two workers began this attempt; the claim of the one above was refused."
        return [note(text)] if self.has_lines else []


def _count(lines: int) -> str:
    return "1 line is" if lines == 1 else f"{lines} lines are"


def wanted(lines: Iterable[Numbered], which: Filter) -> list[Numbered]:
    return [one for one in lines if which.is_wanted(one.line)]
