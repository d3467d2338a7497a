"""The calls about runs: start, read, watch, wait, and what tasks handed on."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec

from millstream.client.control import ControlCalls
from millstream.client.errors import RunFailed, WaitTimeout
from millstream.client.models import (
    Event,
    Run,
    RunRef,
    TaskInstance,
    XCom,
    aware,
    dag_from,
    describe_xcom,
    event_from,
    run_from,
    run_state_number,
    task_from,
    xcom_from,
)
from millstream.client.modes import M, call, listing
from millstream.client.run_handle import RunHandle, Triggered
from millstream.core.errors import InvalidArgument, MillstreamError, NotFound
from millstream.core.statuses import RUN_ENDS
from millstream.rpc.convert import struct_from, timestamp_from
from millstream.rpc.v1 import dags_pb2, runs_pb2
from millstream.sdk.codecs import readable

RETURN_VALUE = "return_value"


class RunCalls(ControlCalls[M]):
    """Part of the client."""

    @call
    async def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        logical_date: datetime | None = None,
        has_logical_date: bool = True,
        run_after: datetime | None = None,
        unpause: bool = True,
        note: str = "",
        request_id: str | None = None,
    ) -> Triggered[M]:
        """Start a run now, or at ``run_after``. Instants without a time zone are taken as UTC.

        ``logical_date``: now unless given; with ``has_logical_date=False`` the run has none, and no
        data interval. ``unpause``: a paused DAG goes on; else the run waits until it does.
        """
        try:
            request = runs_pb2.TriggerRunRequest(
                request_id=request_id or uuid.uuid4().hex,
                namespace=self._namespace,
                dag_id=dag_id,
                run_id=run_id or "",
                conf=struct_from(conf or {}, "conf"),
                logical_date=timestamp_from(aware(logical_date)),
                no_logical_date=not has_logical_date,
                run_after=timestamp_from(aware(run_after)),
                unpause=unpause,
                note=note,
            )
        except (ValueError, OverflowError) as error:
            raise InvalidArgument(f"The run cannot be requested: {error}") from error
        answer = await self._ask(request)
        return Triggered.made(
            self,
            namespace=self._namespace,
            dag_id=answer.dag_id,
            run_id=answer.run_id,
            position=answer.position,
            unpaused=answer.unpaused,
        )

    def run(self, run: RunRef | str, dag_id: str = "") -> RunHandle[M]:
        """A run to be watched and waited for, by its id or by what a read returned. Nothing is
        asked: one that does not exist is noticed with the first call."""
        ref = self._ref(run, dag_id)
        return RunHandle.made(
            self,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            position=ref.position,
        )

    @call
    async def get_run(self, run: RunRef | str, dag_id: str = "") -> Run:
        """The run as it is now. Raises :class:`NotFound`."""
        return await self._get_run(self._ref(run, dag_id))

    @listing
    async def list_runs(
        self, dag_id: str = "", states: Iterable[str] = (), limit: int | None = None
    ) -> AsyncIterator[Run]:
        """The newest first, fetched a page at a time."""
        request = runs_pb2.ListRunsRequest(
            namespace=self._namespace,
            dag_id=dag_id,
            states=[run_state_number(state) for state in states],  # type: ignore[misc]
        )
        async for one in self._items(request, "runs", limit):
            yield run_from(one, 0)

    @call
    async def list_task_instances(self, run: RunRef | str, dag_id: str = "") -> list[TaskInstance]:
        """Every task of the run, in the order of its DAG."""
        return await self._tasks(self._ref(run, dag_id))

    @listing
    async def watch_run(
        self,
        run: RunRef | str,
        dag_id: str = "",
        *,
        from_position: int = 0,
        types: Collection[str] = (),
        timeout_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """The events of a run as they are committed, or those of some ``types``; ends after the
        run's last one.

        A lost connection is made again and nothing is missed or repeated. Raises
        :class:`WaitTimeout`.
        """
        events = self._watch(self._ref(run, dag_id), from_position, types, timeout_s)
        async with contextlib.aclosing(events):
            async for event in events:
                yield event

    @call
    async def wait(
        self, run: RunRef | str, dag_id: str = "", *, timeout_s: float | None = None
    ) -> Run:
        """The run when it is over, be it a success or a failure. Raises :class:`WaitTimeout`."""
        return await self._wait(self._ref(run, dag_id), timeout_s)

    @call
    async def result(
        self, run: RunRef | str, dag_id: str = "", *, timeout_s: float | None = None
    ) -> Any:
        """What the run's result task returned, when the run is over.

        Raises :class:`RunFailed` for a run that failed, :class:`NotFound` where no task of the DAG
        returns its result, and :class:`WaitTimeout`.
        """
        return await self._result(await self._wait(self._ref(run, dag_id), timeout_s))

    @call
    async def xcom(
        self,
        run: RunRef | str,
        task_id: str,
        key: str = RETURN_VALUE,
        *,
        dag_id: str = "",
        map_index: tuple[int, ...] = (),
    ) -> Any:
        """The value that a task handed on. Types of the standard library come as they are, of
        others only the fields: no class is imported and nothing unpickled. Raises
        :class:`NotFound`, and :class:`MillstreamError` for what is too large or binary."""
        return await self._value(self._ref(run, dag_id), task_id, key, map_index)

    @call
    async def get_xcom(
        self,
        run: RunRef | str,
        task_id: str,
        key: str = RETURN_VALUE,
        *,
        dag_id: str = "",
        map_index: tuple[int, ...] = (),
    ) -> XCom:
        """What is known of a value, as it is stored. Raises :class:`NotFound`."""
        return await self._xcom(self._ref(run, dag_id), task_id, key, map_index)

    @call
    async def xcoms(self, run: RunRef | str, dag_id: str = "") -> list[XCom]:
        """All XComs of a run, by task and key."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.ListXComsRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            min_position=ref.position,
        )
        return [xcom_from(one) async for one in self._items(request, "xcoms")]

    @call
    async def rendered_fields(
        self,
        run: RunRef | str,
        task_id: str,
        *,
        dag_id: str = "",
        map_index: tuple[int, ...] = (),
        attempt: int = 0,
    ) -> dict[str, str]:
        """What the template fields of an attempt became (0: of the latest that has any), masked
        and cut; what was no text is JSON. Empty where there was nothing to render, and until the
        attempt ends."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.GetRenderedFieldsRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            task_id=task_id,
            map_index=map_index,
            attempt=attempt,
            min_position=ref.position,
        )
        return {field.name: field.value for field in (await self._ask(request)).fields}

    # --- what the calls share, also with those of a RunHandle

    async def _get_run(self, ref: RunRef) -> Run:
        request = runs_pb2.GetRunRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            min_position=ref.position,
        )
        return run_from((await self._ask(request)).run, ref.position)

    async def _tasks(self, ref: RunRef) -> list[TaskInstance]:
        request = runs_pb2.ListTaskInstancesRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            min_position=ref.position,
        )
        return [task_from(one) async for one in self._items(request, "task_instances")]

    async def _watch(
        self, ref: RunRef, first: int, types: Collection[str], timeout_s: float | None
    ) -> AsyncGenerator[Event, None]:
        answers = self._channel.watch(lambda at: _watching(ref, at, types), first, timeout_s)
        async with contextlib.aclosing(answers):
            async for answer in answers:
                yield event_from(answer.event)

    async def _wait(self, ref: RunRef, timeout_s: float | None) -> Run:
        position = ref.position
        answers = self._channel.watch(lambda at: _watching(ref, at, RUN_ENDS), 0, timeout_s)
        try:
            async with contextlib.aclosing(answers):
                async for answer in answers:
                    position = answer.event.position
                    if answer.HasField("run"):
                        # The read tables may not have it yet.
                        self._channel.told = max(self._channel.told, position)
                        return run_from(answer.run, position)
        except WaitTimeout:
            raise WaitTimeout(
                f"Run {ref.run_id!r} was not over after {timeout_s:g} s; it goes on."
            ) from None
        return await self._get_run(msgspec.structs.replace(plain_ref(ref), position=position))

    async def _result(self, done: Run) -> Any:
        if done.state != "success":
            raise RunFailed(f"Run {done.run_id!r} of DAG {done.dag_id!r} failed: {done.reason}")
        request = dags_pb2.GetDagRequest(
            namespace=done.namespace, dag_id=done.dag_id, version=done.version
        )
        spec = dag_from((await self._ask(request)).dag).spec
        assert spec is not None, "it is there unless it is left out of a list"
        for task in spec.tasks:
            if task.returns_dag_result:
                return await self._value(done, task.task_id, RETURN_VALUE, ())
        raise NotFound(
            f"No task of DAG {done.dag_id!r} returns its result: write @result above one of them."
        )

    async def _value(self, ref: RunRef, task_id: str, key: str, map_index: tuple[int, ...]) -> Any:
        xcom = await self._xcom(ref, task_id, key, map_index)
        if not xcom.value_json:
            raise MillstreamError(
                f"The XCom {key!r} of task {task_id!r} is {describe_xcom(xcom)}: too much to show."
            )
        return readable(xcom.codec, xcom.value_json.encode())

    async def _xcom(self, ref: RunRef, task_id: str, key: str, map_index: tuple[int, ...]) -> XCom:
        request = runs_pb2.GetXComRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            task_id=task_id,
            map_index=map_index,
            key=key,
            min_position=ref.position,
        )
        return xcom_from((await self._ask(request)).xcom)


def _watching(ref: RunRef, upcoming: int, types: Collection[str]) -> runs_pb2.WatchRunRequest:
    return runs_pb2.WatchRunRequest(
        namespace=ref.namespace,
        dag_id=ref.dag_id,
        run_id=ref.run_id,
        from_position=upcoming,
        types=types,
    )


def plain_ref(ref: RunRef) -> RunRef:
    """The name alone of what may be more."""
    return RunRef(
        namespace=ref.namespace, dag_id=ref.dag_id, run_id=ref.run_id, position=ref.position
    )
