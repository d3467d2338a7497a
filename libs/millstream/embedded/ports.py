"""Which TCP port of this machine to listen on.

Ports that we choose lie below the range from which the kernel takes the near ends of outgoing
connections, so that a server that restarts finds its port still free.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

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


def free_port(taken: Collection[int] = (), preferred: int = 0) -> int:
    """``preferred`` if it is free, else a random free port below 32768 that is not in ``taken``."""
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(1000):
        port = random.randint(LOWEST, HIGHEST)  # noqa: S311 - no secret, only spread
        if port not in taken and is_free(port):
            return port
    raise MillstreamError(f"No free port between {LOWEST} and {HIGHEST} was found on {LOOPBACK}.")


def given_port(port: int, option: str) -> int:
    """``port``, which a person asked for by number. Raises :class:`PortTaken`."""
    if not is_free(port):
        raise PortTaken(port, option)
    return port
