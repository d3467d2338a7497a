"""The blob store: bytes by their SHA-256, on any file system that fsspec knows."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import fsspec

from millstream.core.errors import MillstreamError, NotFound, Unavailable

READ_BYTES = 256 * 1024
_KEY = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(r"logs(/[A-Za-z0-9_=-][A-Za-z0-9_=.-]*)+")


class BlobDamaged(MillstreamError):
    """What is stored under a key does not have the key as its SHA-256."""

    reason = "BLOB_DAMAGED"


class FsspecBlobs:
    """Blobs under ``url``: an fsspec URL such as ``s3://bucket/prefix``, or a local directory.

    A blob is written under a name of its own first and then renamed, so a reader never sees half of
    it.
    """

    def __init__(self, url: str) -> None:
        self._fs: Any
        self._fs, root = (
            fsspec.core.url_to_fs(url, auto_mkdir=True)
            if _is_local(url)
            else fsspec.core.url_to_fs(url)
        )
        self._root = str(root).rstrip("/")
        self._is_local = _is_local(url)

    async def put(self, data: bytes) -> str:
        return await asyncio.to_thread(self.put_blocking, data)

    async def get(self, key: str) -> bytes:
        return await asyncio.to_thread(self.get_blocking, key)

    async def get_file(self, key: str, scratch: Path) -> tuple[str, bool]:
        """A local file that holds the blob, unchecked, and whether it was made for this call: then
        it is in ``scratch``, and the caller's to remove. Raises NotFound or Unavailable."""
        return await asyncio.to_thread(self._get_file, key, scratch)

    def _get_file(self, key: str, scratch: Path) -> tuple[str, bool]:
        path = self._path(key)
        try:
            if self._is_local:
                if not self._fs.exists(path):
                    raise FileNotFoundError(path)
                return path, False
            handle, copy = tempfile.mkstemp(dir=scratch)
            os.close(handle)
            self._fs.get_file(path, copy)
        except FileNotFoundError as error:
            raise NotFound(f"Blob {key} is not in the blob store.") from error
        except OSError as error:
            raise Unavailable(f"The blob store does not answer: {error}") from error
        return copy, True

    async def put_file(self, path: Path) -> str:
        """Makes a blob of a local file, which may be moved for that, and returns its key. Raises
        :class:`Unavailable`."""
        return await asyncio.to_thread(self._put_file, path)

    def _put_file(self, path: Path) -> str:
        try:
            with path.open("rb") as file:
                key = hashlib.file_digest(file, "sha256").hexdigest()
            target = self._path(key)
            if not (self._fs.exists(target) and self._fs.size(target) == path.stat().st_size):
                if self._is_local:
                    temporary = f"{target}.{os.getpid()}.{id(path):x}.tmp"
                    self._fs.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.move(path, temporary)
                    self._fs.mv(temporary, target)
                else:
                    self._fs.put_file(str(path), target)
        except OSError as error:
            raise Unavailable(f"The blob store does not take the blob: {error}") from error
        return key

    async def put_named(self, name: str, file: Path, *, is_kept: bool = False) -> None:
        """Stores a copy of a local file under a name such as ``logs/a/b.gz``: whole, or not at
        all. What has the name already is replaced, or kept with ``is_kept``. Raises
        :class:`Unavailable`."""
        await asyncio.to_thread(self.put_named_blocking, name, file, is_kept=is_kept)

    def put_named_blocking(self, name: str, file: Path, *, is_kept: bool = False) -> None:
        """As `put_named`, in a thread of the caller's."""
        target = self._named(name)
        try:
            if is_kept and self._fs.exists(target):
                return
            if self._is_local:
                temporary = f"{target}.{os.getpid()}.{id(file):x}.tmp"
                try:
                    self._fs.put_file(str(file), temporary)
                    self._fs.mv(temporary, target)
                except OSError:
                    if self._fs.exists(temporary):
                        self._fs.rm_file(temporary)
                    raise
            else:
                self._fs.put_file(str(file), target)
        except OSError as error:
            raise Unavailable(f"The blob store does not take {name}: {error}") from error

    async def get_named(self, name: str) -> bytes:
        """What `put_named` stored. Raises NotFound or Unavailable."""
        return await asyncio.to_thread(self._get_named, name)

    def _get_named(self, name: str) -> bytes:
        try:
            data: bytes = self._fs.cat_file(self._named(name))
        except FileNotFoundError as error:
            raise NotFound(f"{name} is not in the blob store.") from error
        except OSError as error:
            raise Unavailable(f"The blob store does not answer: {error}") from error
        return data

    async def read_named(self, name: str) -> AsyncGenerator[bytes, None]:
        """What `put_named` stored, a piece at a time. Raises NotFound or Unavailable."""
        path = self._named(name)
        try:
            file = await asyncio.to_thread(self._fs.open, path, "rb", block_size=READ_BYTES)
            try:
                while piece := await asyncio.to_thread(file.read, READ_BYTES):
                    yield piece
            finally:
                await asyncio.to_thread(file.close)
        except FileNotFoundError as error:
            raise NotFound(f"{name} is not in the blob store.") from error
        except OSError as error:
            raise Unavailable(f"The blob store does not answer: {error}") from error

    def _named(self, name: str) -> str:
        if not _NAMED.fullmatch(name):
            raise NotFound(f"{name[:200]!r} is no name in the blob store.")
        return f"{self._root}/{name}"

    async def exists(self, key: str) -> bool:
        return bool(await asyncio.to_thread(self._fs.exists, self._path(key)))

    def put_blocking(self, data: bytes) -> str:
        """For a process without an event loop. Raises :class:`Unavailable`."""
        key = hashlib.sha256(data).hexdigest()
        path = self._path(key)
        try:
            if self._fs.exists(path) and self._fs.size(path) == len(data):
                return key
            if self._is_local:
                temporary = f"{path}.{os.getpid()}.{id(data):x}.tmp"
                self._fs.pipe_file(temporary, data)
                self._fs.mv(temporary, path)
            else:
                self._fs.pipe_file(path, data)
        except OSError as error:
            raise Unavailable(f"The blob store does not take the blob: {error}") from error
        return key

    def get_blocking(self, key: str) -> bytes:
        """For a process without an event loop. Raises NotFound, Unavailable or BlobDamaged."""
        try:
            data: bytes = self._fs.cat_file(self._path(key))
        except FileNotFoundError as error:
            raise NotFound(f"Blob {key} is not in the blob store.") from error
        except OSError as error:
            raise Unavailable(f"The blob store does not answer: {error}") from error
        if hashlib.sha256(data).hexdigest() != key:
            raise BlobDamaged(f"Blob {key} is damaged: its content has another SHA-256.")
        return data

    def _path(self, key: str) -> str:
        if not _KEY.fullmatch(key):
            raise NotFound(f"{key[:80]!r} is no blob key: a key is 64 hexadecimal digits.")
        return f"{self._root}/{key[:2]}/{key}"


def _is_local(url: str) -> bool:
    return "://" not in url or url.startswith("file://")
