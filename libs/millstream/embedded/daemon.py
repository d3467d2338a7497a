"""``up --detach`` and ``down``: from the foreground to the background, and its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from millstream.core.errors import MillstreamError
from millstream.embedded.background import Report, encode_options
from millstream.embedded.pids import end_leftovers, wait_until_gone
from millstream.embedded.privatefile import make_private_dir
from millstream.embedded.stack import Options
from millstream.embedded.statefile import UpState, read_last_state, remove_state
from millstream.embedded.supervisor import tail

BACKGROUND = "millstream.embedded.background"


def run_detached(options: Options, tell: Callable[[str], None]) -> UpState:
    """Starts everything in the background and returns when it is ready.

    Raises what ``run_up`` would raise, as a :class:`MillstreamError` with the same text.
    """
    data_dir = options.data_dir.resolve()
    log = make_private_dir(make_private_dir(data_dir) / "logs") / "up.log"
    report_end, their_end = os.pipe()
    with os.fdopen(report_end, "rb") as reports:
        log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            start_background((encode_options(options), str(their_end)), log_fd, their_end)
        finally:
            os.close(log_fd)
            os.close(their_end)
        for line in reports:
            report = msgspec.json.decode(line, type=Report)
            if report.kind == "note":
                tell(report.text)
            elif report.kind == "failed":
                raise MillstreamError(report.text)
            elif report.state is not None:
                return report.state
    raise MillstreamError(f"Millstream ended while it started.\n{tail(log)}")


def start_background(words: Sequence[str], log_fd: int, report_fd: int) -> None:
    """A process with nothing of this one's, and without what the command line imports."""
    process = subprocess.Popen(
        (sys.executable, "-P", "-m", BACKGROUND, *words),
        stdin=subprocess.DEVNULL,
        stdout=log_fd,
        stderr=log_fd,
        pass_fds=(report_fd,),
        start_new_session=True,
    )
    process.returncode = 0  # nobody waits for it: it lives on


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
