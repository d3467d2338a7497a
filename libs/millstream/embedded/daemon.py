"""``up --detach`` and ``down``: from the foreground to the background, and its end."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import msgspec

from millstream.core.errors import MillstreamError
from millstream.embedded.pids import end_leftovers, wait_until_gone
from millstream.embedded.privatefile import make_private_dir
from millstream.embedded.run import run_up
from millstream.embedded.stack import Options
from millstream.embedded.statefile import UpState, read_last_state, remove_state
from millstream.embedded.supervisor import tail


class Report(msgspec.Struct, frozen=True):
    """What the background process says to the one that waits for it, as one line of JSON."""

    kind: str
    text: str = ""
    state: UpState | None = None


def run_detached(options: Options, tell: Callable[[str], None]) -> UpState:
    """Starts everything in the background and returns when it is ready.

    Must be called before this process has a second thread. Raises what ``run_up`` would raise, as a
    :class:`MillstreamError` with the same text.
    """
    data_dir = options.data_dir.resolve()
    log = make_private_dir(make_private_dir(data_dir) / "logs") / "up.log"
    report_end, child_end = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    if os.fork() == 0:
        os.close(report_end)
        _live_in_background(options, log, child_end)
    os.close(child_end)
    with os.fdopen(report_end, "rb") as reports:
        for line in reports:
            report = msgspec.json.decode(line, type=Report)
            if report.kind == "note":
                tell(report.text)
            elif report.kind == "failed":
                raise MillstreamError(report.text)
            elif report.state is not None:
                return report.state
    raise MillstreamError(f"Millstream ended while it started.\n{tail(log)}")


def _live_in_background(options: Options, log: Path, report_fd: int) -> NoReturn:
    """The rest of the life of the forked process; it never returns to the caller's code."""
    code = 1
    waits = True

    def send(report: Report) -> None:
        with contextlib.suppress(OSError):  # nobody waits any more
            os.write(report_fd, msgspec.json.encode(report) + b"\n")

    def tell(sentence: str) -> None:
        os.write(2, f"{sentence}\n".encode())
        if waits:
            send(Report("note", sentence))

    def on_ready(state: UpState) -> None:
        nonlocal waits
        send(Report("ready", state=state))
        os.close(report_fd)
        waits = False

    try:
        os.setsid()
        os.set_inheritable(report_fd, False)
        null = os.open(os.devnull, os.O_RDWR)
        log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for target, source in ((0, null), (1, log_fd), (2, log_fd)):
            os.dup2(source, target)
        run_up(options, on_ready, tell)
        code = 0
    except MillstreamError as error:
        os.write(2, f"{error}\n".encode())
        if waits:
            send(Report("failed", str(error)))
    except BaseException:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)


def stop_running(data_dir: Path, timeout_s: float) -> int | None:
    """Stops what runs on ``data_dir`` and waits until every process is gone.

    Returns the pid of the supervisor, or None if it did not run; what a killed supervisor left
    behind is ended in both cases.
    """
    state = read_last_state(data_dir)
    if state is None:
        return None
    was_running = state.supervisor.is_alive()
    state.supervisor.send(signal.SIGTERM)
    for late in wait_until_gone([state.supervisor], max(timeout_s, state.stop_s)):
        late.send(signal.SIGKILL)
        wait_until_gone([late], 5.0)
    # Those it had when we asked, and those it had started until the end, if it was killed.
    last = read_last_state(data_dir) or state
    processes = {*state.processes, *last.processes}
    end_leftovers([process.identity for process in processes], 10.0)
    remove_state(data_dir)
    return state.pid if was_running else None
