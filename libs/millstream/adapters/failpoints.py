"""Failpoints: named places in the services at which a test lets something happen.

Only tests switch them on, by the setting ``failpoints``. Where nothing is switched on, to reach one
is a look at one global.

The setting is a list such as ``worker.started=kill@3;api.sent=delay:2``, or ``@FOLDER``: then the
list is the file ``armed`` in that folder, which a test may replace while the services run. What was
reached and what happened is kept in files, ``reached/NAME`` (a byte each time) and ``fired/NAME``
(the process id), in that folder or in ``STATE_DIR/failpoints``: so that it happens once, and the
process that is started after it goes on.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec

from millstream.core.errors import MillstreamError

NAMES = (
    # A request of a client: about to be stored in INBOX, stored there, and its receipt is here.
    *("api.before_send", "api.sent", "api.before_answer"),
    # The lock is ours and the epoch not yet raised.
    "scheduler.lock_taken",
    # A batch: taken from INBOX, decided, its events inserted (or about to be, where one statement
    # is the whole transaction), its COMMIT on the wire and unanswered, committed.
    *("scheduler.fetched", "scheduler.decided", "scheduler.inserted"),
    *("scheduler.commit_sent", "scheduler.committed"),
    # Some of what was committed is on the stream; all of it; the receipts are out as well.
    *("scheduler.half_relayed", "scheduler.relayed", "scheduler.receipts_sent"),
    *("projector.before_commit", "projector.committed"),
    # A ready event is here; the child has the attempt; its claim was accepted; a large value is in
    # the blob store; the result is in the spool; it is on the wire.
    *("worker.pulled", "worker.started", "worker.claimed"),
    *("worker.uploaded", "worker.spooled", "worker.reported"),
)
ACTIONS = ("kill", "stop", "raise", "delay")
MOST_DELAY_S = 600.0


class InvalidFailpoint(MillstreamError):
    """A list of failpoints that cannot be used; the text says what is allowed."""

    reason = "INVALID_SETTINGS"


class FailpointReached(Exception):
    """What the action ``raise`` raises: no error that anybody expects."""


class Failpoint(msgspec.Struct, frozen=True):
    """When ``name`` is reached for the ``occurrence``th time (or later, if that was missed), once:
    ``kill`` sends SIGKILL to this process, ``stop`` SIGSTOP, ``raise`` raises
    :class:`FailpointReached`, ``delay`` blocks the process for ``delay_s``."""

    name: str
    action: str
    occurrence: int = 1
    delay_s: float = 0.0


def parse(text: str) -> dict[str, Failpoint]:
    """Failpoints by their names, from ``NAME=ACTION[@OCCURRENCE]``, separated by ``;``. Raises
    :class:`InvalidFailpoint`."""
    found: dict[str, Failpoint] = {}
    for part in text.split(";"):
        if not part.strip():
            continue
        point = _parse_one(part.strip())
        if point.name in found:
            raise InvalidFailpoint(f"The failpoint {point.name} is named twice.")
        found[point.name] = point
    return found


def _parse_one(part: str) -> Failpoint:
    name, _, rest = part.partition("=")
    action, at, count = rest.partition("@")
    kind, colon, seconds = action.partition(":")
    if name not in NAMES:
        raise InvalidFailpoint(f"There is no failpoint {name!r}; there are {', '.join(NAMES)}.")
    if kind not in ACTIONS or bool(colon) != (kind == "delay"):
        raise InvalidFailpoint(
            f"{part!r} has no action that there is; write kill, stop, raise or delay:SECONDS."
        )
    if at and not (count.isdecimal() and int(count) > 0):
        raise InvalidFailpoint(f"{part!r}: after @ comes which time it is reached, 1 or more.")
    delay_s = 0.0
    if colon:
        try:
            delay_s = float(seconds)
        except ValueError:
            delay_s = -1.0
        if not 0 < delay_s <= MOST_DELAY_S:
            raise InvalidFailpoint(f"{part!r}: a delay is in seconds, up to {MOST_DELAY_S:g}.")
    return Failpoint(name, kind, int(count) if at else 1, delay_s)


class Failpoints:
    """Those that are switched on in this process."""

    def __init__(self, setting: str, state_dir: str) -> None:
        """Raises :class:`InvalidFailpoint`."""
        self._list: Path | None = None
        self._points: dict[str, Failpoint] = {}
        self._seen: tuple[int, int] = (0, 0)
        if setting.startswith("@"):
            folder = Path(setting[1:]).absolute()
            self._list = folder / "armed"
            self._look()
        else:
            folder = Path(state_dir).absolute() / "failpoints"
            self._points = parse(setting)
        self._reached, self._fired = folder / "reached", folder / "fired"

    def reach(self, name: str) -> None:
        """Note it, and do what is to be done."""
        assert name in NAMES, name
        self._look()
        self._reached.mkdir(parents=True, exist_ok=True)
        with (self._reached / name).open("ab") as counter:
            counter.write(b".")
            counter.flush()
            count = counter.tell()
        point = self._points.get(name)
        if point is not None and count >= point.occurrence and self._is_first(name):
            _act(point)

    def _look(self) -> None:
        """The list may have been replaced; a file that is renamed to its name is another file."""
        if self._list is None:
            return
        try:
            found = self._list.stat()
            seen = (found.st_ino, found.st_mtime_ns)
            if seen != self._seen:
                self._points, self._seen = parse(self._list.read_text()), seen
        except FileNotFoundError:
            self._points, self._seen = {}, (0, 0)

    def _is_first(self, name: str) -> bool:
        self._fired.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(self._fired / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return False
        os.write(handle, b"%d\n" % os.getpid())
        os.close(handle)
        return True


def _act(point: Failpoint) -> None:
    match point.action:
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "stop":
            os.kill(os.getpid(), signal.SIGSTOP)
        case "delay":
            time.sleep(point.delay_s)
        case _:
            raise FailpointReached(point.name)


_switched_on: Failpoints | None = None


def switch_on(setting: str, state_dir: str) -> bool:
    """Of this process, as its setting says; False if it says nothing. Raises
    :class:`InvalidFailpoint`."""
    global _switched_on
    _switched_on = Failpoints(setting, state_dir) if setting else None
    return _switched_on is not None


def is_on() -> bool:
    """For what takes more than a call to be truthful, such as bytes that must be on the wire."""
    return _switched_on is not None


def reach(name: str) -> None:
    """The process is at this place. Does nothing unless a test says otherwise."""
    if _switched_on is not None:
        _switched_on.reach(name)


async def reach_flushed(name: str, flush: Callable[[], Awaitable[None]]) -> None:
    """As `reach`, when what was sent before is with the server."""
    if _switched_on is not None:
        await flush()
        _switched_on.reach(name)


async def reach_sent(name: str, connection: Any, statement: Coroutine[Any, Any, None]) -> None:
    """Run a statement of an asyncpg connection; `reach` while it is on its way to Postgres, and
    its answer has not been read."""
    if _switched_on is None:
        await statement
        return
    protocol = connection._protocol
    before = protocol.queries_count  # counts what was written, after it was prepared
    running = asyncio.ensure_future(statement)
    while protocol.queries_count == before and not running.done():  # noqa: ASYNC110 - tells nobody
        await asyncio.sleep(0)
    for _ in range(2):  # the loop hands to the kernel what was written
        await asyncio.sleep(0)
    try:
        _switched_on.reach(name)
    except FailpointReached:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        raise
    await running
