"""The worker's side of its guard: what it is told, and that there is one."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys

import structlog

from millstream_worker.heartbeats import EXCLUSIVE_PART, now_s

log = structlog.get_logger(__name__)


class Guarding:
    """Keeps a guard process. ``lease_s``: an exclusive session is ended after three quarters of it
    without contact. Without a guard, where none can be started, all goes on as before."""

    def __init__(self, lease_s: float) -> None:
        self._patience_s = lease_s * EXCLUSIVE_PART
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._sessions: dict[int, None] = {}
        self._exclusive: dict[int, int] = {}
        self._contact = now_s()

    def start(self) -> None:
        """Start the process, and tell it what is known."""
        self.close()
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("MILLSTREAM_")
        }
        try:
            with theirs:
                self._process = subprocess.Popen(
                    [
                        *(sys.executable, "-P", "-m", "millstream_worker.guard"),
                        *(str(theirs.fileno()), str(self._patience_s)),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    env=environment,
                )
        except OSError as error:
            log.error("guard_not_started", error=str(error))
            ours.close()
            return
        self._socket = ours
        known = [*(f"child {pid}" for pid in self._sessions)]
        known += [f"exclusive {pid}" for pid in self._exclusive]
        self._tell("\n".join([f"contact {self._contact}", *known]))

    @property
    def pid(self) -> int:
        """Of the guard; 0 if there is none."""
        return 0 if self._process is None or self._process.poll() is not None else self._process.pid

    def tend(self) -> None:
        """Start another one if it has died."""
        if self._process is not None and self._process.poll() is not None:
            log.error("guard_died", code=self._process.returncode)
            self.start()

    def began(self, pid: int) -> None:
        """A child with a session of its own has started."""
        self._sessions[pid] = None
        self._tell(f"child {pid}")

    def ended(self, pid: int) -> None:
        """It and its session are gone."""
        self._sessions.pop(pid, None)
        self._exclusive.pop(pid, None)
        self._tell(f"gone {pid}")

    def exclusive(self, pid: int, is_exclusive: bool) -> None:
        """One of the things that the process runs must be ended without contact, or ended by
        itself."""
        count = self._exclusive.pop(pid, 0) + (1 if is_exclusive else -1)
        if count > 0:
            self._exclusive[pid] = count
        self._tell(f"{'exclusive' if count > 0 else 'shared'} {pid}")

    def contact(self, at: float) -> None:
        """A heartbeat that was sent then has arrived."""
        self._contact = at
        self._tell(f"contact {at}")

    def close(self) -> None:
        """Its socket is closed: the guard ends what is left, and itself."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def gone(self, timeout_s: float) -> None:
        """Wait for its end after :meth:`close`."""
        if self._process is not None:
            try:
                await asyncio.to_thread(self._process.wait, timeout_s)
            except subprocess.TimeoutExpired:
                log.error("guard_lives_on", pid=self._process.pid)

    def _tell(self, words: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.send(words.encode() + b"\n")
        except OSError as error:
            # Gone, or it stands still: whoever takes its place is told everything anew.
            log.warning("guard_not_told", error=str(error))
            if self._process is not None:
                self._process.kill()
