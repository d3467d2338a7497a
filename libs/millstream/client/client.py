"""The synchronous client of the api. One instance may be used from several threads."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from millstream.client.address import find_address
from millstream.client.approvals import Approvals
from millstream.client.assets import Assets
from millstream.client.backfills import Backfills
from millstream.client.channel import Channel
from millstream.client.control import (
    Controlled,
    controlled_from,
    run_state,
    selectors,
    task_state,
)
from millstream.client.dag_file import read_dag_file
from millstream.client.errors import RunFailed, WaitTimeout
from millstream.client.history import History
from millstream.client.logs import Logs
from millstream.client.models import (
    Dag,
    Event,
    Run,
    RunRef,
    Status,
    Submitted,
    TaskInstance,
    Triggered,
    XCom,
    dag_from,
    describe_xcom,
    event_from,
    run_from,
    status_from,
    task_from,
    xcom_from,
)
from millstream.client.pages import PAGE_SIZE, pages
from millstream.client.pools import Pools
from millstream.client.secrets import (
    Connections,
    Variables,
    connection_for_dag_file,
    for_dag_file,
)
from millstream.core.errors import InvalidArgument, MillstreamError, NotFound
from millstream.core.spec import DagSpec
from millstream.core.statuses import RUN_ENDS, RunStatus
from millstream.rpc.convert import struct_from, timestamp_from
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import dags_pb2, events_pb2, runs_pb2, system_pb2
from millstream.sdk.codecs import readable

CHUNK_BYTES = 256 * 1024
RETURN_VALUE = "return_value"


class Client:
    """Talks to the api at ``address`` (host:port), or where :func:`find_address` finds one.

    ``timeout_s`` bounds each call with its retries: a change carries an id, so that trying again
    never makes it twice. Every error is a :class:`MillstreamError`. A run is named by what
    :meth:`trigger` and the reads return, or by its run id where that is unique.
    """

    def __init__(
        self,
        address: str | None = None,
        namespace: str = "default",
        timeout_s: float = 30.0,
        *,
        data_dir: str | Path | None = None,
    ) -> None:
        self.address = address or find_address(data_dir)
        self.namespace = namespace
        self._channel = Channel(self.address, timeout_s)
        self.variables = Variables(self._channel, namespace)
        self.connections = Connections(self._channel, namespace)
        self.assets = Assets(self._channel, namespace)
        self.approvals = Approvals(self._channel, namespace)
        self.pools = Pools(self._channel, namespace)
        self.logs = Logs(self._channel, namespace)
        self.backfills = Backfills(self._channel, namespace)
        self.history = History(self._channel, namespace)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._channel.close()

    def submit_file(self, path: str | Path, root: str | Path | None = None) -> list[Submitted]:
        """Register every DAG of a file, with the files under ``root`` (by default those beside it).

        Raises ``DagFileError`` naming the line at fault, and :class:`InvalidDag`.
        """
        from millstream.sdk.bundle import build_bundle

        file = Path(path).resolve()
        base = None if root is None else Path(root).resolve()
        specs = read_dag_file(file, base, self._find)
        bundle = self.upload_bundle(build_bundle(file, base).data)
        return [self.submit_spec(spec, bundle) for spec in specs]

    def upload_bundle(self, data: bytes) -> str:
        """Store a zip archive; returns its digest, by which DAGs name it."""

        def chunks() -> Iterator[dags_pb2.UploadBundleRequest]:
            for start in range(0, len(data), CHUNK_BYTES):
                yield dags_pb2.UploadBundleRequest(chunk=data[start : start + CHUNK_BYTES])

        answer = self._channel.call(self._channel.dags.UploadBundle, chunks)
        return str(answer.digest)

    def submit_spec(
        self, spec: DagSpec, bundle: str = "", *, request_id: str | None = None
    ) -> Submitted:
        """Register a DAG version; one that equals the latest changes nothing."""
        request = dags_pb2.SubmitDagRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self.namespace,
            spec=spec_to_proto(spec),
            bundle=bundle,
        )
        answer = self._channel.call(self._channel.dags.SubmitDag, request)
        return Submitted(dag_id=answer.dag_id, version=answer.version, position=answer.position)

    def trigger(
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
    ) -> Triggered:
        """Start a run now, or at ``run_after``. Instants without a time zone are taken as UTC.

        ``logical_date``: now unless given; with ``has_logical_date=False`` the run has none, and no
        data interval. ``unpause``: a paused DAG goes on; else the run waits until it does.
        """
        try:
            request = runs_pb2.TriggerRunRequest(
                request_id=request_id or uuid.uuid4().hex,
                namespace=self.namespace,
                dag_id=dag_id,
                run_id=run_id or "",
                conf=struct_from(conf or {}, "conf"),
                logical_date=timestamp_from(_aware(logical_date)),
                no_logical_date=not has_logical_date,
                run_after=timestamp_from(_aware(run_after)),
                unpause=unpause,
                note=note,
            )
        except (ValueError, OverflowError) as error:
            raise InvalidArgument(f"The run cannot be requested: {error}") from error
        answer = self._channel.call(self._channel.runs.TriggerRun, request)
        return Triggered(
            namespace=self.namespace,
            dag_id=answer.dag_id,
            run_id=answer.run_id,
            position=answer.position,
            unpaused=answer.unpaused,
        )

    def get_run(self, run: RunRef | str, dag_id: str = "") -> Run:
        """The run as it is now. Raises :class:`NotFound`."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.GetRunRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            min_position=ref.position,
        )
        return run_from(self._channel.call(self._channel.runs.GetRun, request).run, ref.position)

    def list_runs(
        self, dag_id: str = "", states: Iterable[str] = (), limit: int | None = None
    ) -> Iterator[Run]:
        """The newest first, fetched a page at a time."""
        wanted = [_run_state(state) for state in states]

        def page(token: str, size: int) -> tuple[list[Run], str]:
            request = runs_pb2.ListRunsRequest(
                namespace=self.namespace,
                dag_id=dag_id,
                states=wanted,  # type: ignore[arg-type]
                page_size=size,
                page_token=token,
            )
            answer = self._channel.call(self._channel.runs.ListRuns, request)
            return [run_from(run, 0) for run in answer.runs], answer.next_page_token

        return pages(page, limit)

    def list_task_instances(self, run: RunRef | str, dag_id: str = "") -> list[TaskInstance]:
        """Every task of the run, in the order of its DAG."""
        ref = self._ref(run, dag_id)

        def page(token: str, size: int) -> tuple[list[TaskInstance], str]:
            request = runs_pb2.ListTaskInstancesRequest(
                namespace=ref.namespace,
                dag_id=ref.dag_id,
                run_id=ref.run_id,
                page_size=size,
                page_token=token,
                min_position=ref.position,
            )
            answer = self._channel.call(self._channel.runs.ListTaskInstances, request)
            return [task_from(task) for task in answer.task_instances], answer.next_page_token

        return list(pages(page, None))

    def watch_run(
        self,
        run: RunRef | str,
        dag_id: str = "",
        *,
        from_position: int = 0,
        types: Collection[str] = (),
        timeout_s: float | None = None,
    ) -> Iterator[Event]:
        """The events of a run as they are committed, or those of some ``types``; ends after the
        run's last one.

        A lost connection is made again and nothing is missed or repeated. Raises
        :class:`WaitTimeout`.
        """
        ref = self._ref(run, dag_id)

        def request(first: int) -> runs_pb2.WatchRunRequest:
            return runs_pb2.WatchRunRequest(
                namespace=ref.namespace,
                dag_id=ref.dag_id,
                run_id=ref.run_id,
                from_position=first,
                types=types,
            )

        method = self._channel.runs.WatchRun
        return map(event_from, self._channel.watch(method, request, from_position, timeout_s))

    def wait(self, run: RunRef | str, dag_id: str = "", *, timeout_s: float | None = None) -> Run:
        """The run when it is over, be it a success or a failure. Raises :class:`WaitTimeout`."""
        ref = self._ref(run, dag_id)
        position = ref.position
        try:
            for event in self.watch_run(ref, types=RUN_ENDS, timeout_s=timeout_s):
                position = event.position
        except WaitTimeout:
            raise WaitTimeout(
                f"Run {ref.run_id!r} was not over after {timeout_s:g} s; it goes on."
            ) from None
        return self.get_run(msgspec.structs.replace(self._plain_ref(ref), position=position))

    def result(self, run: RunRef | str, dag_id: str = "", *, timeout_s: float | None = None) -> Any:
        """What the run's result task returned, when the run is over.

        Raises :class:`RunFailed` for a run that failed, :class:`NotFound` where no task of the DAG
        returns its result, and :class:`WaitTimeout`.
        """
        done = self.wait(run, dag_id, timeout_s=timeout_s)
        if done.state != "success":
            raise RunFailed(f"Run {done.run_id!r} of DAG {done.dag_id!r} failed: {done.reason}")
        spec = self.get_dag(done.dag_id, done.version).spec
        assert spec is not None, "it is there unless it is left out of a list"
        for task in spec.tasks:
            if task.returns_dag_result:
                return self.xcom(done, task.task_id)
        raise NotFound(
            f"No task of DAG {done.dag_id!r} returns its result: write @result above one of them."
        )

    def xcom(
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
        xcom = self.get_xcom(run, task_id, key, dag_id=dag_id, map_index=map_index)
        if not xcom.value_json:
            raise MillstreamError(
                f"The XCom {key!r} of task {task_id!r} is {describe_xcom(xcom)}: too much to show."
            )
        return readable(xcom.codec, xcom.value_json.encode())

    def get_xcom(
        self,
        run: RunRef | str,
        task_id: str,
        key: str = RETURN_VALUE,
        *,
        dag_id: str = "",
        map_index: tuple[int, ...] = (),
    ) -> XCom:
        """What is known of a value, as it is stored. Raises :class:`NotFound`."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.GetXComRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            task_id=task_id,
            map_index=map_index,
            key=key,
            min_position=ref.position,
        )
        return xcom_from(self._channel.call(self._channel.runs.GetXCom, request).xcom)

    def xcoms(self, run: RunRef | str, dag_id: str = "") -> list[XCom]:
        """All XComs of a run, by task and key."""
        ref = self._ref(run, dag_id)

        def page(token: str, size: int) -> tuple[list[XCom], str]:
            request = runs_pb2.ListXComsRequest(
                namespace=ref.namespace,
                dag_id=ref.dag_id,
                run_id=ref.run_id,
                page_size=size,
                page_token=token,
                min_position=ref.position,
            )
            answer = self._channel.call(self._channel.runs.ListXComs, request)
            return [xcom_from(xcom) for xcom in answer.xcoms], answer.next_page_token

        return list(pages(page, None))

    def events(
        self,
        run_id: str = "",
        dag_id: str = "",
        *,
        from_position: int = 0,
        follow: bool = False,
        types: Collection[str] = (),
        namespace: str = "",
        timeout_s: float | None = None,
    ) -> Iterator[Event]:
        """Events in order up to the end of the log as it is, or without an end with ``follow``.

        Of all namespaces unless one is named.
        """
        if follow:

            def watch_request(first: int) -> events_pb2.WatchEventsRequest:
                return events_pb2.WatchEventsRequest(
                    namespace=namespace,
                    dag_id=dag_id,
                    run_id=run_id,
                    from_position=first,
                    types=types,
                )

            method = self._channel.events.WatchEvents
            watched = self._channel.watch(method, watch_request, from_position, timeout_s)
            return map(event_from, watched)
        listed = self._list_events(namespace, dag_id, run_id, from_position)
        return (event for event in listed if not types or event.type in types)

    def get_dag(self, dag_id: str, version: int = 0) -> Dag:
        """The latest version of a DAG, or another, with its spec. Raises :class:`NotFound`."""
        request = dags_pb2.GetDagRequest(namespace=self.namespace, dag_id=dag_id, version=version)
        return dag_from(self._channel.call(self._channel.dags.GetDag, request).dag)

    def list_dags(self) -> Iterator[Dag]:
        """By id, without specs."""

        def page(token: str, size: int) -> tuple[list[Dag], str]:
            request = dags_pb2.ListDagsRequest(
                namespace=self.namespace, page_size=size, page_token=token
            )
            answer = self._channel.call(self._channel.dags.ListDags, request)
            return [dag_from(dag) for dag in answer.dags], answer.next_page_token

        return pages(page, None)

    def clear(
        self,
        run: RunRef | str,
        tasks: Iterable[str] = (),
        *,
        dag_id: str = "",
        upstream: bool = False,
        downstream: bool = False,
        past: bool = False,
        future: bool = False,
        only_failed: bool = True,
        only_running: bool = False,
        reset_dag_runs: bool = True,
        run_on_latest_version: bool = False,
        dry_run: bool = False,
        request_id: str | None = None,
    ) -> Controlled:
        """Let tasks run again; what runs of them is stopped first. ``tasks`` are task ids, group
        ids, or ``TASK[0,2]`` for an instance; none: all tasks of the run.

        Unless ``only_failed`` is off, only what failed or could not run; together with
        ``only_running``, either. ``past`` and ``future``: also in the runs of other logical dates.
        A run that is over is queued again if ``reset_dag_runs``, else left alone.
        """
        ref = self._ref(run, dag_id)
        request = runs_pb2.ClearTasksRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            tasks=selectors(tasks),
            include_upstream=upstream,
            include_downstream=downstream,
            include_past=past,
            include_future=future,
            only_failed=only_failed,
            only_running=only_running,
            reset_dag_runs=reset_dag_runs,
            run_on_latest_version=run_on_latest_version,
            dry_run=dry_run,
            min_position=ref.position,
        )
        return controlled_from(self._channel.call(self._channel.runs.ClearTasks, request))

    def mark_tasks(
        self,
        run: RunRef | str,
        tasks: Iterable[str],
        state: str,
        *,
        dag_id: str = "",
        upstream: bool = False,
        downstream: bool = False,
        past: bool = False,
        future: bool = False,
        note: str = "",
        dry_run: bool = False,
        request_id: str | None = None,
    ) -> Controlled:
        """Say how tasks ended: "success", "failed" or "skipped". What runs of them is stopped
        first; what failed downstream of them runs again."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.MarkTasksRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            tasks=selectors(tasks),
            state=task_state(state),  # type: ignore[arg-type]
            include_upstream=upstream,
            include_downstream=downstream,
            include_past=past,
            include_future=future,
            note=note,
            dry_run=dry_run,
            min_position=ref.position,
        )
        return controlled_from(self._channel.call(self._channel.runs.MarkTasks, request))

    def mark_run(
        self,
        run: RunRef | str,
        state: str,
        *,
        dag_id: str = "",
        note: str = "",
        request_id: str | None = None,
    ) -> int:
        """Say how a run ends: "success", or "failed", which stops what runs and skips what has not
        begun. Teardowns still run. Returns the position at which that is in the log."""
        ref = self._ref(run, dag_id)
        request = runs_pb2.MarkRunRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            state=run_state(state),  # type: ignore[arg-type]
            note=note,
        )
        return int(self._channel.call(self._channel.runs.MarkRun, request).position)

    def cancel(self, run: RunRef | str, *, dag_id: str = "", note: str = "") -> int:
        """End a run as failed: :meth:`mark_run` with "failed"."""
        return self.mark_run(run, "failed", dag_id=dag_id, note=note)

    def pause_dag(self, dag_id: str, *, request_id: str | None = None) -> bool:
        """Nothing of the DAG starts, and its schedule makes no runs, until it is unpaused. Returns
        False if it was paused already."""
        return self._set_paused(dag_id, True, request_id)

    def unpause_dag(self, dag_id: str, *, request_id: str | None = None) -> bool:
        """The DAG goes on. Returns False if it was not paused."""
        return self._set_paused(dag_id, False, request_id)

    def _set_paused(self, dag_id: str, is_paused: bool, request_id: str | None) -> bool:
        request = dags_pb2.SetDagPausedRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=self.namespace,
            dag_id=dag_id,
            is_paused=is_paused,
        )
        answer = self._channel.call(self._channel.dags.SetDagPaused, request)
        return bool(answer.has_changed)

    def status(self) -> Status:
        """Of the installation as a whole."""
        request = system_pb2.GetStatusRequest()
        return status_from(self._channel.call(self._channel.system.GetStatus, request))

    def _find(self, what: str, name: str) -> str | None:
        """What a DAG file looks up while it is read, as far as it is given out."""
        if what == "variable":
            return for_dag_file(self.variables, name)
        return connection_for_dag_file(self.connections, name)

    def _list_events(
        self, namespace: str, dag_id: str, run_id: str, from_position: int
    ) -> Iterator[Event]:
        upcoming = from_position
        while True:
            request = events_pb2.ListEventsRequest(
                namespace=namespace,
                dag_id=dag_id,
                run_id=run_id,
                from_position=upcoming,
                page_size=PAGE_SIZE,
            )
            answer = self._channel.call(self._channel.events.ListEvents, request)
            yield from map(event_from, answer.events)
            upcoming = answer.next_position
            if not upcoming:
                return

    def _ref(self, run: RunRef | str, dag_id: str) -> RunRef:
        if isinstance(run, RunRef):
            return run
        return RunRef(namespace=self.namespace, dag_id=dag_id, run_id=run)

    def _plain_ref(self, ref: RunRef) -> RunRef:
        return RunRef(
            namespace=ref.namespace, dag_id=ref.dag_id, run_id=ref.run_id, position=ref.position
        )


def _aware(instant: datetime | None) -> datetime | None:
    return instant.replace(tzinfo=UTC) if instant and instant.tzinfo is None else instant


def _run_state(state: str) -> int:
    if state not in set(RunStatus):
        raise InvalidArgument(
            f"{state!r} is no state of a run; the states are {', '.join(RunStatus)}."
        )
    return runs_pb2.RunState.Value(f"RUN_STATE_{state.upper()}")
