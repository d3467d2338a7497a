"""The event loop of the services: uvloop's, with one way of gRPC mended.

gRPC's asyncio completion queue has a thread that writes a byte into a socket for each event, and a
reader, called once in a turn of the loop, that takes all events and **one** byte. Where events come
faster than turns, the bytes fill the socket, the thread stands in its write until three quarters of
them are read, and all that is new, calls of new callers above all, waits for hundreds of turns. So
the loop takes the bytes that are left over before it calls the reader: an event is queued before
its byte is written, so the reader finds each of them.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import Any

import uvloop

QUEUE = "PollerCompletionQueue"
MOST_BYTES = 65536


class Loop(uvloop.Loop):
    def add_reader(self, fd: Any, callback: Any, *args: Any) -> None:  # type: ignore[override]
        if _is_of_grpc(fd, callback):
            super().add_reader(fd, _read_at_once, fd, partial(callback, *args))
        else:
            super().add_reader(fd, callback, *args)


def _is_of_grpc(fd: Any, callback: Callable[..., Any]) -> bool:
    reader = callback.func if isinstance(callback, partial) else callback
    owner = getattr(reader, "__self__", None)
    return isinstance(fd, socket.socket) and type(owner).__name__ == QUEUE


def _read_at_once(wakeups: socket.socket, read: Callable[[], Any]) -> None:
    """The reader takes one byte itself."""
    take_left_over(wakeups)
    read()


def take_left_over(wakeups: socket.socket) -> int:
    """All bytes but one. Returns how many there were."""
    try:
        found = len(wakeups.recv(MOST_BYTES, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return 0
    if found > 1:
        wakeups.recv(found - 1)
    return found
