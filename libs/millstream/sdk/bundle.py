"""Bundles: a DAG file and the project around it as one zip whose bytes depend on nothing but the
files.

Entries are stored, not deflated: zlib's output differs between releases, and a bundle is addressed
by the digest of its bytes.
"""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Container, Iterator
from pathlib import Path

import msgspec

from millstream.sdk.errors import BundleError

MAX_BYTES = 64 * 1024 * 1024
MAX_FILES = 5_000
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
IGNORE_FILE = ".millstreamignore"
_SKIPPED_DIRECTORIES = frozenset({"__pycache__", "node_modules", "venv"})
_EPOCH = (1980, 1, 1, 0, 0, 0)


class Bundle(msgspec.Struct, frozen=True):
    """``digest``: the SHA-256 of ``data`` in hex; ``data``: a zip; ``file``: the DAG file's path in
    it."""

    digest: str
    data: bytes
    file: str


def build_bundle(file: Path, root: Path | None = None, *, leave_out: Container[str] = ()) -> Bundle:
    """The bundle of a DAG file and all that is under ``root`` (by default the file's directory) but
    ``leave_out``, which are paths relative to it.

    Left out: hidden files, ``__pycache__``, ``*.pyc``, virtual environments, ``node_modules``,
    symbolic links that leave the root, and what ``.millstreamignore`` in the root names. Raises
    :class:`BundleError`.
    """
    file = file.absolute()
    base = (file.parent if root is None else root).absolute()
    if not file.is_file():
        raise BundleError(f"{file} is not a file")
    if not base.is_dir():
        raise BundleError(f"the root {base} is not a directory")
    if not file.is_relative_to(base):
        raise BundleError(f"{file} is not inside of the root {base}; pass a root that holds it")
    paths = {path: found for path, found in _collect(base).items() if path not in leave_out}
    name = file.relative_to(base).as_posix()
    if name not in paths:
        raise BundleError(
            f"{name} is left out of its own bundle, since it is hidden or {IGNORE_FILE} names it"
        )
    data = _zip(paths)
    return Bundle(hashlib.sha256(data).hexdigest(), data, name)


def _zip(paths: dict[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(paths):
            info = zipfile.ZipInfo(name, _EPOCH)
            info.create_system = 3
            is_executable = os.access(paths[name], os.X_OK)
            info.external_attr = (stat.S_IFREG | (0o755 if is_executable else 0o644)) << 16
            try:
                archive.writestr(info, paths[name].read_bytes())
            except OSError as error:
                raise BundleError(f"{paths[name]} cannot be read: {error.strerror}") from None
    return buffer.getvalue()


def project_files(base: Path) -> Iterator[Path]:
    """The files under a directory that belong into bundles. Raises :class:`BundleError`."""
    return _walk(base, base, _Ignore(base), frozenset())


def _collect(base: Path) -> dict[str, Path]:
    """The files to take, by their path in the bundle."""
    paths: dict[str, Path] = {}
    size = 0
    for path in project_files(base):
        paths[path.relative_to(base).as_posix()] = path
        size += path.stat().st_size
        if len(paths) > MAX_FILES or size > MAX_BYTES:
            raise BundleError(
                f"the project {base} is too large to bundle: more than {MAX_FILES} files or "
                f"{MAX_BYTES // 1024**2} MiB; choose a smaller directory with --root, or name "
                f"what the "
                f"tasks do not need in {IGNORE_FILE}"
            )
    return paths


def _walk(directory: Path, base: Path, ignore: _Ignore, above: frozenset[Path]) -> Iterator[Path]:
    """The regular files under ``directory``; ``above`` holds the real paths of the directories that
    lead here, which a symbolic link must not enter again."""
    real_base = base.resolve()
    above |= {directory.resolve()}
    for path in sorted(directory.iterdir()):
        if path.name.startswith(".") or path.suffix == ".pyc":
            continue
        is_directory = path.is_dir()
        if ignore.matches(path.relative_to(base).as_posix(), is_directory):
            continue
        if path.is_symlink() and not path.resolve().is_relative_to(real_base):
            continue
        if is_directory:
            if path.name in _SKIPPED_DIRECTORIES or (path / "pyvenv.cfg").exists():
                continue
            if path.resolve() not in above:
                yield from _walk(path, base, ignore, above)
        elif path.is_file():
            yield path


class _Ignore:
    """The patterns of an ignore file: one glob a line, ``#`` for comments. With a slash inside or
    in front it is matched from the root, else against names; a slash at its end means
    directories."""

    def __init__(self, base: Path) -> None:
        self._patterns: list[str] = []
        file = base / IGNORE_FILE
        if not file.is_file():
            return
        for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
            pattern = line.strip()
            if pattern.startswith("!"):
                raise BundleError(f"{file}: {pattern!r}: patterns with '!' are not supported yet")
            if pattern and not pattern.startswith("#"):
                self._patterns.append(pattern)

    def matches(self, path: str, is_directory: bool) -> bool:
        name = path.rpartition("/")[2]
        for pattern in self._patterns:
            if pattern.endswith("/") and not is_directory:
                continue
            bare = pattern.rstrip("/")
            subject = path if "/" in bare else name
            if fnmatch.fnmatchcase(subject, bare.removeprefix("/")):
                return True
        return False


def unpack_bundle(data: bytes, digest: str, directory: Path) -> Path:
    """Unpacks a bundle to ``directory``, which appears whole or not at all; does nothing if it is
    there.

    Raises :class:`BundleError` where the bytes are not those of ``digest`` or an entry is not a
    plain file inside of the directory.
    """
    actual = hashlib.sha256(data).hexdigest()
    if actual != digest:
        raise BundleError(f"the bundle's digest is {actual}, not {digest}; fetch it again")
    if directory.is_dir():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=directory.parent))
    try:
        _extract(data, draft)
        draft.chmod(0o755)
        try:
            draft.rename(directory)
        except OSError:  # another process was faster
            if not directory.is_dir():
                raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory


def _extract(data: bytes, draft: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            _check_entries(entries)
            for entry in entries:
                target = draft / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(entry) as source, target.open("xb") as sink:
                    shutil.copyfileobj(source, sink)
                target.chmod(0o755 if entry.external_attr >> 16 & 0o100 else 0o644)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise BundleError(f"the bundle cannot be unpacked: {error}") from error


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_UNPACKED_BYTES:
        raise BundleError(
            f"the bundle would unpack to more than {MAX_FILES} files or "
            f"{MAX_UNPACKED_BYTES // 1024**2} MiB; it is refused"
        )
    for entry in entries:
        parts = entry.filename.split("/")
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if (
            any(part in ("", ".", "..") for part in parts)
            or "\\" in entry.filename
            or ":" in parts[0]
            or kind not in (0, stat.S_IFREG)
        ):
            raise BundleError(
                f"the bundle holds {entry.filename!r}, which is no plain relative file"
            )
