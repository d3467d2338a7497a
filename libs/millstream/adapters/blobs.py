"""The blob store: bytes by their SHA-256, and files by a name, in a directory or on any file system
that fsspec knows. It is asked in threads of its own, and patiently."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import re
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import structlog

from millstream.adapters.blob_bucket import Bucket
from millstream.adapters.blob_directory import Directory
from millstream.core.errors import MillstreamError, NotFound, Unavailable

log = structlog.get_logger(__name__)

READ_BYTES = 256 * 1024
LOGS = "logs"

_KEY = re.compile(r"[0-9a-f]{64}")
_NAMED = re.compile(r"logs(/[A-Za-z0-9_=-][A-Za-z0-9_=.-]*)+")
MOST_AT_ONCE = 8
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
# To try again would not help with these.
_LASTING = (
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG),
)
# botocore's, which is imported only for S3.
_NAMES_OF_LASTING = ("NoCredentialsError", "PartialCredentialsError", "ParamValidationError")

_Result = TypeVar("_Result")


class BlobDamaged(MillstreamError):
    """What is stored under a key does not have the key as its SHA-256."""

    reason = "BLOB_DAMAGED"


class StoredLog(NamedTuple):
    """A log by its name; ``stored_at`` is None where the store does not say."""

    name: str
    size: int
    stored_at: datetime | None


class FsspecBlobs:
    """Blobs under ``url``: an fsspec URL such as ``s3://bucket/prefix``, or a local directory.
    ``options`` are those of its fsspec file system. What may pass is tried again for
    ``patience_s``.

    A blob is there whole or not at all. It is written even if it is there already: that mends one
    that was damaged, and makes it young for whoever deletes by age.
    """

    def __init__(
        self, url: str, options: Mapping[str, Any] | None = None, patience_s: float = 5.0
    ) -> None:
        """Raises InvalidSettings."""
        self._url = url
        self._store = (
            Directory(url.removeprefix("file://"))
            if "://" not in url or url.startswith("file://")
            else Bucket(url, options or {})
        )
        self._patience_s = patience_s
        self._checking: asyncio.Future[None] | None = None
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    # --- by digest

    async def put(self, data: bytes) -> str:
        """Store and return the key. Raises :class:`Unavailable`."""
        key = await self._in_thread(lambda: hashlib.sha256(data).hexdigest())
        await self._put(lambda: self._store.write(_path(key), data))
        return key

    async def get(self, key: str) -> bytes:
        """The bytes, verified. Raises NotFound, Unavailable or BlobDamaged."""
        path = _path(key)

        def read() -> tuple[bytes, str]:
            data = self._store.read(path)
            return data, hashlib.sha256(data).hexdigest()

        data, found = await self._get(read, f"Blob {key}")
        if found != key:
            raise BlobDamaged(f"Blob {key} is damaged: its content has another SHA-256.")
        return data

    async def get_file(self, key: str, scratch: Path) -> tuple[str, bool]:
        """A local file that holds the blob, unchecked, and whether it was made for this call: then
        it is in ``scratch``, and the caller's to remove. Raises NotFound or Unavailable."""
        path = _path(key)
        return await self._get(lambda: self._store.fetch(path, scratch), f"Blob {key}")

    async def put_file(self, file: Path) -> str:
        """Makes a blob of a local file, which may be moved for that, and returns its key. Raises
        :class:`Unavailable`."""
        key = await self._put(lambda: _digest(file))
        await self._put(lambda: self._store.write_file(_path(key), file, may_move=True))
        return key

    async def exists(self, key: str) -> bool:
        """Raises NotFound for what is no key, and Unavailable."""
        path = _path(key)
        return await self._get(lambda: self._store.exists(path), f"Blob {key}")

    # --- by name

    async def put_named(self, name: str, file: Path, *, is_kept: bool = False) -> None:
        """Stores a copy of a local file under a name such as ``logs/a/b.gz``: whole, or not at
        all. What has the name already is replaced, or kept with ``is_kept``. Raises
        :class:`Unavailable`."""
        _check_name(name)
        await self._put(lambda: self._write_named(name, file, is_kept))

    def put_named_blocking(self, name: str, file: Path, *, is_kept: bool = False) -> None:
        """As `put_named`, in a thread of the caller's and tried once."""
        _check_name(name)
        try:
            self._write_named(name, file, is_kept)
        except Exception as error:  # botocore and aiohttp have trees of their own
            raise Unavailable(
                f"The blob store does not take {name}: {self._reason(error)}"
            ) from error

    def _write_named(self, name: str, file: Path, is_kept: bool) -> None:
        if not (is_kept and self._store.exists(name)):
            self._store.write_file(name, file, may_move=False)

    async def get_named(self, name: str) -> bytes:
        """What `put_named` stored. Raises NotFound or Unavailable."""
        _check_name(name)
        return await self._get(lambda: self._store.read(name), name)

    async def read_named(self, name: str) -> AsyncGenerator[bytes, None]:
        """What `put_named` stored, a piece at a time. Raises NotFound or Unavailable."""
        _check_name(name)
        file = await self._get(lambda: self._store.open(name), name)
        try:
            while piece := await self._get(lambda: file.read(READ_BYTES), name):
                yield piece
        finally:
            await self._in_thread(file.close)

    # --- old logs; for a command line, so these block

    def logs(self) -> Iterator[StoredLog]:
        """The logs of attempts that are over. Raises :class:`Unavailable`."""
        try:
            for name, size, stored_at in self._store.find(LOGS):
                yield StoredLog(name, size, stored_at)
        except Exception as error:
            raise Unavailable(f"The blob store does not answer: {self._reason(error)}") from error

    def remove_log(self, name: str) -> None:
        """Raises :class:`Unavailable`."""
        _check_name(name)
        try:
            self._store.remove(name)
        except Exception as error:
            if not isinstance(error, FileNotFoundError):
                raise Unavailable(
                    f"The blob store does not delete {name}: {self._reason(error)}"
                ) from error

    # --- threads, patience, errors

    def check(self) -> None:
        """Say in the log, soon, if the store cannot be used: its first user may come much later."""
        self._checking = asyncio.ensure_future(self._check())

    async def _check(self) -> None:
        try:
            await self.get("0" * 64)
        except NotFound:
            pass
        except MillstreamError as error:
            log.error("blob_store_unusable", error=str(error))

    async def _put(self, work: Callable[[], _Result]) -> _Result:
        try:
            return await self._patiently(work)
        except Exception as error:
            raise Unavailable(
                f"The blob store does not take the blob: {self._reason(error)}"
            ) from error

    async def _get(self, work: Callable[[], _Result], what: str) -> _Result:
        try:
            return await self._patiently(work)
        except Exception as error:
            if isinstance(error, FileNotFoundError) and not _is_bucket_missing(error):
                raise NotFound(f"{what} is not in the blob store.") from error
            raise Unavailable(f"The blob store does not answer: {self._reason(error)}") from error

    async def _patiently(self, work: Callable[[], _Result]) -> _Result:
        """Again and again, as long as it may help. Raises whatever the last try raised."""
        deadline = time.monotonic() + self._patience_s
        pause_s = FIRST_PAUSE_S
        while True:
            try:
                return await self._in_thread(work)
            except Exception as error:  # botocore and aiohttp have trees of their own
                if _is_lasting(error) or time.monotonic() + pause_s > deadline:
                    raise
                log.warning("blob_store_failed", error=self._reason(error), again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _in_thread(self, work: Callable[[], _Result]) -> _Result:
        """A thread that nobody waits for at the end of the process, which a store that hangs would
        hold up."""
        async with self._room:
            loop = asyncio.get_running_loop()
            result: asyncio.Future[_Result] = loop.create_future()

            def say(value: _Result | None, error: BaseException | None) -> None:
                if result.done():
                    return  # nobody waits any more
                if error is None:
                    result.set_result(value)  # type: ignore[arg-type]
                else:
                    result.set_exception(error)

            def run() -> None:
                value, error = None, None
                try:
                    value = work()
                except Exception as raised:
                    error = raised
                with contextlib.suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(say, value, error)

            threading.Thread(target=run, name="blobs", daemon=True).start()
            return await result

    def _reason(self, error: Exception) -> str:
        return f"{str(error) or type(error).__name__} ({self._url})"


def _path(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise NotFound(f"{key[:80]!r} is no blob key: a key is 64 hexadecimal digits.")
    return f"{key[:2]}/{key}"


def _check_name(name: str) -> None:
    if not _NAMED.fullmatch(name):
        raise NotFound(f"{name[:200]!r} is no name in the blob store.")


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _is_lasting(error: Exception) -> bool:
    """Whether another try would meet it too: something is missing, forbidden or full."""
    if isinstance(error, FileNotFoundError | PermissionError | MillstreamError):
        return True
    if isinstance(error, OSError) and error.errno in _LASTING:
        return True
    return type(error).__name__ in _NAMES_OF_LASTING


def _is_bucket_missing(error: FileNotFoundError) -> bool:
    response = getattr(error.__cause__, "response", None) or {}
    return bool(response.get("Error", {}).get("Code") == "NoSuchBucket")
