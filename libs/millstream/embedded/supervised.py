"""One process that is kept running: start, readiness, health, restart, end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from millstream.core.errors import MillstreamError
from millstream.embedded.backoff import Backoff
from millstream.embedded.pids import ProcessId, identify
from millstream.embedded.spec import ProcessSpec, Unhealthy
from millstream.embedded.statefile import ProcessState

PROBE_EVERY_S = 0.02
CHECK_EVERY_S = 2.0
CHECKS_FAILED = 3
LOG_BYTES = 10 * 1024**2
NOBODY_RUNS = ProcessId(0, -1)


def start_process(
    spec: ProcessSpec, env: Mapping[str, str], log: BinaryIO, descriptors: Sequence[int]
) -> subprocess.Popen[bytes]:
    """One life of a process. Not asyncio's way: it must be this thread that forks, and the
    supervisor holds a pidfd anyway."""
    return subprocess.Popen(
        spec.launch_argv(),
        env=env,
        cwd=spec.cwd,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=descriptors,
    )


class Supervised:
    """Runs ``spec`` until :meth:`stop`.

    ``tell(sentence)`` is called at every change; the sentence is empty for routine ones.
    """

    def __init__(self, spec: ProcessSpec, log: Path, tell: Callable[[str], None]) -> None:
        self.spec = spec
        self.log = log
        self.is_ready = asyncio.Event()
        self.deaths_before_ready = 0
        self._tell = tell
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._identity = NOBODY_RUNS
        self._state = "starting"
        self._restarts = 0
        self._last_exit = ""
        self._task: asyncio.Task[None] | None = None

    def state(self) -> ProcessState:
        """What to show of it."""
        return ProcessState(
            name=self.spec.name,
            state=self._state,
            identity=self._identity,
            restarts=self._restarts,
            last_exit=self._last_exit,
        )

    def start(self) -> None:
        """Begins to keep it running."""
        self._task = asyncio.create_task(self._keep_running(), name=self.spec.name)

    def hurry(self) -> None:
        """Makes :meth:`stop` skip its waits."""
        self._hurry.set()

    async def stop(self) -> None:
        """Ends it step by step and returns when it is gone."""
        self._stopping.set()
        steps = iter(self.spec.stop_steps)
        while self._task is not None and not self._task.done():
            step = None if self._hurry.is_set() else next(steps, None)
            self._identity.send(step.signal if step else signal.SIGKILL)
            ended = [self._task, asyncio.create_task(self._hurry.wait())]
            patience_s = step.patience_s if step else 1.0
            await asyncio.wait(
                ended if step else ended[:1],
                timeout=patience_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            ended[1].cancel()
        if self._task is not None:
            await self._task

    async def _keep_running(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                if self.spec.prepare is not None:
                    await asyncio.to_thread(self.spec.prepare)
                if not self._stopping.is_set():
                    self._last_exit = await self._run_once()
            except (MillstreamError, OSError) as error:
                self._last_exit = f"could not be started: {error}"
            self._identity = NOBODY_RUNS
            if self._stopping.is_set():
                break
            if not self.is_ready.is_set():
                self.deaths_before_ready += 1
            self.is_ready.clear()
            delay_s = backoff.after(time.monotonic() - started)
            self._restarts += 1
            self._change("waiting", f"{self._last_exit}; starting again in {delay_s:.1f} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay_s)
        self._change("stopped")

    async def _run_once(self) -> str:
        """One life, from the start to the exit; returns how it ended."""
        loop = asyncio.get_running_loop()
        ready_end, child_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        env = dict(self.spec.env) | {"MILLSTREAM_PARENT_PID": str(os.getpid())}
        if self.spec.probe is None:
            env["MILLSTREAM_READY_FD"] = str(child_end)
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(os.close, ready_end)
            try:
                os.set_blocking(child_end, True)
                with _open_log(self.log) as log:
                    inherited = () if self.spec.probe is not None else (child_end,)
                    process = start_process(self.spec, env, log, inherited)
            finally:
                os.close(child_end)
            self._identity = identify(process.pid)
            self._change("starting")
            exited = asyncio.Event()
            pidfd = os.pidfd_open(process.pid)
            cleanup.callback(os.close, pidfd)
            loop.add_reader(pidfd, exited.set)
            cleanup.callback(loop.remove_reader, pidfd)
            watch = asyncio.create_task(self._watch(ready_end))
            await exited.wait()
            watch.cancel()
            # Before it is reaped, so that its group cannot be somebody else's: no child survives.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
            await asyncio.gather(watch, return_exceptions=True)
        if code < 0:
            return f"ended by signal {signal.Signals(-code).name}"
        return f"ended with exit code {code}"

    async def _watch(self, ready_end: int) -> None:
        """Waits for readiness, then looks after the health of this life."""
        if self.spec.probe is None:
            await _read_ready(ready_end)
        else:
            while not await self.spec.probe():  # noqa: ASYNC110 - a foreign server calls nobody
                await asyncio.sleep(PROBE_EVERY_S)
        self.is_ready.set()
        self._change("ready")
        failed = 0
        while self.spec.check is not None:
            await asyncio.sleep(CHECK_EVERY_S)
            try:
                await self.spec.check()
                failed = 0
            except Unhealthy as error:
                failed += 1
                if failed == CHECKS_FAILED:
                    self._report(f"{self.spec.name}: {error}; ending it for a restart")
                    self._identity.send(self.spec.stop_steps[0].signal)
                if failed == CHECKS_FAILED * 3:
                    self._identity.send(signal.SIGKILL)

    def _change(self, state: str, why: str = "") -> None:
        self._state = state
        self._report(f"{self.spec.name}: {why}; log: {self.log}" if why else "")

    def _report(self, sentence: str) -> None:
        # Where nothing can be written, on a full disk, the process is kept alive all the same.
        with contextlib.suppress(OSError):
            self._tell(sentence)


async def _read_ready(ready_end: int) -> None:
    """Returns when ``ready`` was written; waits for ever if the pipe is closed without it."""
    loop = asyncio.get_running_loop()
    something = asyncio.Event()
    loop.add_reader(ready_end, something.set)
    try:
        await something.wait()
    finally:
        loop.remove_reader(ready_end)
    if not os.read(ready_end, 64).startswith(b"ready"):
        await asyncio.Event().wait()


def _open_log(path: Path) -> BinaryIO:
    """The log to append to; a large one of earlier times is put aside."""
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_BYTES:
            path.replace(path.with_name(f"{path.name}.1"))
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(handle, "ab", buffering=0)
