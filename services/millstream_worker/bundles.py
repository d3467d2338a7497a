"""The bundle cache: fetched by digest once, however many attempts wait for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from millstream.adapters.blobs import FsspecBlobs
from millstream.sdk.bundle import unpack_bundle


class Bundles:
    """Bundles unpacked under ``directory``, one folder a digest."""

    def __init__(self, blobs: FsspecBlobs, directory: Path) -> None:
        self._blobs = blobs
        self._directory = directory
        self._ready: set[str] = set()
        self._fetching: dict[str, asyncio.Task[Path]] = {}
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, digest: str) -> Path:
        return self._directory / digest

    def has(self, digest: str) -> bool:
        """Is it here already? True for the empty digest: nothing is needed."""
        return not digest or digest in self._ready

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
        path = self.path(digest)
        if not path.is_dir():
            data = await self._blobs.get(digest)
            await asyncio.to_thread(unpack_bundle, data, digest, path)
        self._ready.add(digest)
        return path
