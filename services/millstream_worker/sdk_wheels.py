"""What the worker's own processes need in any environment, as wheels on this machine.

Millstream itself is a wheel without code: its packages are linked into the environment, so that
children run the very code of their worker. The third-party packages are packed again from the
worker's installation; for another version of Python those with compiled parts come from an index.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import zipfile
from importlib import metadata
from pathlib import Path

import millstream
import millstream_worker
from millstream.version import __version__

# What a child and a trigger host import, beside the standard library.
CHILD_NEEDS = ("cronsim", "jinja2", "msgspec", "pendulum", "python-dateutil")
# No index has such a version, so none can put its own package in this one's place.
VERSION = f"{__version__}+worker"
_EPOCH = (1980, 1, 1, 0, 0, 0)
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_LEFT_OUT = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json"}


def own_packages() -> dict[str, Path]:
    """The folders of our packages by their names."""
    found = {}
    for package in (millstream, millstream_worker):
        assert package.__file__ is not None
        found[package.__name__] = Path(package.__file__).parent
    return found


def preferred_versions() -> dict[str, str]:
    """The third-party packages that a child needs, with the versions that the worker has."""
    found: dict[str, str] = {}
    left = list(CHILD_NEEDS)
    while left:
        name = left.pop()
        try:
            package = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # for another platform or Python
        if _normal(name) in found:
            continue
        found[_normal(name)] = package.version
        for line in package.requires or ():
            if "extra ==" not in line and (named := _NAME.match(line)):
                left.append(named[0])  # noqa: PERF401
    return dict(sorted(found.items()))


def make_wheels(directory: Path) -> Path:
    """The folder with the wheels, made if it is not there; its name says what is in it."""
    versions = preferred_versions()
    text = _metadata()
    made_of = repr((sorted(versions.items()), text)).encode()
    folder = directory / hashlib.sha256(made_of).hexdigest()[:16]
    if folder.is_dir():
        return folder
    directory.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".making-", dir=directory))
    try:
        _write_own(draft, text)
        for name in versions:
            _pack(metadata.distribution(name), draft)
        draft.chmod(0o755)
        try:
            draft.rename(folder)
        except OSError:  # another worker was faster
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return folder


def _metadata() -> str:
    lines = ["Metadata-Version: 2.1", "Name: millstream", f"Version: {VERSION}"]
    try:
        declared = metadata.requires("millstream") or []
    except metadata.PackageNotFoundError:
        declared = []
    needed = [line for line in declared if "extra ==" not in line and _is_child_need(line)]
    named = {_normal(found[0]) for line in needed if (found := _NAME.match(line))}
    needed += [name for name in CHILD_NEEDS if _normal(name) not in named]
    lines += [f"Requires-Dist: {line}" for line in sorted(needed)]
    optional = [line for line in declared if "extra ==" in line]
    extras = sorted({name for line in optional for name in re.findall(r"extra == '([^']+)'", line)})
    lines += [f"Provides-Extra: {name}" for name in extras]
    lines += [f"Requires-Dist: {line}" for line in optional]
    return "\n".join(lines) + "\n"


def _is_child_need(line: str) -> bool:
    named = _NAME.match(line)
    return named is not None and _normal(named[0]) in CHILD_NEEDS


def _write_own(folder: Path, text: str) -> None:
    wheel = "Wheel-Version: 1.0\nGenerator: millstream\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    info = f"millstream-{VERSION}.dist-info"
    files = {f"{info}/METADATA": text.encode(), f"{info}/WHEEL": wheel.encode()}
    _zip(folder / f"millstream-{VERSION}-py3-none-any.whl", info, files)


def _pack(package: metadata.Distribution, folder: Path) -> None:
    """The wheel that an installed package came from, as far as it can be told; nothing where its
    record is missing."""
    tags = re.findall(r"(?m)^Tag: (\S+)$", package.read_text("WHEEL") or "")
    if not tags or not package.files:
        return
    files: dict[str, bytes] = {}
    info = ""
    for entry in package.files:
        name = entry.as_posix()
        place, _, last = name.rpartition("/")
        if place.endswith(".dist-info"):
            info = place
            if last in _LEFT_OUT:
                continue
        if name.startswith("..") or os.path.isabs(name) or "__pycache__" in name:
            continue  # commands, and what Python compiled
        try:
            files[name] = Path(str(package.locate_file(entry))).read_bytes()
        except OSError:
            return
    if not info:
        return
    parts = [sorted(set(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True)]
    tag = "-".join(".".join(part) for part in parts)
    _zip(folder / f"{info.removesuffix('.dist-info')}-{tag}.whl", info, files)


def _zip(file: Path, info: str, files: dict[str, bytes]) -> None:
    """Stored, with one time for all: the same package is the same bytes."""
    record = "".join(f"{name},,\n" for name in sorted(files)) + f"{info}/RECORD,,\n"
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in [*sorted(files.items()), (f"{info}/RECORD", record.encode())]:
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
