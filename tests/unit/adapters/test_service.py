"""What all services have in common."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TextIO, cast

import pytest

from millstream.adapters.service import Service, Unfailing, run_until_stopped
from millstream.adapters.settings import Settings


class FullDisk:
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_log_line_that_cannot_be_written_raises_nothing() -> None:
    stream = Unfailing(cast(TextIO, FullDisk()))
    assert stream.write("a line") == 6
    stream.flush()


def test_a_service_ends_although_a_loop_missed_that_it_was_cancelled() -> None:
    """As before Python 3.12 within ``asyncio.wait_for``, when the answer came in that moment."""

    async def deaf() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    async def failing() -> None:
        raise RuntimeError("what this is about")

    async def live() -> None:
        async with asyncio.timeout(30):
            await run_until_stopped(Service(Settings()), deaf(), failing())

    with pytest.raises(RuntimeError, match="what this is about"):
        asyncio.run(live())
