"""Which TCP port of this machine to listen on.

Ports that we choose lie below the range from which the kernel takes the near ends of outgoing
connections, so that a server that restarts finds its port still free.
"""

from __future__ import annotations

import random
import socket

from millstream.core.errors import MillstreamError

LOOPBACK = "127.0.0.1"
LOWEST = 20000
HIGHEST = 32767


class PortTaken(MillstreamError):
    """A port that was asked for by number is in use."""

    reason = "PORT_TAKEN"

    def __init__(self, port: int, option: str) -> None:
        self.port = port
        super().__init__(
            f"Port {port} ({option}) is in use on {LOOPBACK}. Name another one, or leave "
            f"the option out and a free one is chosen."
        )


def is_free(port: int) -> bool:
    """Whether a server could listen on ``port`` now; like servers, it ignores TIME_WAIT."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


class PortClaims:
    """The ports that one ``up`` has chosen, until it ends.

    Between the choice of a port and the moment when a service listens on it, another ``up`` would
    choose it too. So each port is also claimed by an abstract socket, which ends with us.
    """

    def __init__(self) -> None:
        self._sockets: dict[int, socket.socket] = {}

    def claim(self, port: int) -> bool:
        """Whether ``port`` is ours now: free, and claimed by nobody."""
        if port in self._sockets or not is_free(port):
            return False
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.bind(f"\0millstream-port-{port}")
        except OSError:
            sock.close()
            return False
        self._sockets[port] = sock
        return True

    def choose(self, preferred: int = 0) -> int:
        """``preferred`` if it can be claimed, else a random port below 32768."""
        if preferred and self.claim(preferred):
            return preferred
        for _ in range(1000):
            port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret, only spread
            if self.claim(port):
                return port
        raise MillstreamError(f"No free port between {LOWEST} and {HIGHEST} on {LOOPBACK}.")

    def take(self, port: int, option: str) -> int:
        """``port``, which a person asked for by number. Raises :class:`PortTaken`."""
        if not self.claim(port):
            raise PortTaken(port, option)
        return port

    def close(self) -> None:
        """Gives all of them back."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()
