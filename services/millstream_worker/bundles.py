"""The bundle cache: fetched by digest once, however many attempts wait for it, and looked over
before its first use in the life of a process."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import io
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import structlog

from millstream.adapters.blobs import FsspecBlobs
from millstream.core.errors import Unavailable
from millstream.sdk.bundle import unpack_bundle
from millstream.sdk.errors import BundleError
from millstream.sdk.folder_cache import FolderCache, Hold, Note, remove_tree
from millstream_worker.held_folders import HeldFolders

log = structlog.get_logger(__name__)

_POLL_S = 0.1
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# Python writes there what it compiled; tasks run with the folder on sys.path.
_COMPILED = "__pycache__"


class Bundles:
    """Bundles unpacked under ``directory``, one folder a digest, together at most ``most_bytes``
    (0: any number) without those in use. Several workers may share the directory."""

    def __init__(self, blobs: FsspecBlobs, directory: Path, most_bytes: int = 0) -> None:
        self._blobs = blobs
        self._cache = FolderCache(directory, most_bytes)
        self._held = HeldFolders(self._cache)
        self._verified: set[str] = set()
        self._fetching: dict[str, asyncio.Task[Path]] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        return self._cache.path(digest)

    def has(self, digest: str) -> bool:
        """Is it here already? True for the empty digest: nothing is needed."""
        return not digest or digest in self._held

    def take(self, digest: str) -> None:
        """Somebody uses it now, who will `give_back`. It must be here."""
        if digest:
            self._held.take(digest)

    def give_back(self, digest: str) -> None:
        if digest:
            self._held.give_back(digest)

    def tend(self, now: float) -> None:
        """Now and then: what was not used for a while is not held any more."""
        self._held.tend(now)

    def close(self) -> None:
        self._held.close()

    async def fetch(self, digest: str) -> Path:
        """The folder of a bundle. Raises NotFound, Unavailable, BlobDamaged or BundleError."""
        if self.has(digest):
            return self.path(digest)
        task = self._fetching.get(digest)
        if task is None:
            task = self._fetching[digest] = asyncio.create_task(self._fetch(digest))
            task.add_done_callback(lambda _: self._fetching.pop(digest, None))
        return await asyncio.shield(task)

    async def _fetch(self, digest: str) -> Path:
        hold = await self._hold(digest)
        try:
            if not await asyncio.to_thread(self._is_good, digest):
                data = await self._blobs.get(digest)
                self._held.let_idle_go()
                await asyncio.to_thread(self._unpack, data, digest)
        except BaseException:
            hold.close()
            raise
        self._verified.add(digest)
        self._held.add(hold)
        return hold.path

    async def _hold(self, digest: str) -> Hold:
        while True:
            try:
                hold = await asyncio.to_thread(self._cache.try_hold, digest)
            except OSError as error:
                raise self._unusable(error) from error
            if hold is not None:
                return hold
            await asyncio.sleep(_POLL_S)  # another process removes it at this moment

    def _is_good(self, digest: str) -> bool:
        note = self._cache.note(digest)
        if note is None:
            return False
        self._cache.touch(digest)
        if digest in self._verified:
            return True
        damage = _damage(self.path(digest), note)
        if damage:
            log.warning("bundle_changed_on_disk", bundle=digest, what=damage)
        return not damage

    def _unpack(self, data: bytes, digest: str) -> None:
        try:
            try:
                self._place(data, digest)
            except (BundleError, OSError) as error:
                if not _is_full(error):
                    raise
                log.warning("disk_full", removed=self._cache.trim(0))
                self._place(data, digest)
            self._cache.trim()
        except OSError as error:
            raise self._unusable(error) from error

    def _place(self, data: bytes, digest: str) -> None:
        """Puts a fresh copy in the place of whatever is there."""
        place = Path(tempfile.mkdtemp(prefix=".fetched-", dir=self._cache.directory))
        try:
            fresh = unpack_bundle(data, digest, place / digest)
            note = _note(data)
            remove_tree(self.path(digest))
            try:
                fresh.rename(self.path(digest))
            except OSError:  # another worker was faster
                if not self.path(digest).is_dir():
                    raise
            self._cache.write_note(digest, note)
        finally:
            shutil.rmtree(place, ignore_errors=True)

    def _unusable(self, error: OSError) -> Unavailable:
        return Unavailable(
            f"The bundle cache {self._cache.directory} cannot be written: {error.strerror or error}"
        )


def _note(data: bytes) -> Note:
    files = {}
    size = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            content = archive.read(entry)
            files[entry.filename] = hashlib.sha256(content).hexdigest()
            size += len(content)
    return Note(size=size, files=files)


def _damage(folder: Path, note: Note) -> str:
    """What differs from what was unpacked; "" if nothing does."""
    missing = dict(note.files)
    for place, directories, files in os.walk(folder):
        if _COMPILED in directories:
            directories.remove(_COMPILED)
        links = [name for name in directories if Path(place, name).is_symlink()]
        for file in [*links, *files]:
            path = Path(place, file)
            name = path.relative_to(folder).as_posix()
            expected = missing.pop(name, None)
            if expected is None:
                return f"{name} was added"
            try:
                with path.open("rb") as opened:
                    found = hashlib.file_digest(opened, "sha256").hexdigest()
            except OSError as error:
                return f"{name}: {error.strerror}"
            if found != expected or path.is_symlink():
                return f"{name} was changed"
    return f"{next(iter(missing))} is missing" if missing else ""


def _is_full(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False
