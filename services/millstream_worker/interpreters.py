"""Which Python an environment is made with: the worker's own where it will do, else another that
is on this machine."""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass

from millstream_worker.needs import Needs
from millstream_worker.uv import EnvironmentNotMade, clean_environment, run_uv

OLDEST_PYTHON = "3.11"
_OWN = os.path.realpath(sys.executable)
_DESCRIBE = "import os, sys; print(sys.version, os.path.realpath(sys.executable))"


@dataclass(frozen=True, slots=True)
class Interpreter:
    """``identity``: its version and where it really is; another one makes another environment."""

    path: str
    identity: str


async def find_interpreter(needs: Needs) -> Interpreter:
    """The Python for a bundle. Raises :class:`EnvironmentNotMade`."""
    if not needs.requires_python:
        return await _described(sys.executable)
    find = ("python", "find", "--no-project", f">={OLDEST_PYTHON},{needs.requires_python}")
    place = needs.file.parent
    own = {"VIRTUAL_ENV": sys.prefix}  # where uv looks first
    try:
        found = await run_uv(*find, cwd=place, what="uv python find", environment=own)
    except EnvironmentNotMade as error:
        raise EnvironmentNotMade(
            f"{needs.file.name} asks for Python {needs.requires_python}; this worker runs "
            f"{'.'.join(map(str, sys.version_info[:3]))} and finds no other that fits (and is "
            f"{OLDEST_PYTHON} or newer): install one there, or change requires-python. {error}"
        ) from None
    return await _described(found.strip())


async def _described(python: str) -> Interpreter:
    if python == sys.executable:
        return Interpreter(python, f"{sys.version} {_OWN}")
    process = await asyncio.create_subprocess_exec(
        python,
        "-I",
        "-c",
        _DESCRIBE,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        env=clean_environment(),
    )
    out, _ = await process.communicate()
    if process.returncode:
        raise EnvironmentNotMade(f"the Python {python} does not run")
    return Interpreter(python, out.decode().strip())
