"""What a bundle says it needs: the packages of its DAG file, and the Python they are for."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from millstream.core.errors import MillstreamError
from millstream.sdk.requirements import is_anywhere

MAX_FILE_BYTES = 4 * 1024**2
REQUIREMENTS = "requirements.txt"
PROJECT = "pyproject.toml"
LOCK = "uv.lock"
# The reference implementation's, of PEP 723.
_BLOCK = re.compile(r"(?m)^# /// (?P<type>[a-zA-Z0-9-]+)$\s(?P<content>(^#(| .*)$\s)+)^# ///$")
_VERSIONS = re.compile(r"[\d.*<>=!~,\s]*")


class NeedsError(MillstreamError):
    """What a bundle says of its needs cannot be understood."""

    reason = "BUNDLE_NEEDS"


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """``file``: where it is said, ``text`` what stands there. ``lock``: a ``uv.lock`` beside it.
    ``is_local``: it may mean other files of the bundle, so that the text alone does not say it
    all."""

    kind: Literal["script", "requirements", "project"]
    file: Path
    text: str
    lock: str = ""
    requires_python: str = ""
    is_local: bool = False


def read_needs(folder: Path, dag_file: str) -> Needs | None:
    """What the DAG file ``dag_file`` of the bundle in ``folder`` needs, None if it does not say.

    Said in the DAG file's header (PEP 723), else in ``requirements.txt``, else in
    ``pyproject.toml``, beside the DAG file or else in the root. Raises :class:`NeedsError`.
    """
    file = folder / dag_file
    text = _read(file)
    if text is None:
        return None
    header = script_header(text, dag_file)
    if header is not None:
        return _of_header(file, header)
    for place in dict.fromkeys([file.parent, folder]):
        requirements = _read(place / REQUIREMENTS)
        if requirements is not None and _says_something(requirements):
            return Needs(
                kind="requirements",
                file=place / REQUIREMENTS,
                text=requirements,
                is_local=not all(map(is_anywhere, requirements.splitlines())),
            )
        project = _read(place / PROJECT)
        if project is not None and (needs := _of_project(place / PROJECT, project)):
            return needs
    return None


def script_header(text: str, name: str) -> str | None:
    """The TOML in the header of a script. Raises :class:`NeedsError`."""
    found = [m for m in _BLOCK.finditer(text) if m["type"] == "script"]
    if len(found) > 1:
        raise NeedsError(f"{name} has {len(found)} headers '# /// script'; leave one of them")
    if not found:
        return None
    lines = found[0]["content"].splitlines()
    return "".join((line[2:] if line.startswith("# ") else line[1:]) + "\n" for line in lines)


def hashed_lines(text: str) -> str:
    """Those requirements that name the hashes they must have, one a line."""
    joined = re.sub(r"\\\r?\n", " ", text)
    lines = [" ".join(line.split()) for line in joined.splitlines()]
    return "".join(line + "\n" for line in lines if "--hash=" in line and "==" in line)


def _of_header(file: Path, header: str) -> Needs:
    data = _toml(header, f"the header of {file.name}")
    return Needs(
        kind="script",
        file=file,
        text=header,
        requires_python=_python(data.get("requires-python", ""), file.name),
        is_local="tool" in data or _are_local(data.get("dependencies")),
    )


def _of_project(file: Path, text: str) -> Needs | None:
    data = _toml(text, file.name)
    project = data.get("project")
    if not isinstance(project, dict):
        return None
    if not project.get("dependencies") and "dependencies" not in project.get("dynamic", ()):
        return None
    lock = _read(file.parent / LOCK) or ""
    return Needs(
        kind="project",
        file=file,
        text=text,
        lock=lock,
        requires_python=_python(project.get("requires-python", ""), file.name),
        is_local="uv" in data.get("tool", {})
        or bool(lock)
        or bool(project.get("dynamic"))
        or _are_local(project.get("dependencies")),
    )


def _python(asked: Any, name: str) -> str:
    if not isinstance(asked, str) or not _VERSIONS.fullmatch(asked):
        raise NeedsError(
            f"{name}: requires-python is {asked!r}; use a version specifier such as '>=3.12'"
        )
    return ",".join(part.strip() for part in asked.split(",") if part.strip())


def _are_local(dependencies: Any) -> bool:
    return isinstance(dependencies, list) and not all(
        isinstance(line, str) and is_anywhere(line) for line in dependencies
    )


def _says_something(requirements: str) -> bool:
    lines = [line.strip() for line in requirements.splitlines()]
    return any(line and not line.startswith("#") for line in lines)


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise NeedsError(f"{name} is no TOML: {error}") from None


def _read(file: Path) -> str | None:
    try:
        with file.open("rb") as opened:
            data = opened.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return None
    except OSError as error:
        raise NeedsError(f"{file.name} cannot be read: {error.strerror}") from None
    if len(data) > MAX_FILE_BYTES:
        raise NeedsError(f"{file.name} has more than {MAX_FILE_BYTES // 1024**2} MiB")
    return data.decode("utf-8", "replace").removeprefix("\ufeff").replace("\r\n", "\n")
