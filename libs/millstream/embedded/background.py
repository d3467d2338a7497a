"""The process in the background of ``up --detach``. It tells the one that started it how it goes,
through a pipe, until it is ready."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import msgspec

from millstream.core.errors import MillstreamError
from millstream.embedded.run import run_up
from millstream.embedded.stack import Options
from millstream.embedded.statefile import UpState


class Report(msgspec.Struct, frozen=True):
    """What it says, as one line of JSON."""

    kind: str
    text: str = ""
    state: UpState | None = None


def encode_options(options: Options) -> str:
    """For the command line of this process."""
    return msgspec.json.encode(options, enc_hook=str).decode()


def decode_options(text: str) -> Options:
    def to_path(kind: type, value: Any) -> Path:
        return Path(value)

    return msgspec.json.decode(text, type=Options, dec_hook=to_path)


class Reports:
    """The pipe to the one that waits; closed when there is nothing more to wait for."""

    def __init__(self, fd: int) -> None:
        os.set_inheritable(fd, False)
        self._fd = fd

    def tell(self, sentence: str) -> None:
        os.write(2, f"{sentence}\n".encode())
        self._send(Report("note", sentence))

    def ready(self, state: UpState) -> None:
        self._send(Report("ready", state=state))
        os.close(self._fd)
        self._fd = -1

    def failed(self, error: MillstreamError) -> None:
        os.write(2, f"{error}\n".encode())
        self._send(Report("failed", str(error)))

    def _send(self, report: Report) -> None:
        if self._fd >= 0:
            with contextlib.suppress(OSError):  # nobody waits any more
                os.write(self._fd, msgspec.json.encode(report) + b"\n")


def main(options: str, report_fd: str) -> int:
    reports = Reports(int(report_fd))
    try:
        run_up(decode_options(options), reports.ready, reports.tell)
    except MillstreamError as error:
        reports.failed(error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
