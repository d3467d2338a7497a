"""The past: the log by who, what and when, how it stood, and pieces of it for an audit."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection, Iterable
from datetime import datetime

import msgspec

from millstream.client.comparison import Comparisons
from millstream.client.export import Export, Head
from millstream.client.models import (
    Event,
    Run,
    RunRef,
    TaskInstance,
    aware,
    event_from,
    run_from,
    run_state_name,
    run_state_number,
    task_from,
)
from millstream.client.modes import PAGE_SIZE, M, call, listing
from millstream.client.moments import At, instant_to_proto, moment_to_proto
from millstream.client.reruns import Reruns
from millstream.rpc.convert import datetime_from
from millstream.rpc.v1 import events_pb2, history_pb2


class RunAt(msgspec.Struct, frozen=True, kw_only=True):
    """A run as it stood at a position, which was recorded then."""

    position: int
    recorded_at: datetime | None
    run: Run
    tasks: tuple[TaskInstance, ...] = ()


class DagAt(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG as it stood."""

    dag_id: str
    latest_version: int
    submitted_at: datetime | None
    is_paused: bool
    pause_reason: str


class StateAt(msgspec.Struct, frozen=True, kw_only=True):
    """All that there was in a namespace at a position: how many DAGs, how many runs in which state;
    pools with their slots, variables and connections with their versions."""

    position: int
    recorded_at: datetime | None
    epoch: int
    digest: str
    dags: int
    paused_dags: int
    runs: dict[str, int]
    pools: dict[str, int]
    variables: dict[str, int]
    connections: dict[str, int]


class History(Comparisons[M], Reruns[M]):
    """What :attr:`Client.history` offers."""

    @listing
    async def events(
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
    ) -> AsyncIterator[Event]:
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
            answer = await self._ask(request)
            for event in answer.events:
                yield event_from(event)
            upcoming = answer.next_position
            if left is not None:
                left -= len(answer.events)
            if not upcoming:
                return

    @listing
    async def follow(
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
    ) -> AsyncIterator[Event]:
        """As :meth:`events`, and then what is committed, without an end. A lost connection is made
        again and nothing is missed or repeated. Raises :class:`WaitTimeout`."""
        earliest = None if since is None else aware(since)
        if earliest is not None:
            from_position = max(from_position, await self._position_at(earliest))

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

        watched = self._channel.watch(request, from_position, timeout_s)
        async with contextlib.aclosing(watched):
            async for answer in watched:
                found = event_from(answer.event)
                if earliest is None or found.recorded_at >= earliest:
                    yield found

    @call
    async def position_at(self, instant: datetime) -> int:
        """Where the log stood at that instant: the position of the last event recorded by then, 0
        for none. Where a clock was set back there are several such positions, and this is one."""
        return await self._position_at(instant)

    async def _position_at(self, instant: datetime) -> int:
        request = events_pb2.GetHeadRequest(at=instant_to_proto("at", instant))
        return int((await self._ask(request)).position)

    @call
    async def run(
        self, run: RunRef | str, at: At = None, *, dag_id: str = "", with_tasks: bool = True
    ) -> RunAt:
        """A run as it stood at a position of the log, or at an instant, with every task of its DAG
        version. Raises :class:`NotFound` if it was not there yet."""
        ref = self._ref(run, dag_id)
        request = history_pb2.GetRunAtRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            at=moment_to_proto(at),
            min_position=ref.position,
        )
        answer = await self._ask(request)
        place = answer.at.position
        found = run_from(answer.run, 0)

        tasks = history_pb2.ListTaskInstancesAtRequest(
            namespace=found.namespace,
            dag_id=found.dag_id,
            run_id=found.run_id,
            at=history_pb2.Moment(position=place),
        )
        each = self._items(tasks, "task_instances") if with_tasks else None
        return RunAt(
            position=place,
            recorded_at=datetime_from(answer.at, "recorded_at"),
            run=found,
            tasks=() if each is None else tuple([task_from(task) async for task in each]),
        )

    @listing
    async def runs(
        self,
        at: At = None,
        dag_id: str = "",
        states: Iterable[str] = (),
        limit: int | None = None,
    ) -> AsyncIterator[Run]:
        """The runs that there were, as they stood, the newest first."""
        wanted = [run_state_number(state) for state in states]
        place = await self._place(at)
        if not place:
            return
        request = history_pb2.ListRunsAtRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            states=wanted,  # type: ignore[arg-type]
            at=history_pb2.Moment(position=place),
        )
        async for one in self._items(request, "runs", limit):
            yield run_from(one, 0)

    @listing
    async def dags(self, at: At = None) -> AsyncIterator[DagAt]:
        """The DAGs that there were, by id."""
        place = await self._place(at)
        if not place:
            return
        request = history_pb2.ListDagsAtRequest(
            namespace=self._namespace, at=history_pb2.Moment(position=place)
        )
        async for one in self._items(request, "dags"):
            yield _dag_from(one)

    @call
    async def state(self, at: At = None) -> StateAt:
        """What there was, in numbers and names."""
        request = history_pb2.GetStateAtRequest(namespace=self._namespace, at=moment_to_proto(at))
        answer = await self._ask(request)
        return StateAt(
            position=answer.at.position,
            recorded_at=datetime_from(answer.at, "recorded_at"),
            epoch=answer.epoch,
            digest=answer.digest,
            dags=answer.dags,
            paused_dags=answer.paused_dags,
            runs={run_state_name(one.state): one.count for one in answer.runs},
            pools={pool.name: pool.slots for pool in answer.pools},
            variables={one.name: one.version for one in answer.variables},
            connections={one.name: one.version for one in answer.connections},
        )

    async def _place(self, at: At) -> int:
        """One position for all pages of a list."""
        if isinstance(at, datetime):
            return await self._position_at(at)
        return at if at is not None else (await self._head(0)).position

    @call
    async def head(self, position: int = 0) -> Head:
        """Where the log ends, or the place of an event. Raises :class:`NotFound`."""
        return await self._head(position)

    async def _head(self, position: int) -> Head:
        request = events_pb2.GetHeadRequest(position=position)
        answer = await self._ask(request)
        return Head(
            position=answer.position,
            epoch=answer.epoch,
            digest=answer.digest,
            recorded_at=datetime_from(answer, "recorded_at"),
        )

    @call
    async def export(self, from_position: int = 0, to_position: int = 0) -> Export[M]:
        """The log from a position (0: its beginning) to another (0: its end as it is), byte for
        byte. Raises :class:`NotFound` if there are no such events."""
        found: Export[M] = Export(self._channel, from_position, to_position)
        await found.open()
        return found


def _dag_from(dag: history_pb2.DagAt) -> DagAt:
    return DagAt(
        dag_id=dag.dag_id,
        latest_version=dag.latest_version,
        submitted_at=datetime_from(dag, "submitted_at"),
        is_paused=dag.is_paused,
        pause_reason=dag.pause_reason,
    )
