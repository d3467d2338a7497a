"""A trigger that waits for a file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from glob import glob
from typing import Any

from millstream.sdk.triggers.trigger import BaseEventTrigger, BaseTrigger, TriggerEvent


def find_file(pattern: str, recursive: bool = False) -> str | None:
    """A file that matches, or a folder that matches and holds one at any depth; None if there is
    none."""
    for path in glob(pattern, recursive=recursive):
        if os.path.isfile(path):
            return path
        if any(files for _, _, files in os.walk(path)):
            return path
    return None


class FileTrigger(BaseTrigger):
    """Fires with True when ``filepath``, which may be a glob, is there. It looks every
    ``poke_interval`` seconds, in a thread, since a file system may be slow."""

    def __init__(
        self, filepath: str, recursive: bool = False, poke_interval: float = 5.0, **kwargs: Any
    ) -> None:
        self.filepath = filepath
        self.recursive = recursive
        self.poke_interval = poke_interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return (
            "millstream.sdk.triggers.file.FileTrigger",
            {
                "filepath": self.filepath,
                "recursive": self.recursive,
                "poke_interval": self.poke_interval,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            path = await asyncio.to_thread(find_file, self.filepath, self.recursive)
            if path is not None:
                break
            await asyncio.sleep(self.poke_interval)
        self.log.info("found %s", path)
        yield TriggerEvent(True)


class FileDeleteTrigger(FileTrigger, BaseEventTrigger):
    """Fires with the path of a file that matches, which it has deleted: for watchers of assets, to
    which each file is one event."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "millstream.sdk.triggers.file.FileDeleteTrigger", super().serialize()[1]

    async def run(self) -> AsyncIterator[TriggerEvent]:
        while True:
            path = await asyncio.to_thread(self._take)
            if path is not None:
                break
            await asyncio.sleep(self.poke_interval)
        self.log.info("took %s", path)
        yield TriggerEvent(path)

    def _take(self) -> str | None:
        path = find_file(self.filepath, self.recursive)
        if path is None or not os.path.isfile(path):
            return None
        os.remove(path)
        return path
