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
    comes next. ``has_ended``: the last message of the log was there.

    Two workers may have begun the attempt, each with a claim of its own. The lines of the one that
    was refused are no part of the log; who asks the event log which claim was accepted says so with
    `accept`.
    """

    def __init__(self, from_line: int = 0) -> None:
        self.next_line = self._from_line = from_line
        self.has_ended = False
        self.has_lines = False
        self.claim = ""
        self._is_begun = False
        self._accepted: tuple[str, ...] = ()
        self._ignored: set[str] = set()

    def skip_to(self, line: int) -> None:
        """The log up to ``line`` was read elsewhere, where it is whole."""
        self.has_lines = True
        self.next_line = max(self.next_line, line)

    def unknown(self, claims: Iterable[str]) -> list[str]:
        """Those of which it must be known whether they were accepted, before their lines can be
        taken. The only claim on an attempt is taken for the right one."""
        named = dict.fromkeys(claims)
        if self._is_begun:
            named.pop(self.claim, None)
        elif len(named) == 1:
            return []
        return [one for one in named if one not in self._accepted and one not in self._ignored]

    def accept(self, claims: Sequence[str]) -> None:
        """The claims on the attempt that the event log knows: one, or none yet."""
        self._accepted = tuple(claims)
        self._ignored.difference_update(claims)

    def ignore(self, claims: Iterable[str]) -> None:
        """They were refused, as far as can be known."""
        self._ignored.update(claims)

    def gap(self, header: LogHeader) -> int:
        """How many lines are missing before those of this message."""
        is_read = not self._is_begun or header.claim == self.claim
        return max(header.first_line - self.next_line, 0) if is_read else 0

    def take(self, header: LogHeader, lines: Sequence[LogLine]) -> list[Numbered]:
        """The new lines of a message."""
        taken: list[Numbered] = []
        if header.claim in self._ignored:
            return taken
        if not self._is_begun:
            self._is_begun, self.claim = True, header.claim
        elif header.claim != self.claim:
            taken += self._begin_again(header.claim)
        missing = self.gap(header)
        if missing:
            taken.append(note(f"{_count(missing)} not here: they were lost or are no longer kept."))
        self.has_lines = self.has_lines or bool(lines)
        for number, line in enumerate(lines, header.first_line):
            if number >= self.next_line:
                taken.append(Numbered(number, line))
        self.next_line = max(self.next_line, header.first_line + len(lines))
        self.has_ended = self.has_ended or header.is_end
        return taken

    def _begin_again(self, claim: str) -> list[Numbered]:
        self._ignored.add(self.claim)
        self.claim, self.has_ended, self.next_line = claim, False, self._from_line
        text = "Two workers began this attempt; the claim of the one above was refused."
        return [note(text)] if self.has_lines else []


def _count(lines: int) -> str:
    return "1 line is" if lines == 1 else f"{lines} lines are"


def wanted(lines: Iterable[Numbered], which: Filter) -> list[Numbered]:
    return [one for one in lines if which.is_wanted(one.line)]
