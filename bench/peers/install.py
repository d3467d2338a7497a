"""An environment for each peer under ``build/peers``: the newest versions, kept once they work."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

from bench.peers.systems import System

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ROOT / "build" / "peers"
COMPLETE = ".complete"
TIMEOUT_S = 900.0


class NotInstalled(Exception):
    """The text says what the installer said."""


def install(system: System, is_fresh: bool = False) -> Path:
    """The interpreter that has the system. Raises :class:`NotInstalled`.

    One that is there is taken as it is, unless ``is_fresh``; one that was left half-made is not.
    """
    if not system.environment:
        return Path(sys.executable)
    folder = ENVIRONMENTS / system.environment
    python = folder / "bin" / "python"
    if is_fresh or not (folder / COMPLETE).exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        # The interpreter that Millstream runs on, so that none has the faster Python.
        uv("venv", "--quiet", "--python", sys.executable, str(folder))
        add(python, *system.pip)
        if system.npm:
            npm = shutil.which("npm")
            if npm is None:
                raise NotInstalled("npm is not on the path; it comes with Node")
            quiet = ("--no-audit", "--no-fund", "--loglevel", "error")
            run(npm, "install", "--prefix", str(folder), *quiet, *system.npm)
        (folder / COMPLETE).write_text(constrain(python, system))
    return python


def note(system: System) -> str:
    """What is to be told of how it was installed."""
    file = ENVIRONMENTS / system.environment / COMPLETE
    return file.read_text() if system.environment and file.exists() else ""


def constrain(python: Path, system: System) -> str:
    """The project's own constraints, if it has any and they can be had, and a word on that."""
    if not system.constraints:
        return ""
    name = system.pip[0]
    ask = f"import importlib.metadata as m; print(m.version({name!r}))"
    version = run(str(python), "-c", ask).strip()
    short = ".".join(platform.python_version_tuple()[:2])
    address = system.constraints.format(version=version, python=short)
    try:
        add(python, f"{name}=={version}", *system.pip[1:], "--constraint", address)
    except NotInstalled:
        return "without its constraints file, which could not be fetched"
    return "with its constraints file"


def add(python: Path, *words: str) -> None:
    uv("pip", "install", "--quiet", "--python", str(python), "--upgrade", *words)


def uv(*words: str) -> None:
    run(sys.executable, "-m", "uv", *words)


def run(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise NotInstalled(f"{command[0]} took longer than {TIMEOUT_S:g} s") from None
    if done.returncode:
        raise NotInstalled(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout
