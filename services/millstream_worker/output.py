"""What a task prints, cut into the lines of its log: with a level where ``logging`` wrote them,
without secrets, and bounded. Pure: files and NATS are in ``log_files``."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta

from millstream.adapters.log_lines import LogLine
from millstream.sdk.masking import Masker
from millstream_worker.log_records import MARK, PLAIN, Style, split_marks

# In characters; a longer line becomes several.
LONGEST_LINE = 16 * 1024
TAIL_BYTES = 64 * 1024
# A line without an end, such as a progress bar, is shown when it is so old.
UNFINISHED = timedelta(seconds=0.5)
_MERGED_BYTES = 4096


class Output:
    """The lines of one attempt. ``feed`` takes bytes as they come, in whatever pieces, and ``take``
    gives the lines that are whole.

    The log holds the first ``most_bytes`` of what is printed, then a line that says how much was
    left out, then the last 64 KiB, which are known when all is over. Of a line that overwrites
    itself with carriage returns the last state is kept. What ``masker`` knows is masked, also
    where it comes in pieces.
    """

    def __init__(self, masker: Masker, most_bytes: int) -> None:
        self.masker = masker
        self._most = most_bytes
        self._room = most_bytes
        self._lines: list[LogLine] = []
        self._partial: dict[str, bytes] = {}
        self._since: dict[str, datetime] = {}
        # Of the line that goes on: what its beginning was marked with.
        self._style: dict[str, Style] = {}
        self._tail: _Tail | None = None
        self._is_told = False

    @property
    def waiting_lines(self) -> int:
        """How many lines ``take`` would give."""
        return len(self._lines)

    @property
    def is_unfinished(self) -> bool:
        """Does some line wait for its end?"""
        return bool(self._partial)

    def feed(self, source: str, data: bytes, now: datetime) -> None:
        """``source`` (stdout or stderr) says ``data``."""
        if self._tail is not None:
            self._skip(source, data, now)
            return
        data = self._partial.pop(source, b"") + data
        end = data.rfind(b"\n") + 1
        if end > self._room:
            end = data.rfind(b"\n", 0, max(self._room, 0)) + 1
            self._add(source, data[:end], now)
            self._begin_tail(source, data[end:], now)
            return
        if end:
            self._add(source, data[:end], now)
            self._since.pop(source, None)
        rest = data[end:]
        if len(rest) > LONGEST_LINE:
            rest = self._shorten(source, rest, now)
        if len(rest) > self._room:
            self._begin_tail(source, rest, now)
        elif rest:
            self._partial[source] = rest
            self._since.setdefault(source, now)

    def release(self, now: datetime) -> None:
        """Let lines go that have waited for their end for long."""
        for source, since in list(self._since.items()):
            rest = self._partial.get(source)
            if rest is None:
                del self._since[source]
            elif now - since >= UNFINISHED:
                del self._partial[source], self._since[source]
                kept = rest[self._show(source, rest, now) :]
                if kept:
                    self._partial[source] = kept
                    self._since[source] = now

    def finish(self, now: datetime) -> None:
        """Nothing more comes: what waits is let go, and the end of what was left out."""
        for source, rest in self._partial.items():
            self._add(source, rest, now)
        self._partial.clear()
        self._since.clear()
        tail, self._tail = self._tail, None
        if tail is None:
            return
        chunks = tail.take(self.masker)
        self._room = 2 * sum(len(data) for _, data in chunks) + 1
        if tail.dropped_bytes:
            self.note(
                f"{tail.dropped_lines} lines ({tail.dropped_bytes} bytes) are left out here; "
                f"the last {TAIL_BYTES // 1024} KiB follow",
                now,
                level="WARNING",
            )
        for source, data in chunks:
            self.feed(source, data, now)
        for source, rest in self._partial.items():
            self._add(source, rest, now)
        self._partial.clear()

    def note(self, text: str, now: datetime, level: str = "INFO") -> None:
        """Lines of our own, about the attempt."""
        for line in self.masker.mask(text).split("\n"):
            self._put(now, "millstream", Style(level), line)

    def take(self) -> list[LogLine]:
        """The lines since the last time."""
        lines, self._lines = self._lines, []
        return lines

    # --- from bytes to lines

    def _add(self, source: str, data: bytes, now: datetime) -> None:
        """``data`` is whole lines, the last one perhaps without its end."""
        if not data:
            return
        self._room -= len(data)
        text = self.masker.mask_bytes(data).decode("utf-8", "replace").replace("\r\n", "\n")
        style = self._style.pop(source, None)
        if style is not None:
            text = text.removeprefix("\n")  # the end of what is shown already
            if not text:
                return
        *texts, last = text.split("\n")
        is_plain = style is None and MARK not in text and "\r" not in text
        if is_plain and max(map(len, texts), default=0) <= LONGEST_LINE:
            self._lines += [LogLine(at=now, source=source, text=line) for line in texts]
        else:
            for line in texts:
                if self._style.pop(source, None) is not None and not line:
                    continue
                self._put_line(now, source, style or PLAIN, line)
                style = None
        if last:
            self._style[source] = self._put_line(now, source, style or PLAIN, last)

    def _put_line(self, now: datetime, source: str, style: Style, line: str) -> Style:
        if "\r" in line:  # as a terminal shows it
            line = line.rstrip("\r").rpartition("\r")[2]
        parts = list(split_marks(line, style))
        for found, part in parts:
            self._put(now, source, found, part)
        if len(parts) > 1:
            self._style[source] = PLAIN  # the printed line that a record came into goes on
        return parts[-1][0]

    def _put(self, now: datetime, source: str, style: Style, text: str) -> None:
        if style.logger:
            source = "task"
        for start in range(0, len(text) or 1, LONGEST_LINE):
            part = text[start : start + LONGEST_LINE]
            self._lines.append(
                LogLine(at=now, source=source, text=part, level=style.level, logger=style.logger)
            )

    def _shorten(self, source: str, rest: bytes, now: datetime) -> bytes:
        """Of a line that is too long, what must still wait."""
        last = rest.rfind(b"\r", 0, -1)
        if last > 0:
            rest = rest[last:]
            if len(rest) <= LONGEST_LINE:
                return rest
        shown = self._show(source, rest, now)
        if shown:
            self._since.pop(source, None)
        return rest[shown:]

    def _show(self, source: str, rest: bytes, now: datetime) -> int:
        """Show the beginning of a line whose end has not come; returns how many bytes it is."""
        length = _without_half_character(rest, self.masker.safe_length(rest))
        if length == 0 and len(rest) > 4 * LONGEST_LINE:
            length = len(rest)
        self._add(source, rest[:length], now)
        return length

    # --- what there is no room for

    def _begin_tail(self, source: str, data: bytes, now: datetime) -> None:
        self._tail = _Tail(self.masker.longest)
        for other, rest in self._partial.items():
            self._tail.feed(other, rest)
        self._partial.clear()
        self._since.clear()
        self._skip(source, data, now)

    def _skip(self, source: str, data: bytes, now: datetime) -> None:
        assert self._tail is not None
        self._tail.feed(source, data)
        if self._tail.dropped_bytes and not self._is_told:
            self._is_told = True
            self.note(
                f"the log has its {self._most} bytes (log_max_bytes); what is printed from here on "
                f"is shown when the attempt ends, the last {TAIL_BYTES // 1024} KiB of it",
                now,
                level="WARNING",
            )


class _Tail:
    """The last bytes of an output; ``longest`` more than are shown, so that a value at its
    beginning is seen whole."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.dropped_bytes = 0
        self.dropped_lines = 0
        self._most = TAIL_BYTES + longest
        self._size = 0
        self._chunks: deque[tuple[str, bytes]] = deque()
        self._is_cut: set[str] = set()

    def feed(self, source: str, data: bytes) -> None:
        if len(data) > self._most:
            self._drop(source, data[: -self._most])
            data = data[-self._most :]
        self._size += len(data)
        last, before = self._chunks[-1] if self._chunks else ("", b"")
        if last == source and len(before) < _MERGED_BYTES:
            self._chunks.pop()
            data = before + data
        self._chunks.append((source, data))
        while self._size - len(self._chunks[0][1]) >= self._most:
            first, data = self._chunks.popleft()
            self._size -= len(data)
            self._drop(first, data)

    def _drop(self, source: str, data: bytes) -> None:
        self.dropped_bytes += len(data)
        self.dropped_lines += data.count(b"\n")
        self._is_cut.add(source)

    def take(self, masker: Masker) -> list[tuple[str, bytes]]:
        """What is left, from the beginning of a line on where there is one."""
        taken = []
        while self._chunks and self._size > self._most and self.dropped_bytes:
            source, data = self._chunks.popleft()
            keep = max(len(data) - (self._size - self._most), 0)
            self._size -= len(data) - keep
            self._drop(source, data[: len(data) - keep])
            if keep:
                self._chunks.appendleft((source, data[-keep:]))
        for source, data in self._chunks:
            if source in self._is_cut:
                head, newline, rest = data.partition(b"\n")
                if not newline and len(data) <= self.longest:
                    self._drop(source, data)
                    continue
                self._is_cut.discard(source)
                if newline:
                    self._drop(source, head + newline)
                    self._is_cut.discard(source)
                    data = rest
                else:
                    masked = masker.mask_bytes(data)
                    data = masked[self.longest :]
            taken.append((source, data))
        return taken


def _without_half_character(data: bytes, length: int) -> int:
    """``length``, or what is before the UTF-8 character that is not whole there."""
    for back in range(1, min(4, length) + 1):
        byte = data[length - back]
        if byte & 0xC0 == 0x80:
            continue
        size = 1 if byte < 0x80 else 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
        return length - back if size > back and byte >= 0xC0 else length
    return length
