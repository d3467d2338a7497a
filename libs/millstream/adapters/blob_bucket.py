"""Files on what fsspec knows, such as S3, where a file appears whole or not at all."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec

from millstream.adapters.settings import InvalidSettings

S3_PROTOCOLS = ("s3", "s3a")
# What one transfer holds in memory: a few parts of this size.
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 2
READ_BYTES = 1024 * 1024
MOST_PARTS = 10_000
# One try must end; whoever calls tries again.
_S3_CLIENT = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 3},
}
# Where botocore finds them, besides files and what the machine's role gives.
_S3_CREDENTIALS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
)


def credential_names(
    url: str, options: Mapping[str, Any], environ: Mapping[str, str] = os.environ
) -> list[str]:
    """The variables of the environment that the store's credentials come from: its own, which
    tasks must not have. With credentials in ``options``, AWS_* are not the store's."""
    protocol = url.partition(":")[0] if "://" in url else ""
    if not protocol or protocol == "file":
        return []
    prefix = f"FSSPEC_{protocol.upper()}"
    names = [name for name in environ if name == prefix or name.startswith(f"{prefix}_")]
    if protocol in S3_PROTOCOLS and not options.get("key"):
        names += _S3_CREDENTIALS
    return names


class Bucket:
    """The blobs under ``url``. Every method blocks, and raises FileNotFoundError for what is not
    there, and any other exception for whatever else there is."""

    def __init__(self, url: str, options: Mapping[str, Any]) -> None:
        """Raises InvalidSettings."""
        self._fs: Any
        self._is_s3 = url.partition(":")[0] in S3_PROTOCOLS
        try:
            self._fs, root = fsspec.core.url_to_fs(url, **self._options(options))
        except ImportError as error:
            package = "millstream[s3]" if self._is_s3 else error.name or "its package"
            raise InvalidSettings(
                f"MILLSTREAM_BLOB_URL={url!r} needs a package that is not installed ({error}): "
                f"pip install '{package}'"
            ) from error
        except (ValueError, TypeError) as error:
            raise InvalidSettings(
                f"MILLSTREAM_BLOB_URL={url!r} or MILLSTREAM_BLOB_OPTIONS cannot be used: {error}. "
                f"The URL is a directory, or one that fsspec knows, such as s3://bucket/prefix."
            ) from error
        if self._is_s3:
            self._fs.retries = 1  # botocore retries, and so does whoever calls: not a third one
            _bound_calls(self._fs, 2 * self._fs.config_kwargs["read_timeout"])
        self._root = str(root).rstrip("/")

    def _options(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """With what makes S3 fail in time, and never answer from a listing that it remembers."""
        if not self._is_s3:
            return dict(options)
        known = fsspec.config.conf.get("s3", {}).get("config_kwargs", {})
        client = {**_S3_CLIENT, **known, **options.get("config_kwargs", {})}
        ours = {"use_listings_cache": False, "skip_instance_cache": True}
        return {**ours, **options, "config_kwargs": client}

    def exists(self, path: str) -> bool:
        return bool(self._fs.exists(self._full(path)))

    def read(self, path: str) -> bytes:
        data: bytes = self._fs.cat_file(self._full(path))
        return data

    def open(self, path: str) -> Any:
        """A file to read from, which holds a small part of it in memory."""
        return self._fs.open(self._full(path), "rb", block_size=READ_BYTES)

    def fetch(self, path: str, scratch: Path) -> tuple[str, bool]:
        """A copy in ``scratch``."""
        handle, copy = tempfile.mkstemp(dir=scratch)
        os.close(handle)
        try:
            if self._is_s3:
                self._fs.get_file(
                    self._full(path), copy, chunksize=PART_BYTES, max_concurrency=PARTS_AT_ONCE
                )
            else:
                self._fs.get_file(self._full(path), copy)
        except BaseException:
            Path(copy).unlink(missing_ok=True)
            raise
        return copy, True

    def write(self, path: str, data: bytes) -> None:
        if self._is_s3:
            self._fs.pipe_file(self._full(path), data, chunksize=PART_BYTES)
        else:
            self._fs.pipe_file(self._full(path), data)

    def write_file(self, path: str, source: Path, may_move: bool) -> None:
        """In several parts where it is large."""
        if self._is_s3:
            part = max(PART_BYTES, -(-source.stat().st_size // MOST_PARTS))
            self._fs.put_file(
                str(source), self._full(path), chunksize=part, max_concurrency=PARTS_AT_ONCE
            )
        else:
            self._fs.put_file(str(source), self._full(path))

    def find(self, folder: str) -> Iterator[tuple[str, int, datetime | None]]:
        """The path, the size and the age of each file."""
        for path, about in self._fs.find(self._full(folder), detail=True).items():
            stored_at = about.get("LastModified") or about.get("mtime") or about.get("created")
            if isinstance(stored_at, int | float):
                stored_at = datetime.fromtimestamp(stored_at, UTC)
            name = path.removeprefix(self._root).lstrip("/")
            yield name, int(about.get("size") or 0), stored_at

    def remove(self, path: str) -> None:
        self._fs.rm_file(self._full(path))

    def _full(self, path: str) -> str:
        return f"{self._root}/{path}"


def _bound_calls(fs: Any, longest_s: float) -> None:
    """A call sends two parts at most, and receives the head of an answer. No other timeout covers
    the wait for leave to send (``Expect: 100-continue``)."""
    call = fs._call_s3

    async def bounded(*args: Any, **kwargs: Any) -> Any:
        return await asyncio.wait_for(call(*args, **kwargs), longest_s)

    fs._call_s3 = bounded
