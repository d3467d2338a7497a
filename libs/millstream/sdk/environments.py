"""Virtual environments for tasks: made with uv where it is there, else with venv and pip."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec

from millstream.sdk.errors import AirflowException
from millstream.sdk.shell import run_command

log = logging.getLogger("millstream.task.environments")

# "uv", "pip", or "auto" for uv where it is there.
INSTALLER = "MILLSTREAM_VENV_INSTALLER"
_WHOLE = "millstream-environment.json"
_INDEX_SECRET = re.compile(r"(://)[^/@]*@")


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """What an environment is made of; equal recipes share a cached one. ``python_version``: such as
    "3.12", None for the one that runs now."""

    requirements: tuple[str, ...] = ()
    python_version: str | None = None
    system_site_packages: bool = True
    install_options: tuple[str, ...] = ()
    index_urls: tuple[str, ...] = ()

    def digest(self) -> str:
        """Names the environment in a cache, together with the Python that makes it."""
        made_of = [msgspec.to_builtins(self), self.python_version or sys.version]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def environment(recipe: Recipe, cache: str | None) -> Iterator[Path]:
    """The Python of an environment: one of the directory ``cache``, which is made once however many
    tasks wait for it; or one of its own, gone at the end."""
    if cache:
        yield _python(_cached(recipe, Path(cache).expanduser().absolute()))
        return
    with tempfile.TemporaryDirectory(prefix="millstream-venv-", ignore_cleanup_errors=True) as own:
        _make(recipe, Path(own) / "venv")
        yield _python(Path(own) / "venv")


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _cached(recipe: Recipe, cache: Path) -> Path:
    folder = cache / f"venv-{recipe.digest()}"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with open(f"{folder}.lock", "w") as lock:  # the system gives it up with the process
            fcntl.flock(lock, fcntl.LOCK_EX)
            if (folder / _WHOLE).exists():
                log.info("Using the environment %s", folder)
                return folder
            if folder.exists():  # whoever made it was killed
                shutil.rmtree(folder)
            _make(recipe, folder)
            (folder / _WHOLE).write_bytes(msgspec.json.encode(recipe.requirements))
    except OSError as error:
        raise AirflowException(f"venv_cache_path {str(cache)!r} cannot be used: {error}") from None
    log.info("Made the environment %s", folder)
    return folder


def _make(recipe: Recipe, folder: Path) -> None:
    uv = _uv()
    version = recipe.python_version
    try:
        if uv:
            make = [uv, "venv", "--quiet", "--python", version or sys.executable, str(folder)]
            install = [uv, "pip", "install", "--python", str(_python(folder))]
        else:
            make = [_interpreter(version), "-m", "venv", str(folder)]
            install = [str(_python(folder)), "-m", "pip", "install", "-q"]
        if recipe.system_site_packages:
            make.append("--system-site-packages")
        _run(make, "made")
        if recipe.requirements:
            listed = folder / "requirements.txt"
            listed.write_text("\n".join(recipe.requirements) + "\n")
            _run(
                [*install, "-r", str(listed), *recipe.install_options, *_indexes(recipe)], "filled"
            )
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def find_uv() -> str | None:
    """uv beside the interpreter that runs now, else on PATH."""
    return shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")


def _uv() -> str | None:
    """The program that makes environments; None: venv and pip do."""
    choice = os.environ.get(INSTALLER, "auto")
    if choice not in ("auto", "uv", "pip"):
        raise AirflowException(f"{INSTALLER} is {choice!r}; use auto, uv or pip")
    if choice == "pip":
        return None
    found = find_uv()
    if found is None and choice == "uv":
        raise AirflowException(f"{INSTALLER} is 'uv', which is not installed on this worker")
    return found


def _interpreter(version: str | None) -> str:
    if version is None:
        return sys.executable
    found = shutil.which(f"python{version}")
    if found is None:
        raise AirflowException(
            f"python_version is {version!r}, and there is no python{version} on this worker; "
            f"install it, or install uv, which fetches it"
        )
    return found


def _indexes(recipe: Recipe) -> list[str]:
    options: list[str] = []
    for position, url in enumerate(recipe.index_urls):
        options += ["--extra-index-url" if position else "--index-url", url]
    return options


def _run(command: Sequence[str], what: str) -> None:
    shown = _INDEX_SECRET.sub(r"\1***@", " ".join(command))
    log.info("$ %s", shown)
    code, _ = run_command(command, os.environ, tempfile.gettempdir())
    if code:
        raise AirflowException(
            f"the virtual environment could not be {what}: exit code {code} of: {shown}"
        )
