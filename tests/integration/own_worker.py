"""Worker processes of a test's own: nobody starts them again, and each serves a queue that no other
test uses."""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import msgspec

from integration.running_stack import RunningStack, eventually
from millstream.embedded.pids import ProcessId, identify
from millstream_worker.spool import LIVE, SUFFIX

READY_S = 60.0


def live_results(spool: Path) -> list[str]:
    """The files of a spool that hold a result; the others are kept to be used again."""
    return [file.name for file in spool.glob(f"*{SUFFIX}") if file.read_bytes()[:1] == LIVE]


class OwnWorker:
    """One worker of ``stack``. ``start`` may be called again after its end: the same name, and the
    same folder, in which there is a space. ``prelude``: Python that runs in it first."""

    def __init__(
        self, stack: RunningStack, name: str, queue: str, folder: Path, prelude: str = ""
    ) -> None:
        self.name = name
        self.state_dir = folder / f"state of {name}"
        self.spool = self.state_dir / "spool" / name
        self.lines: list[str] = []
        self.settings = {
            "NATS_URL": stack.nats_url,
            "BLOB_URL": stack.state.blob_url,
            "STATE_DIR": str(self.state_dir),
            "INSTANCE": name,
            "QUEUES": queue,
            "SLOTS": "3",
            "LOG_FORMAT": "json",
        }
        self._stack = stack
        self._prelude = prelude
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> OwnWorker:
        """Start it, and wait until it is ready."""
        ready, theirs = os.pipe()
        try:
            self.launch({"READY_FD": str(theirs)}, theirs)
            os.close(theirs)
            found, _, _ = select.select([ready], [], [], READY_S)
            assert found, "\n".join(self.lines)
            assert os.read(ready, 16).startswith(b"ready"), "\n".join(self.lines)
        finally:
            os.close(ready)
        return self

    def launch(self, settings: dict[str, str] | None = None, *descriptors: int) -> None:
        """Start it, whatever becomes of it."""
        settings = self.settings | (settings or {})
        command = ["-m", "millstream_worker"]
        if self._prelude:
            run = "import runpy; runpy.run_module('millstream_worker', run_name='__main__')"
            command = ["-c", f"{self._prelude}\n{run}"]
        self._process = subprocess.Popen(
            [sys.executable, "-P", *command],
            env=self._stack.environment
            | {f"MILLSTREAM_{key}": value for key, value in settings.items()},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            pass_fds=descriptors,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self._process,), daemon=True).start()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns when it is dead."""
        self.process.kill()
        self.process.wait(10)

    def wait(self, timeout_s: float) -> int:
        """Its exit code."""
        return self.process.wait(timeout_s)

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self.kill()

    def spooled(self) -> list[str]:
        return live_results(self.spool)

    def said(self, event: str) -> list[dict[str, object]]:
        """The lines of its log about that."""
        found = []
        for line in list(self.lines):
            try:
                words = msgspec.json.decode(line)
            except msgspec.DecodeError:
                continue
            if words.get("event") == event:
                found.append(words)
        return found

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stderr is not None
        with process.stderr:
            for line in process.stderr:
                self.lines.append(line.rstrip())


class Execution(NamedTuple):
    """One process that ran a task, and when it ran first and last (nanoseconds)."""

    pid: int
    first: int
    last: int


class Ticks:
    """What the processes of a task write to a file as long as they live: their ids and the time."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def command(self, seconds: float, then: str = "true") -> str:
        """A task that ticks for a while."""
        tick = f"echo $$ $(date +%s%N) >> '{self.file}'; sleep 0.05"
        return f"for i in $(seq {int(seconds * 20)}); do {tick}; done; {then}"

    def until(self, gate: Path, then: str = "true") -> str:
        """A task that ticks until there is a file."""
        tick = f"echo $$ $(date +%s%N) >> '{self.file}'; sleep 0.05"
        return f"while [ ! -e '{gate}' ]; do {tick}; done; {then}"

    def executions(self) -> list[Execution]:
        """In the order in which they began."""
        times: dict[int, list[int]] = {}
        if self.file.exists():
            for line in self.file.read_text().splitlines():
                pid, at = line.split()
                times.setdefault(int(pid), []).append(int(at))
        found = [Execution(pid, min(ats), max(ats)) for pid, ats in times.items()]
        return sorted(found, key=lambda execution: execution.first)

    def wait(self, count: int = 1, timeout_s: float = 30.0) -> ProcessId:
        """Until so many processes have begun; the last one of them."""
        eventually(
            f"{count} executions", lambda: len(self.executions()) >= count, timeout_s=timeout_s
        )
        return identify(self.executions()[count - 1].pid)

    def assert_no_overlap(self, count: int) -> None:
        found = self.executions()
        assert len(found) == count, found
        for earlier, later in pairwise(found):
            assert earlier.last < later.first, f"two at once: {found}"


class Wire:
    """A TCP port that leads to another one, and that can be cut: nothing passes, nothing ends."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._passes = threading.Event()
        self._passes.set()
        self._is_closed = False
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def cut(self) -> Iterator[None]:
        self._passes.clear()
        try:
            yield
        finally:
            self._passes.set()

    def close(self) -> None:
        self._is_closed = True
        self._passes.set()
        for one in [self._listener, *self._sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _accept(self) -> None:
        while not self._is_closed:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(self._target)
            except OSError:
                return
            self._sockets += [near, far]
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                self._passes.wait()
                target.sendall(data)
        except OSError:
            pass
        for one in (source, target):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
