"""What a task prints: cut into lines and published on the stream LOGS while the task runs."""

from __future__ import annotations

from datetime import UTC, datetime

from millstream.adapters.log_lines import MOST_LINES, LogHeader, LogLine, encode_log_lines
from millstream.sdk.masking import Masker

MOST_BYTES = 8 * 1024 * 1024
LONGEST_LINE = 16 * 1024


class Output:
    """The lines of one attempt. ``take`` gives the messages that are due; beyond ``MOST_BYTES`` a
    note says that the rest was dropped. What ``masker`` knows is masked, in whole lines, so that
    it may come in pieces."""

    def __init__(self, claim: str = "") -> None:
        self._claim = claim
        self._published = 0
        self.masker = Masker()
        self._partial = {"stdout": b"", "stderr": b""}
        self._lines: list[LogLine] = []
        self._bytes = 0

    def feed(self, source: str, data: bytes) -> None:
        if self._bytes > MOST_BYTES:
            return
        self._bytes += len(data)
        *lines, rest = (self._partial[source] + data).split(b"\n")
        if len(rest) > LONGEST_LINE + self.masker.longest:
            # What is masked may be cut in two here: so much stays back as may be the first part.
            whole = self.masker.mask_bytes(rest)
            cut = max(len(whole) - self.masker.longest, 0)
            if cut:
                lines.append(whole[:cut])
            rest = whole[cut:]
        self._partial[source] = rest
        for line in lines:
            self._add(source, line)
        if self._bytes > MOST_BYTES:
            self._add("millstream", b"the task printed more than 8 MiB; the rest is not kept")

    def take(self, is_last: bool = False) -> list[tuple[LogHeader, bytes]]:
        """The messages for LOGS, oldest first; with ``is_last`` the unfinished lines too."""
        if is_last:
            for source, rest in self._partial.items():
                if rest:
                    self._add(source, rest)
                    self._partial[source] = b""
        lines, self._lines = self._lines, []
        messages = []
        for start in range(0, len(lines), MOST_LINES):
            part = lines[start : start + MOST_LINES]
            is_end = is_last and start + MOST_LINES >= len(lines)
            header = LogHeader(self._published, is_end, self._claim)
            messages.append((header, encode_log_lines(part)))
            self._published += len(part)
        if is_last and not lines and self._published:
            messages.append((LogHeader(self._published, True, self._claim), encode_log_lines([])))
        return messages

    def _add(self, source: str, line: bytes) -> None:
        text = self.masker.mask_bytes(line)[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r")
        self._lines.append(LogLine(at=datetime.now(UTC), source=source, text=text))
