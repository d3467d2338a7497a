"""Virtual environments for tasks: made with uv where it is there, else with venv and pip."""

from __future__ import annotations

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
from millstream.sdk.folder_cache import FolderCache, Hold
from millstream.sdk.requirements import is_anywhere
from millstream.sdk.shell import run_command

log = logging.getLogger("millstream.task.environments")

# "uv", "pip", or "auto" for uv where it is there.
INSTALLER = "MILLSTREAM_VENV_INSTALLER"
# The worker's own cache: where it is, and how many MiB it may have.
DIRECTORY = "MILLSTREAM_ENVIRONMENTS"
MOST_MB = "MILLSTREAM_ENVIRONMENT_CACHE_MB"
# Where a worker found uv, for its children.
PROGRAM = "MILLSTREAM_UV"
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
        python = self.python_version or f"{sys.version} {sys.base_prefix}"
        made_of = [msgspec.to_builtins(self), python]
        return hashlib.sha256(json.dumps(made_of, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def environment(recipe: Recipe, cache: str | None) -> Iterator[Path]:
    """The Python of an environment. It is one of the directory ``cache``, or of the worker's own
    cache, which is made once however many tasks wait for it and stays while they use it; or, in a
    process of no worker, one that is gone at the end.

    So is one with a requirement that is a file of this machine: the file may change.
    """
    kept = _cache(recipe, cache)
    if kept is None:
        with tempfile.TemporaryDirectory(
            prefix="millstream-venv-", ignore_cleanup_errors=True
        ) as own:
            _make(recipe, Path(own) / "venv")
            yield _python(Path(own) / "venv")
        return
    hold = _cached(recipe, kept)
    try:
        yield _python(hold.path)
    finally:
        kept.touch(hold.name)
        hold.close()


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _cache(recipe: Recipe, cache: str | None) -> FolderCache | None:
    if cache:
        return FolderCache(Path(cache).expanduser().absolute())
    directory = os.environ.get(DIRECTORY)
    if not directory or not all(map(is_anywhere, recipe.requirements)):
        return None
    return FolderCache(Path(directory), int(os.environ.get(MOST_MB) or 0) << 20)


def _cached(recipe: Recipe, cache: FolderCache) -> Hold:
    name = f"venv-{recipe.digest()}"
    is_made_here = False

    def make(folder: Path) -> None:
        nonlocal is_made_here
        is_made_here = True
        _make(recipe, folder)

    try:
        hold = cache.obtain(name, make)
    except OSError as error:
        raise AirflowException(
            f"the environments in {str(cache.directory)!r} cannot be used: {error}"
        ) from None
    log.info("%s the environment %s", "Made" if is_made_here else "Using", hold.path)
    return hold


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
    """The uv of the worker; else beside the interpreter that runs now, else on PATH."""
    if told := os.environ.get(PROGRAM):
        return told
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
