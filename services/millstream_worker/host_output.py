"""What the tasks and triggers of a host print: each line goes to the log of the one who wrote it.

Whose it is, is known by the context, which coroutines and ``asyncio.to_thread`` keep; what nobody
of them wrote, such as a subprocess or a thread that was started by hand, is the host's own and goes
to the worker's log.
"""

from __future__ import annotations

import io
import threading
import time
from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, TextIO

from millstream_worker.frames import Printed
from millstream_worker.host_link import HostLink
from millstream_worker.stepping import current_token

LONGEST_WAIT_S = 0.002
MOST_BYTES = 16 * 1024


class HostOutput:
    """The text that is not yet sent. A whole line is sent at once, unless lines come faster than
    that is worth: then those of one step of the loop go together."""

    def __init__(self, link: HostLink, loop: AbstractEventLoop) -> None:
        self._link = link
        self._loop = loop
        self._lock = threading.RLock()
        self._unsent: dict[str, list[tuple[str, bytes]]] = {}
        self._sizes: dict[str, int] = {}
        self._sent_at = 0.0
        self._is_planned = False

    def put(self, token: str, source: str, data: bytes) -> None:
        """From any thread."""
        with self._lock:
            self._unsent.setdefault(token, []).append((source, data))
            size = self._sizes[token] = self._sizes.get(token, 0) + len(data)
            is_slow = time.monotonic() - self._sent_at > LONGEST_WAIT_S
            if size > MOST_BYTES or (is_slow and data.endswith(b"\n")):
                self.flush(token)
            elif not self._is_planned:
                self._is_planned = True
                self._loop.call_soon_threadsafe(self.flush_all)

    def flush(self, token: str) -> None:
        """From any thread; what comes after it on the link, comes after this text."""
        with self._lock:
            pieces = self._unsent.pop(token, None)
            self._sizes.pop(token, None)
            if not pieces:
                return
            self._sent_at = time.monotonic()
            source, data = pieces[0][0], bytearray()
            for other, piece in pieces:
                if other != source:
                    self._link.send(Printed(token, source, bytes(data)))
                    source, data = other, bytearray()
                data += piece
            self._link.send(Printed(token, source, bytes(data)))

    def flush_all(self) -> None:
        """What everybody wrote."""
        with self._lock:
            self._is_planned = False
            for token in list(self._unsent):
                self.flush(token)


class HostStream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of a host. ``put`` gets the token of who writes, and says
    whether there is such a one; what nobody wrote goes to ``own``."""

    encoding = "utf-8"
    errors = "backslashreplace"

    def __init__(self, own: TextIO, source: str, put: Callable[[str, str, bytes], bool]) -> None:
        self._own = own
        self._source = source
        self._put = put
        self.buffer = _Bytes(self)

    def write(self, text: str) -> int:
        if not self._put(current_token.get(), self._source, text.encode("utf-8", self.errors)):
            self._own.write(text)
        return len(text)

    def write_bytes(self, data: Any) -> int:
        copy = bytes(data)
        if not self._put(current_token.get(), self._source, copy):
            self._own.write(copy.decode("utf-8", "replace"))
        return len(copy)

    def flush(self) -> None:
        if not self._own.closed:
            self._own.flush()

    def fileno(self) -> int:
        """That of the host: a subprocess that is given it writes to the worker's log."""
        return self._own.fileno()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False


class _Bytes(io.RawIOBase):
    """``sys.stdout.buffer``."""

    def __init__(self, stream: HostStream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._stream.write_bytes(data)
