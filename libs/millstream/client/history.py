"""The past: the log by who, what and when, and pieces of it for an audit."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import UTC, datetime

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from millstream.client.channel import Channel
from millstream.client.models import Event, event_from
from millstream.client.pages import PAGE_SIZE
from millstream.core.errors import InvalidArgument, MillstreamError
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import events_pb2


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The place of an event in the chain. Who keeps it elsewhere can tell later that nothing before
    it was changed or cut off."""

    position: int
    epoch: int
    digest: str
    recorded_at: datetime | None

    def __str__(self) -> str:
        return f"{self.position}:{self.digest}"


class ChainHeads(msgspec.Struct, frozen=True, kw_only=True):
    """The two ends of a piece of the log: ``before`` is the digest of the event before its first
    one, ``digest`` that of its last."""

    shard: int
    first_position: int
    last_position: int
    before: str
    digest: str


class Export:
    """A piece of the log, as it is handed out. ``heads`` is known at once; ``pieces`` can be read
    once, each of them some whole lines."""

    def __init__(self, channel: Channel, from_position: int, to_position: int) -> None:
        self._channel = channel
        self._upcoming = from_position
        self._last = to_position
        self._answers = channel.stream(channel.events.ExportEvents, self._request, None)
        self.heads = _heads_from(next(self._answers).heads)
        self._upcoming, self._last = self.heads.first_position, self.heads.last_position

    def pieces(self) -> Iterator[bytes]:
        """A lost connection is made again, and nothing is missed or repeated."""
        for answer in self._answers:
            if answer.HasField("heads"):  # opened again
                continue
            self._upcoming = answer.position + 1
            yield answer.lines
            if self._upcoming > self._last:
                return
        if self._upcoming <= self._last:
            raise MillstreamError(
                f"The export ended after position {self._upcoming - 1}, before {self._last}."
            )

    def _request(self) -> events_pb2.ExportEventsRequest:
        return events_pb2.ExportEventsRequest(from_position=self._upcoming, to_position=self._last)


class History:
    """What :attr:`Client.history` offers."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        self._channel = channel
        self._namespace = namespace

    def events(
        self,
        run_id: str = "",
        dag_id: str = "",
        *,
        namespace: str = "",
        task_id: str = "",
        types: Collection[str] = (),
        actor: str = "",
        since: datetime | None = None,
        until: datetime | None = None,
        from_position: int = 0,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> Iterator[Event]:
        """The events that match all of this, up to the end of the log as it is; of all namespaces
        unless one is named.

        ``actor``: a principal, a role (``worker``), or a role and more (``worker/host-1``).
        ``until`` is not included. Instants without a time zone are taken as UTC.
        """
        upcoming, left = from_position, limit
        while left is None or left > 0:
            request = events_pb2.ListEventsRequest(
                namespace=namespace,
                dag_id=dag_id,
                run_id=run_id,
                task_id=task_id,
                types=types,
                actor=actor,
                since=instant_to_proto("since", since),
                until=instant_to_proto("until", until),
                from_position=upcoming,
                order_by="position desc" if newest_first else "",
                page_size=PAGE_SIZE if left is None else min(left, PAGE_SIZE),
            )
            answer = self._channel.call(self._channel.events.ListEvents, request)
            yield from map(event_from, answer.events)
            upcoming = answer.next_position
            if left is not None:
                left -= len(answer.events)
            if not upcoming:
                return

    def follow(
        self,
        run_id: str = "",
        dag_id: str = "",
        *,
        namespace: str = "",
        task_id: str = "",
        types: Collection[str] = (),
        actor: str = "",
        since: datetime | None = None,
        from_position: int = 0,
        timeout_s: float | None = None,
    ) -> Iterator[Event]:
        """As :meth:`events`, and then what is committed, without an end. A lost connection is made
        again and nothing is missed or repeated. Raises :class:`WaitTimeout`."""
        earliest = None if since is None else _aware(since)
        if earliest is not None:
            from_position = max(from_position, self.position_at(earliest))

        def request(first: int) -> events_pb2.WatchEventsRequest:
            return events_pb2.WatchEventsRequest(
                namespace=namespace,
                dag_id=dag_id,
                run_id=run_id,
                task_id=task_id,
                types=types,
                actor=actor,
                from_position=first,
            )

        method = self._channel.events.WatchEvents
        for event in self._channel.watch(method, request, from_position, timeout_s):
            found = event_from(event)
            if earliest is None or found.recorded_at >= earliest:
                yield found

    def position_at(self, instant: datetime) -> int:
        """Where the log stood at that instant: the position of the last event recorded by then, 0
        for none. Where a clock was set back there are several such positions, and this is one."""
        request = events_pb2.GetHeadRequest(at=instant_to_proto("at", instant))
        return int(self._channel.call(self._channel.events.GetHead, request).position)

    def head(self, position: int = 0) -> Head:
        """Where the log ends, or the place of an event. Raises :class:`NotFound`."""
        request = events_pb2.GetHeadRequest(position=position)
        answer = self._channel.call(self._channel.events.GetHead, request)
        return Head(
            position=answer.position,
            epoch=answer.epoch,
            digest=answer.digest,
            recorded_at=datetime_from(answer, "recorded_at"),
        )

    def export(self, from_position: int = 0, to_position: int = 0) -> Export:
        """The log from a position (0: its beginning) to another (0: its end as it is), byte for
        byte. Raises :class:`NotFound` if there are no such events."""
        return Export(self._channel, from_position, to_position)


def instant_to_proto(name: str, instant: datetime | None) -> Timestamp | None:
    """Raises :class:`InvalidArgument`."""
    if instant is None:
        return None
    try:
        return timestamp_from(_aware(instant))
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{name} is {instant}, which is out of range: {error}") from error


def _aware(instant: datetime) -> datetime:
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant


def _heads_from(heads: events_pb2.ChainHeads) -> ChainHeads:
    return ChainHeads(
        shard=heads.shard,
        first_position=heads.first_position,
        last_position=heads.last_position,
        before=heads.before,
        digest=heads.digest,
    )
