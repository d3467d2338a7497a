"""The host's end of the socket to its worker: read by the event loop, written by any thread.

A thread that asks waits for its answer. One that asks on the loop's own thread reads until the
answer is there, since nobody else would; what comes before it is taken afterwards.
"""

from __future__ import annotations

import asyncio
import select
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

from millstream.core.errors import MillstreamError
from millstream_worker.frames import (
    Answer,
    Answered,
    Asked,
    FrameReader,
    FromChild,
    Question,
    ToChild,
    encode_frame,
    to_child_decoder,
)

READ_BYTES = 1 << 16
# Who writes more than the worker reads waits for it.
MOST_UNSENT = 4 << 20


class HostLink:
    """``take`` gets what the worker says, ``on_closed`` is called once when it is gone."""

    def __init__(
        self,
        connection: socket.socket,
        take: Callable[[ToChild], None],
        on_closed: Callable[[], None],
    ) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._take = take
        self._on_closed = on_closed
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._frames = FrameReader()
        self._later: deque[ToChild] = deque()
        self._lock = threading.Lock()
        self._unsent = bytearray()
        self._is_writing = False
        self._is_closed = False
        self._answers: dict[int, Future[Answer]] = {}
        self._asked = 0
        self._loop.add_reader(connection.fileno(), self._read_some)

    # --- out

    def send(self, message: FromChild) -> None:
        """From any thread; in the order of the calls."""
        frame = encode_frame(message)
        with self._lock:
            self._unsent += frame
            self._write()
            while len(self._unsent) > MOST_UNSENT and not self._is_closed:
                self._wait(select.POLLOUT)
                self._write()
            if self._unsent and not self._is_writing:
                self._is_writing = True
                self._loop.call_soon_threadsafe(self._write_later)

    def _write_later(self) -> None:
        if not self._is_closed:
            self._loop.add_writer(self._socket.fileno(), self._write_rest)

    def _write_rest(self) -> None:
        with self._lock:
            self._write()
            if not self._unsent:
                self._is_writing = False
                self._loop.remove_writer(self._socket.fileno())

    def _write(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()  # the worker is gone, and nobody wants it

    # --- in

    def ask(self, token: str, question: Question) -> Answer:
        """From any thread. Raises :class:`MillstreamError` if the worker says what is wrong, or is
        gone."""
        future = self._ask(token, question)
        if threading.get_ident() == self._thread:
            while not future.done():
                self._wait(select.POLLIN)
                self._later.extend(self._receive())
            self._loop.call_soon(self._take_later)
        return _answer(future.result())

    async def ask_soon(self, token: str, question: Question) -> Answer:
        """The same for a coroutine, which holds up nobody."""
        return _answer(await asyncio.wrap_future(self._ask(token, question)))

    def _ask(self, token: str, question: Question) -> Future[Answer]:
        future: Future[Answer] = Future()
        with self._lock:
            if self._is_closed:
                raise MillstreamError("the worker is gone")
            self._asked += 1
            number = self._asked
            self._answers[number] = future
        self.send(Asked(number, token, question))
        return future

    def _read_some(self) -> None:
        self._later.extend(self._receive())
        self._take_later()

    def _take_later(self) -> None:
        while self._later:
            self._take(self._later.popleft())

    def _receive(self) -> list[ToChild]:
        """What is there to be read, without the answers, which are given to those who asked."""
        try:
            data = self._socket.recv(READ_BYTES)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            self._close()
            return []
        rest: list[ToChild] = []
        for body in self._frames.feed(data):
            message = to_child_decoder.decode(body)
            if isinstance(message, Answered):
                future = self._answers.pop(message.number, None)
                if future is not None and not future.done():
                    future.set_result(message.answer)
            else:
                rest.append(message)
        return rest

    def _close(self) -> None:
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            waiting = list(self._answers.values())
            self._answers.clear()
        self._loop.remove_reader(self._socket.fileno())
        if self._is_writing:
            self._loop.remove_writer(self._socket.fileno())
        for future in waiting:
            if not future.done():
                future.set_exception(MillstreamError("the worker is gone"))
        self._loop.call_soon(self._on_closed)

    def _wait(self, event: int) -> None:
        poll = select.poll()
        poll.register(self._socket.fileno(), event)
        poll.poll()


def _answer(answer: Answer) -> Answer:
    if answer.error:
        raise MillstreamError(answer.error)
    return answer
