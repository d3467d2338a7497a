"""Commands of ``millstream`` without the half second that Python takes to import them.

One process per pytest process has imported them, and the services that ``up`` starts, and nothing
more: no channel, no thread, no loop. Each command is a fork of it, with its own environment, folder
and standard streams; so it is a process of its own like any other, only begun later.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

PARENT_ENDS = 1  # PR_SET_PDEATHSIG
LONGEST_REQUEST = 1 << 20
TESTS = str(Path(__file__).parents[1])


class ForkedCli:
    """Starts the process when the first command is run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None

    def run(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        timeout_s: float,
        prelude: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """As ``subprocess.run`` with its output captured. Raises its :class:`TimeoutExpired`.
        ``prelude``: Python that runs in it first."""
        request = {
            "words": list(words),
            "environment": dict(environment),
            "cwd": os.getcwd(),
            "prelude": prelude,
        }
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            answers = self._start(request, output, errors)
            with answers, answers.makefile() as lines:
                answers.settimeout(timeout_s)
                pid = int(lines.readline())
                try:
                    code = int(lines.readline())
                except TimeoutError:
                    os.kill(pid, signal.SIGKILL)
                    raise subprocess.TimeoutExpired(list(words), timeout_s) from None
            return subprocess.CompletedProcess(
                list(words), code, stdout=_text(output), stderr=_text(errors)
            )

    def _start(
        self, request: Mapping[str, object], output: IO[bytes], errors: IO[bytes]
    ) -> socket.socket:
        ours, theirs = socket.socketpair()
        with theirs, self._lock:
            files = [theirs.fileno(), output.fileno(), errors.fileno()]
            socket.send_fds(self._connected(), [json.dumps(request).encode()], files)
        return ours

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(type=socket.SOCK_SEQPACKET)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST_REQUEST)
            with theirs:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", str(Path(__file__)), str(theirs.fileno())],
                    pass_fds=[theirs.fileno()],
                )
            atexit.register(self._end)
        return self._socket

    def _end(self) -> None:
        assert self._socket is not None
        assert self._process is not None
        self._socket.close()
        self._process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def serve(requests: socket.socket) -> None:
    """Run each request in a fork of a fork: this one waits for nobody, and is never changed."""
    while True:
        data, files, _, _ = socket.recv_fds(requests, LONGEST_REQUEST, 3)
        if not data:
            return
        if os.fork() == 0:
            requests.close()
            attend(json.loads(data), *files)
        for file in files:
            os.close(file)


def attend(request: dict[str, object], answers: int, output: int, errors: int) -> None:
    """Say which process it is, and how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(answers)
        play(request, output, errors)
    os.write(answers, f"{pid}\n".encode())
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.write(answers, f"{code}\n".encode())
    os._exit(0)


def play(request: dict[str, object], output: int, errors: int) -> None:
    """The command, until its end."""
    from integration.forked_module import run_module

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.close(output)
    os.close(errors)
    os.environ.clear()
    os.environ.update(request["environment"])  # type: ignore[call-overload]
    os.chdir(str(request["cwd"]))
    exec(str(request["prelude"]), {})
    run_module("millstream.cli", request["words"])  # type: ignore[arg-type]


def main() -> None:
    import ctypes
    import importlib
    import pkgutil

    import millstream.cli as commands

    sys.path.append(TESTS)
    from integration import forked_services

    sys.path.remove(TESTS)
    ctypes.CDLL(None).prctl(PARENT_ENDS, signal.SIGTERM)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for found in pkgutil.iter_modules(commands.__path__):
        if found.name != "__main__":
            importlib.import_module(f"millstream.cli.{found.name}")
    forked_services.prepare()
    serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    main()
