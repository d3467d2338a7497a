"""Finished logs: gzip of JSON, one line a line, read piece by piece and never held whole."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from millstream.adapters.log_lines import LogLine
from millstream_api.log_merge import Numbered, note

# Out of one piece of gzip may come a thousand times as much.
MOST_TEXT = 256 * 1024
# No line of a worker is as long; what is, is no log.
LONGEST_LINE = 4 * 1024 * 1024
_GZIP = 16 + zlib.MAX_WBITS
_decoder = msgspec.json.Decoder(LogLine)


class Damaged(Exception):
    """It is not what a worker wrote."""


class LineReader:
    """From pieces of gzip to lines. ``feed`` a piece, then ``lines`` until there are none; `end`
    at the end. ``number``: of the line that comes next."""

    def __init__(self, from_line: int) -> None:
        self.number = 0
        self._from_line = from_line
        self._inflate = zlib.decompressobj(_GZIP)
        self._compressed = b""
        self._rest = b""

    def feed(self, piece: bytes) -> None:
        self._compressed += piece

    def lines(self) -> list[Numbered] | None:
        """Some of the lines, perhaps none of them wanted; None: feed more. Raises
        :class:`Damaged`."""
        text = self._inflated()
        if not text:
            return None
        *lines, self._rest = (self._rest + text).split(b"\n")
        if len(self._rest) > LONGEST_LINE:
            raise Damaged
        first, self.number = self.number, self.number + len(lines)
        skipped = max(min(self._from_line - first, len(lines)), 0)
        return [
            _numbered(number, line) for number, line in enumerate(lines[skipped:], first + skipped)
        ]

    def end(self) -> None:
        """Raises :class:`Damaged` if there must have been more."""
        if self._rest or not (self._inflate.eof or not self.number):
            raise Damaged

    def _inflated(self) -> bytes:
        try:
            while self._compressed:
                if self._inflate.eof:  # a worker that came back appended
                    self._inflate = zlib.decompressobj(_GZIP)
                text = self._inflate.decompress(self._compressed, MOST_TEXT)
                self._compressed = self._inflate.unconsumed_tail or self._inflate.unused_data
                if text:
                    return text
        except zlib.error as error:
            raise Damaged from error
        return b""


def _numbered(number: int, line: bytes) -> Numbered:
    try:
        return Numbered(number, _decoder.decode(line))
    except msgspec.MsgspecError:
        return Numbered(number, note("This line cannot be read.").line)


async def read_finished(
    pieces: AsyncIterator[bytes], from_line: int
) -> AsyncGenerator[tuple[list[Numbered], int], None]:
    """Lines from number ``from_line`` on, with the number of the line that comes next in the file.
    What is damaged ends with a note."""
    reader = LineReader(from_line)
    try:
        async for piece in pieces:
            reader.feed(piece)
            while (lines := await asyncio.to_thread(reader.lines)) is not None:
                yield lines, reader.number
        reader.end()
    except Damaged:
        yield [note("The rest of this log is damaged in the blob store.")], reader.number
