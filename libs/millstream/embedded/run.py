"""``millstream up`` itself: lock, processes, state file, signals. And servers alone, for tests."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from millstream.embedded.lockfile import holding_lock
from millstream.embedded.pids import end_leftovers, identify
from millstream.embedded.ports import LOOPBACK, PortClaims
from millstream.embedded.privatefile import make_private_dir
from millstream.embedded.stack import Options, Stack, build_stack, servers
from millstream.embedded.statefile import UpState, read_last_state, remove_state, write_state
from millstream.embedded.supervisor import Supervisor
from millstream.version import __version__

READY_TIMEOUT_S = 60.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_up(
    options: Options, on_ready: Callable[[UpState], None], tell: Callable[[str], None]
) -> None:
    """Runs everything until SIGINT, SIGTERM or SIGHUP; a second signal skips the waits.

    Raises :class:`AlreadyRunning`, :class:`PortTaken` or :class:`NotReady`, with nothing left.
    """
    data_dir = make_private_dir(options.data_dir.resolve())
    options = msgspec.structs.replace(options, data_dir=data_dir)
    with holding_lock(data_dir), contextlib.closing(PortClaims()) as claims:
        last = read_last_state(data_dir)
        if last is not None:
            # The supervisor of that state was killed: its processes were told, and may linger.
            end_leftovers([process.identity for process in last.processes], 10.0)
        stack = build_stack(options, claims)
        for note in stack.notes:
            tell(note)
        try:
            asyncio.run(_Up(data_dir, stack, on_ready, tell).run())
        finally:
            remove_state(data_dir)


class _Up:
    def __init__(
        self,
        data_dir: Path,
        stack: Stack,
        on_ready: Callable[[UpState], None],
        tell: Callable[[str], None],
    ) -> None:
        self._on_ready = on_ready
        self._tell = tell
        self._stopping = asyncio.Event()
        self._supervisor = Supervisor(
            stack.specs, make_private_dir(data_dir / "logs"), self._changed
        )
        self._state = UpState(
            supervisor=identify(os.getpid()),
            version=__version__,
            data_dir=str(data_dir),
            grpc_address=f"{LOOPBACK}:{stack.grpc_port}",
            http_address=f"{LOOPBACK}:{stack.http_port}",
            nats_url=stack.nats_url,
            database_url=stack.database_url,
            blob_url=stack.blob_url,
            stop_s=stack.stop_s,
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
        )

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, self._on_signal)
        self._supervisor.start()
        try:
            ready = asyncio.create_task(self._supervisor.wait_ready(READY_TIMEOUT_S))
            stopping = asyncio.create_task(self._stopping.wait())
            await asyncio.wait({ready, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if ready.done():
                ready.result()
                self._state = msgspec.structs.replace(self._state, is_ready=True)
                self._changed("")
                self._on_ready(self._state)
                await stopping
            ready.cancel()
        finally:
            await self._supervisor.stop()

    def _on_signal(self) -> None:
        if self._stopping.is_set():
            self._supervisor.hurry()
        self._stopping.set()

    def _changed(self, sentence: str) -> None:
        self._state = msgspec.structs.replace(self._state, processes=self._supervisor.states())
        try:
            write_state(self._state)
        except OSError as error:
            # A full disk must not end what keeps the processes alive.
            self._tell(f"The state file cannot be written: {error}")
        if sentence and not self._stopping.is_set():
            self._tell(sentence)


class RunningServers:
    """NATS and Postgres under a supervisor in a thread of its own; URLs carry credentials.
    ``workers``: names of those that get a user on NATS; `nats_of` is the URL of a process."""

    def __init__(self, data_dir: Path, workers: Sequence[str] = ()) -> None:
        self.data_dir = make_private_dir(data_dir.resolve())
        self._claims = PortClaims()
        found = servers(self.data_dir, self._claims, {}, workers)
        self.nats_url, self.database_url = found.nats, found.database
        self.nats_of = found.nats_of
        self._supervisor: Supervisor
        self._specs = found.specs
        self._loop = asyncio.new_event_loop()
        self._stopping = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="servers", daemon=True)

    def pid(self, name: str) -> int:
        """The pid of ``nats`` or ``postgres``; 0 while it is down."""
        return {state.name: state.pid for state in self._supervisor.states()}[name]

    def restarts(self, name: str) -> int:
        """How often it was started again."""
        return {state.name: state.restarts for state in self._supervisor.states()}[name]

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Returns when both are ready (again). Raises :class:`NotReady`."""
        waiting = self._supervisor.wait_ready(timeout_s)
        asyncio.run_coroutine_threadsafe(waiting, self._loop).result()

    def wait_restarted(self, name: str, restarts: int, timeout_s: float = 60.0) -> None:
        """Returns when ``name`` was started again that often and both are ready."""
        deadline = time.monotonic() + timeout_s
        while self.restarts(name) < restarts and time.monotonic() < deadline:
            time.sleep(0.01)
        self.wait_ready(timeout_s)

    def start(self) -> None:
        """Starts both and waits for them. Raises :class:`NotReady`."""
        self._supervisor = Supervisor(self._specs, make_private_dir(self.data_dir / "logs"))
        self._thread.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Ends both and waits until they are gone."""
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        self._claims.close()

    def _run(self) -> None:
        async def live() -> None:
            self._supervisor.start()
            await self._stopping.wait()
            await self._supervisor.stop()

        with contextlib.closing(self._loop):
            self._loop.run_until_complete(live())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())


@contextlib.contextmanager
def running_servers(data_dir: Path, workers: Sequence[str] = ()) -> Iterator[RunningServers]:
    """NATS and Postgres for a test: ready inside the block, gone after it, the data kept."""
    running = RunningServers(data_dir, workers)
    running.start()
    try:
        yield running
    finally:
        running.stop()
