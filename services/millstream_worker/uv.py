"""Running uv: in a session of its own, without the worker's secrets, ended with the worker."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from millstream.core.errors import MillstreamError
from millstream.sdk.environments import find_uv
from millstream_worker.sessions import kill_session

LONGEST_S = 1800.0
MOST_WORDS = 4000
# uv dies with the thread that started it: nothing half made grows on after the worker.
_LAUNCH = (
    "import ctypes, os, sys; "
    f"ctypes.CDLL(None).prctl(1, {int(signal.SIGKILL)}, 0, 0, 0); "
    "os.execv(sys.argv[1], sys.argv[1:])"
)
# What says which Python a process of another environment is to use.
NOT_HANDED_ON = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX", "__PYVENV_LAUNCHER__")
# What may hold the credentials of NATS, of variables and of the blob store.
_SECRET_PREFIXES = ("MILLSTREAM_", "AWS_", "FSSPEC_")
_URL_SECRET = re.compile(r"(://)[^/@\s'\"`]+@")
_PASSWORD_NAME = re.compile(r"UV_INDEX_\w+_PASSWORD|UV_PUBLISH_(PASSWORD|TOKEN)")
_SHORTEST_SECRET = 4


class EnvironmentNotMade(MillstreamError):
    """A virtual environment could not be made; the text has uv's own words."""

    reason = "ENVIRONMENT_NOT_MADE"


def uv_program() -> str:
    """Where uv is. Raises :class:`EnvironmentNotMade`."""
    found = find_uv()
    if found is None:
        raise EnvironmentNotMade(
            "the bundle names packages that it needs, and uv, which makes an environment with "
            "them, is not on this worker: install it beside the worker's Python (pip install uv) "
            "or on PATH, or install the packages there and set MILLSTREAM_BUNDLE_ENVIRONMENTS=0"
        )
    return found


async def run_uv(
    *words: str,
    cwd: Path,
    what: str,
    stdin: bytes = b"",
    keep_open: Iterable[int] = (),
    environment: Mapping[str, str] | None = None,
) -> str:
    """What uv wrote to its standard output. ``what``: what is done, for the text of an error.
    Processes that it starts inherit the file descriptors ``keep_open``. Cancelled, it is killed
    with all that it started. Raises :class:`EnvironmentNotMade`."""
    program = uv_program()
    env = {**clean_environment(), **(environment or {})}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-S",
        "-c",
        _LAUNCH,
        program,
        *words,
        # A pipe that it has closed, having ended sooner than we write, would be an error.
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
        pass_fds=tuple(keep_open),
        cwd=cwd,
        env=env,
    )
    try:
        async with asyncio.timeout(LONGEST_S):
            out, words_said = await process.communicate(stdin or None)
    except TimeoutError:
        raise EnvironmentNotMade(
            f"{what} takes longer than {LONGEST_S:g} s; it was stopped"
        ) from None
    finally:
        if process.returncode is None:
            kill_session(process.pid)
            await process.wait()
        kill_session(process.pid)
    if process.returncode:
        said = masked(words_said.decode("utf-8", "replace"), env).strip()
        raise EnvironmentNotMade(f"{what} failed (exit code {process.returncode}): {_tail(said)}")
    return out.decode()


def clean_environment() -> dict[str, str]:
    """The environment variables for uv: without those of Millstream and of its blob store, and
    without what says that another Python is in use. Nothing is fetched but packages, unless
    ``UV_PYTHON_DOWNLOADS`` says otherwise."""
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_SECRET_PREFIXES) and name not in NOT_HANDED_ON
    }
    env.setdefault("UV_PYTHON_DOWNLOADS", "never")
    return env | {"NO_COLOR": "1", "UV_NO_PROGRESS": "1"}


def masked(text: str, env: Mapping[str, str]) -> str:
    """Without the credentials of index URLs and those in uv's variables."""
    for name, value in env.items():
        if _PASSWORD_NAME.fullmatch(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, "***")
    return _URL_SECRET.sub(r"\1***@", text)


def _tail(said: str) -> str:
    return said if len(said) <= MOST_WORDS else "... " + said[-MOST_WORDS:]
