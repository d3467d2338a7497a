"""How a log is checked: two processes read it side by side, one judges each row on its own, the
other asks the core."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import AsyncExitStack, ExitStack, contextmanager, nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from millstream.adapters.log_file import LogWriter, read_log, write_log
from millstream.core.errors import MillstreamError
from millstream.verify import Findings, Verifier
from millstream.verify.fold import Fold

if TYPE_CHECKING:
    from collections.abc import Iterator

    from millstream.adapters.log_snapshot import LogSnapshot
    from millstream.adapters.settings import Settings

LIVE_ONLY = ("end of the log", "stream", "read tables")


def verify_file(path: Path) -> Findings:
    """Check a log that was dumped. Raises :class:`UnreadableLog`."""
    with _beside(_fold_file, path) as folding:
        verifier = Verifier()
        for row in read_log(path):
            verifier.add(row)
        findings = verifier.finish()
        findings.merge(folding.result())
    for check in LIVE_ONLY:
        findings.left_out[check] = "a file says nothing of it"
    return findings


def verify_live(settings: Settings, *, with_stream: bool, dump: Path | None) -> Findings:
    """Check a log in Postgres as it is at this moment, and the stream with it. Raises
    :class:`Unavailable`."""
    return asyncio.run(_verify_live(settings, with_stream, dump))


async def _verify_live(settings: Settings, with_stream: bool, dump: Path | None) -> Findings:
    from millstream.adapters.log_snapshot import open_snapshot
    from millstream.adapters.mirror import open_mirror

    async with AsyncExitStack() as stack:
        # Before the log, so that it must hold all that the stream holds.
        mirror = None
        if with_stream:
            mirror = await open_mirror(settings.nats_url, settings.shard)
            stack.push_async_callback(mirror.close)
        snapshot = await stack.enter_async_context(
            open_snapshot(settings.database_url, settings.shard)
        )
        place = (settings.database_url, settings.shard, snapshot.id)
        with ExitStack() as inner:
            folding = inner.enter_context(_beside(_fold_live, *place))
            writer = inner.enter_context(write_log(dump) if dump else nullcontext())
            findings = await _judge(snapshot, writer)
            if mirror is not None:
                await mirror.check(snapshot, findings)
            findings.merge(await asyncio.wrap_future(folding))
    if mirror is None:
        findings.left_out["stream"] = "not asked for"
    return findings


async def _judge(snapshot: LogSnapshot, writer: LogWriter | None) -> Findings:
    verifier = Verifier()
    async for rows in snapshot.rows():
        for row in rows:
            verifier.add(row)
            if writer is not None:
                writer.add(row)
    findings = verifier.finish()
    verifier.check_end(snapshot.end.position, snapshot.end.epoch, snapshot.end.digest)
    return findings


# --- beside


@contextmanager
def _beside(work: Callable[..., Findings], *arguments: object) -> Iterator[Future[Findings]]:
    """Do something in another process meanwhile."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            yield pool.submit(work, *arguments)
        except BrokenExecutor as error:
            raise MillstreamError(
                "The process that asks the core died; is there enough memory?"
            ) from error


def _fold_file(path: Path) -> Findings:
    fold = Fold()
    for row in read_log(path):
        fold.add(row)
    return fold.findings


def _fold_live(url: str, shard: int, snapshot_id: str) -> Findings:
    return asyncio.run(_fold_snapshot(url, shard, snapshot_id))


async def _fold_snapshot(url: str, shard: int, snapshot_id: str) -> Findings:
    from millstream.adapters.log_snapshot import open_snapshot

    fold = Fold()
    async with open_snapshot(url, shard, snapshot_id) as snapshot:
        async for rows in snapshot.rows():
            for row in rows:
                fold.add(row)
    return fold.findings
