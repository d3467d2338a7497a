"""The guard: a small process beside each worker that ends tasks when the worker cannot.

* The worker died: what its children started would run on, while somebody else runs the tasks again.
* The worker stands still, or hears nothing: an exclusive task may be given to somebody else soon.

It knows nothing but process ids and times, and holds no connection but the socket to its worker.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time

from millstream_worker.sessions import kill_session

LOOK_EVERY_S = 0.1
READ_BYTES = 65536


class Guard:
    """Which sessions belong to the worker, which of them run something exclusive, and when the
    worker last had contact. Words of the worker, a line each: ``child PID``, ``gone PID``,
    ``exclusive PID``, ``shared PID``, ``contact SECONDS`` (CLOCK_BOOTTIME)."""

    def __init__(self, patience_s: float, now: float) -> None:
        self.sessions: dict[int, None] = {}
        self.exclusive: dict[int, None] = {}
        self._patience_s = patience_s
        self._contact = now
        self._rest = b""

    def hear(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            word, _, value = line.partition(b" ")
            match word:
                case b"child":
                    self.sessions[int(value)] = None
                case b"gone":
                    self.sessions.pop(int(value), None)
                    self.exclusive.pop(int(value), None)
                case b"exclusive":
                    self.exclusive[int(value)] = None
                case b"shared":
                    self.exclusive.pop(int(value), None)
                case b"contact":
                    self._contact = max(self._contact, float(value))

    def too_late(self, now: float) -> list[int]:
        """The sessions that must end now; each is named once."""
        if now - self._contact < self._patience_s:
            return []
        late = list(self.exclusive)
        self.exclusive.clear()
        return late


def main() -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # it ends after its worker, not with it
    connection = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    guard = Guard(float(sys.argv[2]), _now())
    while True:
        # What is exclusive is watched by the clock; all else ends when the worker does.
        patience_s = LOOK_EVERY_S if guard.exclusive else None
        readable, _, _ = select.select([connection], [], [], patience_s)
        if readable:
            try:
                data = connection.recv(READ_BYTES)
            except ConnectionError:
                data = b""
            if not data:
                break
            guard.hear(data)
        for session in guard.too_late(_now()):
            kill_session(session)
    for session in guard.sessions:
        kill_session(session)


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


if __name__ == "__main__":
    main()
