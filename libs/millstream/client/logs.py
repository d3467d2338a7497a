"""``Client.logs``: what tasks print and log."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from datetime import datetime

import msgspec

from millstream.client.channel import Channel
from millstream.client.models import RunRef
from millstream.client.modes import Async, Calls, M, Speaks, Sync
from millstream.rpc.convert import datetime_from
from millstream.rpc.v1 import logs_pb2


class LogLine(msgspec.Struct, frozen=True, kw_only=True):
    """A line of an attempt's log, without its end.

    ``number`` counts from 0 in the log of ``attempt``; it is -1 for a note that is not in the log,
    such as that lines are missing. ``source``: stdout, stderr, task (a record of `logging`) or
    millstream (said about the attempt). ``level`` and ``logger`` are those of a record, else empty.
    """

    attempt: int
    number: int
    at: datetime
    source: str
    text: str
    level: str = ""
    logger: str = ""


class LogReader(Speaks[M]):
    """The lines of a log, as they come; made by :meth:`Logs.read`. To be iterated over, with
    ``async for`` if it is one of an ``AsyncClient``.

    ``attempt`` and ``next_line`` say where to go on. When it is through, ``state`` says how the
    attempt stood then ("running" if its log was read as far as it had come), and ``reason`` why.
    """

    def __init__(
        self, channel: Channel, request: logs_pb2.ReadLogRequest, timeout_s: float | None
    ) -> None:
        self.attempt = request.attempt
        self.next_line = request.from_line
        self.state = ""
        self.reason = ""
        self._channel = channel
        self._request = request
        self._timeout_s = timeout_s

    def __iter__(self: LogReader[Sync]) -> Iterator[LogLine]:
        lines: Iterator[LogLine] = self._channel.iterate(self._lines())
        return lines

    def __aiter__(self: LogReader[Async]) -> AsyncIterator[LogLine]:
        lines: AsyncIterator[LogLine] = self._channel.iterate(self._lines())
        return lines

    async def _lines(self) -> AsyncIterator[LogLine]:
        stream = self._channel.stream(self._upcoming, self._timeout_s)
        async with contextlib.aclosing(stream):
            async for answer in stream:
                self.attempt, self.next_line = answer.attempt, answer.next_line
                self.state, self.reason = answer.state, answer.reason
                for line in answer.lines:
                    yield _line(answer.attempt, line)

    def _upcoming(self) -> logs_pb2.ReadLogRequest:
        """The request for what has not come yet."""
        self._request.attempt = self.attempt
        self._request.from_line = self.next_line
        return self._request


class Logs(Calls[M]):
    """The calls of LogService in one namespace."""

    def read(
        self,
        run: RunRef | str,
        task_id: str,
        *,
        dag_id: str = "",
        map_index: Sequence[int] = (),
        attempt: int = 0,
        from_line: int = 0,
        follow: bool = False,
        follow_retries: bool = False,
        levels: Collection[str] = (),
        contains: str = "",
        timeout_s: float | None = None,
    ) -> LogReader[M]:
        """The log of an attempt (0: of the latest that has started), from a line on.

        With ``follow`` lines are given as they come, until the attempt is over; a task that has not
        started is waited for, and one that was only interrupted (deferred, rescheduled) is followed
        into its next attempt; with ``follow_retries`` into retries too. ``levels``: only records of
        these; ``contains``: only lines with this text.

        A lost connection is made again, and no line is missed or repeated. Raises, when it is
        iterated over, :class:`NotFound` for what has no log, and :class:`WaitTimeout`.
        """
        ref = run if isinstance(run, RunRef) else None
        request = logs_pb2.ReadLogRequest(
            namespace=ref.namespace if ref else self._namespace,
            dag_id=ref.dag_id if ref else dag_id,
            run_id=ref.run_id if ref else str(run),
            task_id=task_id,
            map_index=map_index,
            attempt=attempt,
            from_line=from_line,
            follow=follow,
            follow_retries=follow_retries,
            levels=levels,
            contains=contains,
            min_position=ref.position if ref else 0,
        )
        return LogReader(self._channel, request, timeout_s)


def _line(attempt: int, line: logs_pb2.LogLine) -> LogLine:
    at = datetime_from(line, "at")
    assert at is not None, "every line has a time"
    return LogLine(
        attempt=attempt,
        number=line.number,
        at=at,
        source=line.source,
        text=line.text,
        level=line.level,
        logger=line.logger,
    )
