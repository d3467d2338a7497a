"""The logs of a worker's attempts: kept in a local file each, published from it on the stream LOGS
while the task runs, and put into the blob store when it is over.

What is printed is in the file within a tenth of a second, and goes on from there: NATS may be away,
the worker may be killed (its next life puts the files into the blob store), the disk may be full
(then lines are published from memory). None of it is waited for by the attempt.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.log_lines import (
    MOST_LINES,
    MOST_MESSAGE_BYTES,
    LogHeader,
    LogLine,
    log_path,
    log_subject,
)
from millstream.adapters.streams import ROLL_UP
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.event_parts import Where
from millstream.sdk.masking import Masker
from millstream_worker.output import UNFINISHED, Output

log = structlog.get_logger(__name__)

FLUSH_S = 0.1
STORE_TIMEOUT_S = 5.0
FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 30.0
# An attempt that is over is published for so long while NATS answers with errors; then its log is
# in the blob store alone.
MOST_REFUSALS = 10
ROLLED_UP_FROM_BYTES = MOST_MESSAGE_BYTES
MOST_IN_MEMORY = 1024 * 1024
_MOST_UNREAD = 64 * 1024
UPLOADS_AT_ONCE = 32
# Of logs that the blob store does not take; the oldest are given up beyond it. They are on LOGS.
MOST_LEFT_BYTES = 2 * 1024**3
SUFFIX = ".jsonl"

_encoder = msgspec.json.Encoder()


class _About(msgspec.Struct, frozen=True):
    """The first line of a file: whose log it is."""

    where: Where
    claim: str


_about_decoder = msgspec.json.Decoder(_About)


class LogFiles:
    """The logs of the worker ``worker``, in ``directory``. ``most_bytes`` is how much of what an
    attempt prints is kept."""

    def __init__(
        self,
        bus: Bus,
        blobs: FsspecBlobs,
        shard: int,
        worker: str,
        directory: Path,
        most_bytes: int,
    ) -> None:
        self._bus = bus
        self._blobs = blobs
        self._shard = shard
        self._worker = worker
        self._directory = directory
        self._most_bytes = most_bytes
        self._publishing: set[asyncio.Task[None]] = set()
        self._finished: list[_Finished] = []
        self._uploading: asyncio.Task[None] | None = None
        self._is_closing = False

    def start(self) -> int:
        """Put into the blob store what an earlier life left behind, in the background. Returns how
        many logs that are."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            left = sorted(self._directory.glob(f"*{SUFFIX}"))
            for draft in self._directory.glob("*.gz"):
                draft.unlink(missing_ok=True)
        except OSError as error:
            log.error("log_directory_unusable", error=str(error))
            return 0
        for path in left:
            try:
                with path.open("rb") as file:
                    about = _about_decoder.decode(file.readline())
            except (OSError, msgspec.MsgspecError) as error:
                log.error("log_file_unreadable", file=str(path), error=repr(error))
                path.unlink(missing_ok=True)
                continue
            self._finish(_Finished(path, about.where, is_leftover=True))
        return len(left)

    def open(self, where: Where, claim: str) -> AttemptLog:
        """The log of one attempt. It costs nothing until there is something in it."""
        return AttemptLog(self, where, claim)

    async def close(self, timeout_s: float) -> None:
        """Publish and upload what can be in that time; the next life does the rest."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        self._is_closing = True
        if self._publishing:
            await asyncio.wait(self._publishing, timeout=timeout_s)
        if self._uploading is not None:
            left_s = max(deadline - asyncio.get_running_loop().time(), 0.0)
            await asyncio.wait((self._uploading,), timeout=left_s)
        tasks = [*self._publishing, *([self._uploading] if self._uploading else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- what is over goes into the blob store

    def _finish(self, finished: _Finished) -> None:
        self._finished.append(finished)
        if self._uploading is None:
            self._uploading = asyncio.get_running_loop().create_task(self._upload())
            self._uploading.add_done_callback(self._upload_ended)

    def _upload_ended(self, task: asyncio.Task[None]) -> None:
        self._uploading = None
        if not task.cancelled() and task.exception() is not None:
            log.error("log_upload_failed_inside", exc_info=task.exception())

    async def _upload(self) -> None:
        retry_s = FIRST_RETRY_S
        while self._finished:
            batch = self._finished[:UPLOADS_AT_ONCE]
            del self._finished[:UPLOADS_AT_ONCE]
            failed = await asyncio.to_thread(self._upload_batch, batch)
            for finished in batch:
                if finished not in failed and finished.published >= ROLLED_UP_FROM_BYTES:
                    await self._roll_up(finished)
            if not failed:
                retry_s = FIRST_RETRY_S
                continue
            self._finished += failed
            if self._is_closing:
                return
            await asyncio.to_thread(self._give_up_oldest)
            await asyncio.sleep(retry_s)
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    def _upload_batch(self, batch: list[_Finished]) -> list[_Finished]:
        """In a thread. Returns those that the store did not take."""
        failed = []
        for finished in batch:
            try:
                finished.upload(self._blobs, self._shard)
            except FileNotFoundError:
                continue  # given up, or removed by somebody
            except (OSError, MillstreamError) as error:
                log.warning("log_not_uploaded", file=str(finished.path), error=str(error))
                failed.append(finished)
            except Exception as error:  # of the store's library: it must not stop the others
                log.exception("log_not_uploaded", file=str(finished.path), error=repr(error))
                failed.append(finished)
        return failed

    def _give_up_oldest(self) -> None:
        """In a thread: keep the disk from being filled by logs that nobody takes."""
        total = 0
        for finished in reversed(list(self._finished)):
            try:
                total += finished.path.stat().st_size
                if total > MOST_LEFT_BYTES:
                    finished.path.unlink()
                    log.error("log_given_up", file=str(finished.path))
            except OSError:
                pass

    async def _roll_up(self, finished: _Finished) -> None:
        """Of its messages one stays, which says that this was the end. A worker may take away what
        it has written itself, and no more: so this is a message and no purge."""
        subject = log_subject(self._shard, self._worker, finished.where)
        header = LogHeader(finished.lines, is_end=True, claim=finished.claim).encode() + ROLL_UP
        try:
            await self._bus.store(subject, b"[]", STORE_TIMEOUT_S, header)
        except (JetStreamError, Unavailable):
            pass  # they go with their age

    # --- for AttemptLog

    def new_store(self, where: Where, claim: str) -> _Lines:
        return _Lines(self._directory / f"{claim}{SUFFIX}", _About(where, claim))

    def new_output(self, masker: Masker) -> Output:
        return Output(masker, self._most_bytes)

    def publish(self, one: AttemptLog) -> None:
        """Begin to publish its lines."""
        task = asyncio.get_running_loop().create_task(
            one.publish(self._bus, self._shard, self._worker)
        )
        self._publishing.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            self._publishing.discard(task)
            if not task.cancelled() and task.exception() is not None:
                log.error("log_publishing_failed_inside", exc_info=task.exception())

        task.add_done_callback(ended)

    def published(self, path: Path, about: _About, size: int, lines: int) -> None:
        """All lines of an attempt that is over are published."""
        self._finish(_Finished(path, about.where, about.claim, size, lines))


@dataclass(slots=True, eq=False)
class _Finished:
    """A file that waits for the blob store. ``published``: bytes on LOGS, ``lines`` in them."""

    path: Path
    where: Where
    claim: str = ""
    published: int = 0
    lines: int = 0
    is_leftover: bool = False

    def upload(self, blobs: FsspecBlobs, shard: int) -> None:
        """Blocks. A leftover does not replace what is there: another worker may have had the
        attempt. Raises OSError and :class:`Unavailable`."""
        draft = self.path.with_suffix(".gz")
        if self.is_leftover:
            _cut_after_last_line(self.path)
        try:
            with self.path.open("rb") as file, gzip.open(draft, "wb", compresslevel=4) as packed:
                file.readline()
                shutil.copyfileobj(file, packed, 1 << 20)
            blobs.put_named_blocking(log_path(shard, self.where), draft, is_kept=self.is_leftover)
        finally:
            draft.unlink(missing_ok=True)
        self.path.unlink(missing_ok=True)


def _cut_after_last_line(path: Path) -> None:
    """Take off the line that its writer was killed in."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = file.seek(max(size - MOST_MESSAGE_BYTES, 0))
        end = file.read().rfind(b"\n") + 1
        if end and start + end < size:
            file.truncate(start + end)


class AttemptLog:
    """The log of one attempt. ``masker`` may be set before the first line."""

    def __init__(self, files: LogFiles, where: Where, claim: str) -> None:
        self.masker = Masker()
        self._files = files
        self._where = where
        self._claim = claim
        self._began_at = datetime.now(UTC)
        self._output: Output | None = None
        self._store: _Lines | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self._news: asyncio.Event | None = None

    @property
    def is_empty(self) -> bool:
        return self._output is None

    def feed(self, source: str, data: bytes) -> None:
        """The task says something on ``source``: stdout or stderr."""
        if self._is_over:
            return
        output = self._output or self._begin()
        output.feed(source, data, datetime.now(UTC))
        if output.waiting_lines > MOST_LINES:
            self._flush()
        elif self._timer is None:
            self._wake(FLUSH_S)

    def note(self, text: str, level: str = "INFO") -> None:
        """Say something about the attempt."""
        if not self._is_over:
            (self._output or self._begin()).note(text, datetime.now(UTC), level)
            if self._timer is None:
                self._wake(FLUSH_S)

    def finish(self) -> None:
        """The attempt is over."""
        if self._output is None or self._is_over:
            return
        self._output.finish(datetime.now(UTC))
        self._is_over = True
        self._flush()

    def discard(self) -> None:
        """Another worker has the attempt: nothing more is said of this one."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if self._store is not None:
            self._store.discard()
        if self._news is not None:
            self._news.set()

    def _begin(self) -> Output:
        self._output = output = self._files.new_output(self.masker)
        where = self._where
        index = f"[{', '.join(map(str, where.map_index))}]" if where.map_index else ""
        output.note(
            f"Attempt {where.attempt} of {where.task_id}{index} "
            f"(DAG {where.dag_id}, run {where.run_id})",
            self._began_at,
        )
        return output

    def _wake(self, after_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(after_s, self._tick)

    def _tick(self) -> None:
        self._timer = None
        if self._output is not None and not self._is_over:
            self._output.release(datetime.now(UTC))
            self._flush()

    def _flush(self) -> None:
        assert self._output is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines = self._output.take()
        if self._store is None:
            self._store = self._files.new_store(self._where, self._claim)
            self._news = asyncio.Event()
            self._files.publish(self)
        assert self._news is not None
        self._store.append(lines)
        self._news.set()
        if self._output.is_unfinished and not self._is_over:
            self._wake(UNFINISHED.total_seconds())

    # --- from the file to the stream

    async def publish(self, bus: Bus, shard: int, worker: str) -> None:
        """Publish the lines in order, each message acknowledged before the next, to the end of the
        attempt; then hand over the file."""
        store, news = self._store, self._news
        assert store is not None
        assert news is not None
        subject = log_subject(shard, worker, self._where)
        number = refusals = 0
        retry_s = FIRST_RETRY_S
        while not store.is_discarded:
            news.clear()
            lines, size = store.peek()
            is_end = self._is_over and store.is_last(size)
            if not lines and not is_end:
                await news.wait()
                continue
            header = LogHeader(number, is_end, self._claim)
            body = b"[%s]" % b",".join(lines)
            try:
                await bus.store(subject, body, STORE_TIMEOUT_S, header.encode())
            except (Unavailable, JetStreamError) as error:
                refusals += bus.is_connected
                if self._is_over and refusals > MOST_REFUSALS:
                    log.warning("log_lines_not_published", subject=subject, error=str(error))
                    break
                await asyncio.sleep(retry_s)
                retry_s = min(retry_s * 2, 2.0)
                continue
            store.advance(size)
            number += len(lines)
            retry_s = FIRST_RETRY_S
            if is_end:
                break
        if store.is_whole and not store.is_discarded:
            about = _About(self._where, self._claim)
            self._files.published(store.path, about, store.published, number)


class _Lines:
    """The lines of one attempt, encoded: a file, of which so much as is not published yet is in
    memory too while that is little. On a full disk it is all in memory, and bounded."""

    def __init__(self, path: Path, about: _About) -> None:
        self.path = path
        self.published = 0
        self.is_whole = True
        self.is_discarded = False
        self._about = _encoder.encode(about) + b"\n"
        self._size = self._at = len(self._about)
        self._unread: bytearray | None = bytearray()
        self._lost = 0

    def append(self, lines: list[LogLine]) -> None:
        if self.is_discarded or not lines:
            return
        told = [self._lost_note()] if self._lost else []
        data = _encoder.encode_lines([*told, *lines])
        if self.is_whole:
            try:
                self._write(data)
            except OSError as error:
                self._leave_disk(error)
        if self._unread is None:
            pass
        elif self.is_whole and len(self._unread) + len(data) > _MOST_UNREAD:
            self._unread = None
        elif not self.is_whole and len(self._unread) > MOST_IN_MEMORY:
            self._lost += len(lines)
            return
        else:
            self._unread += data
            self._lost = 0
        self._size += len(data)

    def _lost_note(self) -> LogLine:
        text = f"{self._lost} lines are lost: the worker's disk is full and NATS was away"
        return LogLine(at=datetime.now(UTC), source="millstream", text=text, level="ERROR")

    def _write(self, data: bytes) -> None:
        is_first = self._size == len(self._about)
        flags = os.O_WRONLY | os.O_APPEND | (os.O_CREAT | os.O_TRUNC if is_first else 0)
        descriptor = os.open(self.path, flags | os.O_CLOEXEC, 0o600)
        try:
            left = memoryview(self._about + data if is_first else data)
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)

    def _leave_disk(self, error: OSError) -> None:
        log.error("log_not_kept_on_disk", file=str(self.path), error=str(error))
        if self._unread is None:
            self._unread = bytearray(self._read(self._size - self._at))
        self.is_whole = False
        self.path.unlink(missing_ok=True)

    def _read(self, most: int) -> bytes:
        try:
            with self.path.open("rb", buffering=0) as file:
                file.seek(self._at)
                return file.read(min(most, self._size - self._at)) or b""
        except OSError as error:
            log.error("log_file_unreadable", file=str(self.path), error=str(error))
            return b""

    def peek(self) -> tuple[list[bytes], int]:
        """The lines of the next message, and how many bytes of the file they are."""
        if self._unread is not None:
            data = bytes(self._unread[:MOST_MESSAGE_BYTES])
        else:
            data = self._read(_MOST_UNREAD)
            if b"\n" not in data:
                data = self._read(MOST_MESSAGE_BYTES)
        lines = data.split(b"\n", MOST_LINES)
        lines.pop()  # the rest
        return lines, sum(map(len, lines)) + len(lines)

    def is_last(self, size: int) -> bool:
        """Is there nothing after these bytes?"""
        return self._at + size >= self._size

    def advance(self, size: int) -> None:
        """These bytes are on the stream."""
        self._at += size
        self.published += size
        if self._unread is not None:
            del self._unread[:size]
        elif self._at == self._size:
            self._unread = bytearray()

    def discard(self) -> None:
        self.is_discarded = True
        self.path.unlink(missing_ok=True)
