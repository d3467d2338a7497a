"""Whose output it is, when a child goes from one attempt to the next without a word of the worker
in between: it writes a mark into both of its streams."""

from __future__ import annotations

import secrets
from collections import deque

from millstream_worker.turns import OnOutput

STREAMS = ("stdout", "stderr")


class TurnOutput:
    """Hands on what comes from a child's streams."""

    def __init__(self) -> None:
        self.mark = f"turn-{secrets.token_hex(12)}"
        self._mark = mark_bytes(self.mark)
        self._streams = {name: _Stream(self._mark) for name in STREAMS}

    def expect(self, on_output: OnOutput, is_behind: bool) -> None:
        """An attempt is in the line: its output comes after the next mark, or at once."""
        for stream in self._streams.values():
            if not is_behind:
                stream.readers.clear()
            stream.readers.append(on_output)

    def recall(self, count: int) -> None:
        """So many at the end of the line do not come."""
        for stream in self._streams.values():
            for _ in range(count):
                stream.readers.pop()

    def end(self) -> None:
        """Nobody is in the line any more. All that the last one wrote has been fed."""
        for name, stream in self._streams.items():
            if stream.held and stream.readers:
                stream.readers[0](name, stream.held)
            stream.held = b""
            stream.readers.clear()

    def feed(self, name: str, data: bytes) -> None:
        """What came from a stream."""
        self._streams[name].feed(name, data)


class _Stream:
    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        # First whose output it is, then those behind their marks.
        self.readers: deque[OnOutput] = deque()
        # The beginning of a mark, or not.
        self.held = b""

    def feed(self, name: str, data: bytes) -> None:
        data = self.held + data
        self.held = b""
        while len(self.readers) > 1:
            before, mark, after = data.partition(self._mark)
            if not mark:
                kept = _begun(data, self._mark)
                data, self.held = data[: len(data) - kept], data[len(data) - kept :]
                break
            if before:
                self.readers[0](name, before)
            self.readers.popleft()
            data = after
        if data and self.readers:
            self.readers[0](name, data)


def _begun(data: bytes, mark: bytes) -> int:
    """How many bytes at the end of ``data`` may be the beginning of a mark."""
    at = data.rfind(mark[:1], -len(mark) + 1)
    while at >= 0:
        if mark.startswith(data[at:]):
            return len(data) - at
        at = data.find(mark[:1], at + 1)
    return 0


def mark_bytes(mark: str) -> bytes:
    """As it is in the streams."""
    return b"\0%s\0" % mark.encode()
