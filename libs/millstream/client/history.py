"""The past: the log by who, what and when, and pieces of it for an audit."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from millstream.client.channel import Channel
from millstream.client.control import selectors
from millstream.client.models import (
    Event,
    Run,
    RunRef,
    TaskInstance,
    aware,
    event_from,
    run_from,
    task_from,
)
from millstream.client.modes import PAGE_SIZE, Calls, M, Speaks, call, listing
from millstream.core.errors import InvalidArgument, MillstreamError
from millstream.core.spec import DagSpec
from millstream.core.statuses import RunStatus
from millstream.rpc.convert import datetime_from, struct_from, timestamp_from
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import events_pb2, history_pb2, runs_pb2


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


class InputDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What two runs were made with, or how a task is defined, where it is not the same."""

    name: str
    one: str
    other: str


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task instance did another thing: ``kind`` is outcome, result (the same ends, other
    values), missing or extra. A position is 0 where there is no event; ``is_first``: no task above
    it diverges."""

    task_id: str
    map_index: tuple[int, ...]
    kind: str
    one: str
    other: str
    one_position: int
    other_position: int
    is_first: bool


class DurationChange(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance that took much longer in one of the runs."""

    task_id: str
    map_index: tuple[int, ...]
    one_s: float
    other_s: float


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """``divergences``: the first thousand of ``divergence_count``, those first that have none above
    them; ``first_outcome``: the first one if values and messages do not count."""

    one: Run
    other: Run
    inputs: tuple[InputDifference, ...]
    tasks: tuple[InputDifference, ...]
    divergences: tuple[Divergence, ...]
    divergence_count: int
    first_outcome: Divergence | None
    durations: tuple[DurationChange, ...]

    @property
    def first(self) -> Divergence | None:
        """The first divergence of all."""
        return self.divergences[0] if self.divergences else None


class Rerun(RunRef, frozen=True, kw_only=True):
    """A run that was made from another one, with how many results of that one."""

    taken_over: int = 0


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a run was made from, the nearest first, and those that were made from it."""

    run: Run
    ancestors: tuple[Run, ...]
    reruns: tuple[Run, ...]


class WhatIfTask(msgspec.Struct, frozen=True, kw_only=True):
    """How a task instance ended, and how it would have: ``kind`` is same, changed, new (the run had
    it not) or gone. A state is "" where it is not there; ``is_assumed``: the run does not say how
    it ends, so a success without a result is assumed."""

    task_id: str
    map_index: tuple[int, ...]
    kind: str
    recorded: str
    expected: str
    recorded_order: int
    expected_order: int
    is_assumed: bool


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would have done with another version of its DAG. ``tasks``: the first thousand,
    the ``different`` ones first; seconds from the beginning of the run to its end."""

    run: Run
    expected: str
    reason: str
    recorded_s: float
    expected_s: float
    changes: tuple[InputDifference, ...]
    tasks: tuple[WhatIfTask, ...]
    different: int
    assumed: int


# A position of the log, or an instant; None: now.
At = int | datetime | None


class Export(Speaks[M]):
    """A piece of the log, as it is handed out. ``heads`` is known at once; ``pieces`` can be read
    once, each of them some whole lines."""

    heads: ChainHeads

    def __init__(self, channel: Channel, from_position: int, to_position: int) -> None:
        self._channel = channel
        self._upcoming = from_position
        self._last = to_position
        self._answers = channel.stream(self._request, None)

    async def open(self) -> None:
        """Reads the heads."""
        self.heads = _heads_from((await anext(self._answers)).heads)
        self._upcoming, self._last = self.heads.first_position, self.heads.last_position

    @listing
    async def pieces(self) -> AsyncIterator[bytes]:
        """A lost connection is made again, and nothing is missed or repeated."""
        async with contextlib.aclosing(self._answers):
            async for answer in self._answers:
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


class History(Calls[M]):
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
            async for event in watched:
                found = event_from(event)
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
            at=_moment(at),
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
        wanted = [_state_number(state) for state in states]
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
        request = history_pb2.GetStateAtRequest(namespace=self._namespace, at=_moment(at))
        answer = await self._ask(request)
        return StateAt(
            position=answer.at.position,
            recorded_at=datetime_from(answer.at, "recorded_at"),
            epoch=answer.epoch,
            digest=answer.digest,
            dags=answer.dags,
            paused_dags=answer.paused_dags,
            runs={_state_name(one.state): one.count for one in answer.runs},
            pools={pool.name: pool.slots for pool in answer.pools},
            variables={one.name: one.version for one in answer.variables},
            connections={one.name: one.version for one in answer.connections},
        )

    @call
    async def diff(
        self, one: RunRef | str, other: RunRef | str, *, dag_id: str = "", other_dag_id: str = ""
    ) -> RunDiff:
        """Where two runs part. Raises :class:`NotFound`."""
        left, right = self._ref(one, dag_id), self._ref(other, other_dag_id)
        request = history_pb2.DiffRunsRequest(
            namespace=left.namespace,
            dag_id=left.dag_id,
            run_id=left.run_id,
            other_dag_id=right.dag_id,
            other_run_id=right.run_id,
            min_position=max(left.position, right.position),
        )
        answer = await self._ask(request)
        has_outcome = answer.HasField("first_outcome")
        return RunDiff(
            one=run_from(answer.one, 0),
            other=run_from(answer.other, 0),
            inputs=tuple(map(_input_from, answer.inputs)),
            tasks=tuple(map(_input_from, answer.tasks)),
            divergences=tuple(map(_divergence_from, answer.divergences)),
            divergence_count=answer.divergence_count,
            first_outcome=_divergence_from(answer.first_outcome) if has_outcome else None,
            durations=tuple(
                DurationChange(
                    task_id=one.task_id,
                    map_index=tuple(one.map_index),
                    one_s=one.one_seconds,
                    other_s=one.other_seconds,
                )
                for one in answer.durations
            ),
        )

    @call
    async def rerun(
        self,
        run: RunRef | str,
        tasks: Iterable[str] = (),
        *,
        at: At = None,
        dag_id: str = "",
        conf: Mapping[str, Any] | None = None,
        version: int = 0,
        latest_version: bool = False,
        run_id: str = "",
        note: str = "",
        request_id: str | None = None,
    ) -> Rerun:
        """Make a new run from one that there is: what succeeded in that one stands, by reference,
        unless it is downstream of what runs again.

        What runs again is what did not succeed; with ``tasks`` (task ids, group ids or ``TASK[0]``)
        these as well; with ``at``, a position or an instant, what had not ended then. ``conf`` and
        the version are those of the run unless given.
        """
        ref = self._ref(run, dag_id)
        selected = selectors(tasks)
        start = history_pb2.RERUN_START_FAILED
        if at is not None:
            start = history_pb2.RERUN_START_EVENT
        elif selected:
            start = history_pb2.RERUN_START_TASKS
        request = history_pb2.RerunRunRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            new_run_id=run_id,
            start=start,
            tasks=selected,
            at=_moment(at),
            conf=None if conf is None else struct_from(conf, "conf"),
            dag_version=version,
            latest_version=latest_version,
            note=note,
            min_position=ref.position,
        )
        answer = await self._ask(request)
        return Rerun(
            namespace=ref.namespace,
            dag_id=answer.dag_id,
            run_id=answer.run_id,
            position=answer.position,
            taken_over=answer.taken_over,
        )

    @call
    async def lineage(self, run: RunRef | str, *, dag_id: str = "") -> Lineage:
        """Where a run comes from, and what came of it. Raises :class:`NotFound`."""
        ref = self._ref(run, dag_id)
        request = history_pb2.GetLineageRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            min_position=ref.position,
        )
        answer = await self._ask(request)
        return Lineage(
            run=run_from(answer.run, 0),
            ancestors=tuple(run_from(one, 0) for one in answer.ancestors),
            reruns=tuple(run_from(one, 0) for one in answer.reruns),
        )

    @call
    async def whatif(
        self,
        run: RunRef | str,
        spec: DagSpec | None = None,
        *,
        version: int = 0,
        dag_id: str = "",
    ) -> WhatIf:
        """What a run would have done with another version of its DAG: ``spec``, or a version that
        is registered (0: the newest). Its recorded outcomes are played against that version;
        nothing runs, and nothing is written. Raises :class:`InvalidDag`."""
        ref = self._ref(run, dag_id)
        request = history_pb2.WhatIfRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            spec=None if spec is None else spec_to_proto(spec),
            dag_version=version,
            min_position=ref.position,
        )
        answer = await self._ask(request)
        return WhatIf(
            run=run_from(answer.run, 0),
            expected=_state_name(answer.expected),
            reason=answer.reason,
            recorded_s=answer.recorded_seconds,
            expected_s=answer.expected_seconds,
            changes=tuple(map(_input_from, answer.changes)),
            tasks=tuple(map(_whatif_task_from, answer.tasks)),
            different=answer.different,
            assumed=answer.assumed,
        )

    async def _place(self, at: At) -> int:
        """One position for all pages of a list."""
        if isinstance(at, datetime):
            return await self._position_at(at)
        return at if at is not None else (await self._head(0)).position

    def _ref(self, run: RunRef | str, dag_id: str) -> RunRef:
        if isinstance(run, RunRef):
            return run
        return RunRef(namespace=self._namespace, dag_id=dag_id, run_id=run)

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


def instant_to_proto(name: str, instant: datetime | None) -> Timestamp | None:
    """Raises :class:`InvalidArgument`."""
    if instant is None:
        return None
    try:
        return timestamp_from(aware(instant))
    except (ValueError, OverflowError) as error:
        raise InvalidArgument(f"{name} is {instant}, which is out of range: {error}") from error


def _moment(at: At) -> history_pb2.Moment | None:
    if at is None:
        return None
    if isinstance(at, datetime):
        return history_pb2.Moment(instant=instant_to_proto("at", at))
    return history_pb2.Moment(position=at)


def _state_name(state: int) -> str:
    return runs_pb2.RunState.Name(state).removeprefix("RUN_STATE_").lower()


def _state_number(state: str) -> int:
    if state not in set(RunStatus):
        raise InvalidArgument(
            f"{state!r} is no state of a run; the states are {', '.join(RunStatus)}."
        )
    return runs_pb2.RunState.Value(f"RUN_STATE_{state.upper()}")


def _task_state_name(state: int) -> str:
    name = runs_pb2.TaskState.Name(state).removeprefix("TASK_STATE_").lower()
    return "" if name == "unspecified" else name


def _whatif_task_from(one: history_pb2.WhatIfTask) -> WhatIfTask:
    kind = history_pb2.WhatIfKind.Name(one.kind)
    return WhatIfTask(
        task_id=one.task_id,
        map_index=tuple(one.map_index),
        kind=kind.removeprefix("WHAT_IF_KIND_").lower(),
        recorded=_task_state_name(one.recorded),
        expected=_task_state_name(one.expected),
        recorded_order=one.recorded_order,
        expected_order=one.expected_order,
        is_assumed=one.is_assumed,
    )


def _input_from(one: history_pb2.InputDifference) -> InputDifference:
    return InputDifference(name=one.name, one=one.one, other=one.other)


def _divergence_from(one: history_pb2.Divergence) -> Divergence:
    kind = history_pb2.DivergenceKind.Name(one.kind)
    return Divergence(
        task_id=one.task_id,
        map_index=tuple(one.map_index),
        kind=kind.removeprefix("DIVERGENCE_KIND_").lower(),
        one=one.one,
        other=one.other,
        one_position=one.one_position,
        other_position=one.other_position,
        is_first=one.is_first,
    )


def _dag_from(dag: history_pb2.DagAt) -> DagAt:
    return DagAt(
        dag_id=dag.dag_id,
        latest_version=dag.latest_version,
        submitted_at=datetime_from(dag, "submitted_at"),
        is_paused=dag.is_paused,
        pause_reason=dag.pause_reason,
    )


def _heads_from(heads: events_pb2.ChainHeads) -> ChainHeads:
    return ChainHeads(
        shard=heads.shard,
        first_position=heads.first_position,
        last_position=heads.last_position,
        before=heads.before,
        digest=heads.digest,
    )
