"""RunService: runs in, and what became of them out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import msgspec
import structlog

from millstream.adapters.event_log import EventLog
from millstream.adapters.read_pool import ReadPool
from millstream.core.commands import TriggerRun
from millstream.core.errors import InvalidArgument, NotFound, Unavailable
from millstream.core.statuses import RUN_ENDS
from millstream.core.validate import check_run_id
from millstream.ports import BlobStore
from millstream.rpc.convert import datetime_from, dict_from
from millstream.rpc.v1 import runs_pb2, runs_pb2_grpc
from millstream_api.callers import (
    look_up,
    namespace_of,
    need,
    position_of,
    request_id_of,
    seconds_left,
)
from millstream_api.commands import Commands
from millstream_api.control import Control
from millstream_api.dags import reused
from millstream_api.errors import FieldProblem
from millstream_api.grid import Asked, read_grid
from millstream_api.hub import Hub, Scope
from millstream_api.interceptor import Context
from millstream_api.params import ParamRules
from millstream_api.recent_runs import OF_RUNS
from millstream_api.rows import attempt_message, run_message, xcom_message
from millstream_api.run_counts import Days, count_runs
from millstream_api.run_rows import (
    ATTEMPTS,
    XCOMS,
    end_of_run,
    find_run,
    of_run,
    plan_runs,
    read_spec,
    read_xcom,
    with_dag,
)
from millstream_api.run_watch import watch_run
from millstream_api.snapshot import Snapshots
from millstream_api.task_rows import Wanted, get_task, list_tasks, read_rendered
from millstream_api.watch import watch

LONGEST_NOTE = 10_000
CONF_BYTES = 256 * 1024
INLINE_BYTES = 1024 * 1024
RETURN_VALUE = "return_value"
CHECK_S = 3.0

log = structlog.get_logger(__name__)


class RunService(runs_pb2_grpc.RunServiceServicer):
    def __init__(
        self,
        commands: Commands,
        snapshots: Snapshots,
        pool: ReadPool,
        hub: Hub,
        event_log: EventLog,
        blobs: BlobStore,
        receipt_timeout_s: float,
    ) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._pool = pool
        self._hub = hub
        self._log = event_log
        self._blobs = blobs
        self._receipt_timeout_s = receipt_timeout_s
        self._control = Control(commands, snapshots, event_log, receipt_timeout_s)
        self._rules = ParamRules(hub, snapshots)

    async def TriggerRun(  # noqa: N802 - gRPC's name
        self, request: runs_pb2.TriggerRunRequest, context: Context
    ) -> runs_pb2.TriggerRunResponse:
        command = _trigger_command(request)
        async with self._commands.checks(request.request_id):
            await _check_conf(self._rules, command, position_of(request), context)
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        if receipt.dag_id != command.dag_id or not receipt.run_id:
            raise reused(command.id)
        return runs_pb2.TriggerRunResponse(
            dag_id=receipt.dag_id,
            run_id=receipt.run_id,
            position=receipt.position,
            unpaused=receipt.has_changed,
        )

    async def GetRun(  # noqa: N802
        self, request: runs_pb2.GetRunRequest, context: Context
    ) -> runs_pb2.GetRunResponse:
        async with self._snapshots.read(request, context) as rows:
            row = await find_run(rows, _run_scope(request))
        return runs_pb2.GetRunResponse(run=run_message(row))

    async def ListRuns(  # noqa: N802
        self, request: runs_pb2.ListRunsRequest, context: Context
    ) -> runs_pb2.ListRunsResponse:
        plan, where = plan_runs(request)
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, run_message)
        return runs_pb2.ListRunsResponse(runs=page, next_page_token=token)

    async def GetGrid(  # noqa: N802
        self, request: runs_pb2.GetGridRequest, context: Context
    ) -> runs_pb2.GetGridResponse:
        asked = Asked.of(request)
        async with self._snapshots.read(request, context) as rows:
            return await read_grid(rows, asked)

    async def CountRuns(  # noqa: N802
        self, request: runs_pb2.CountRunsRequest, context: Context
    ) -> runs_pb2.CountRunsResponse:
        days = Days.of(request)
        async with self._snapshots.read(request, context) as rows:
            return runs_pb2.CountRunsResponse(days=await count_runs(rows, days))

    async def GetTaskInstance(  # noqa: N802
        self, request: runs_pb2.GetTaskInstanceRequest, context: Context
    ) -> runs_pb2.GetTaskInstanceResponse:
        scope, task_id, path = _instance_of(request)
        async with self._snapshots.read(request, context) as rows:
            run = await find_run(rows, scope)
            found = await get_task(rows, run, task_id, path)
        return runs_pb2.GetTaskInstanceResponse(task_instance=found)

    async def ListAttempts(  # noqa: N802
        self, request: runs_pb2.ListAttemptsRequest, context: Context
    ) -> runs_pb2.ListAttemptsResponse:
        scope, task_id, path = _instance_of(request)
        plan = ATTEMPTS.plan(request, order_by="")
        async with self._snapshots.read(request, context) as rows:
            run = await find_run(rows, scope)
            await get_task(rows, run, task_id, path)
            where = of_run(run).add("task_id = {}", task_id).add("map_index = {}::integer[]", path)
            page, token = await plan.fetch(rows, where, attempt_message)
        return runs_pb2.ListAttemptsResponse(attempts=page, next_page_token=token)

    async def GetRenderedFields(  # noqa: N802
        self, request: runs_pb2.GetRenderedFieldsRequest, context: Context
    ) -> runs_pb2.GetRenderedFieldsResponse:
        scope, task_id, path = _instance_of(request)
        async with self._snapshots.read(request, context) as rows:
            run = await find_run(rows, scope)
            instance = await get_task(rows, run, task_id, path)
            return await read_rendered(rows, run, instance, request.attempt)

    async def ListTaskInstances(  # noqa: N802
        self, request: runs_pb2.ListTaskInstancesRequest, context: Context
    ) -> runs_pb2.ListTaskInstancesResponse:
        wanted = Wanted.of(request)
        async with self._snapshots.read(request, context) as rows:
            page, token = await list_tasks(rows, wanted)
        return runs_pb2.ListTaskInstancesResponse(task_instances=page, next_page_token=token)

    async def WatchRun(  # noqa: N802
        self, request: runs_pb2.WatchRunRequest, context: Context
    ) -> AsyncIterator[runs_pb2.WatchRunResponse]:
        scope = _run_scope(request)
        wanted = frozenset(request.types)
        # From the log and not from the read tables: the run may be newer than those.
        if wanted and wanted <= OF_RUNS:
            if not scope.dag_id:
                async with self._pool.use() as connection:
                    scope = await with_dag(connection, scope)
            answers = watch_run(self._hub, self._log, scope, request.from_position, wanted)
            async with aclosing(answers):
                async for answer in answers:
                    # Who waited for a run reads of it next.
                    self._snapshots.hasten(answer.event.position)
                    yield answer
            return
        async with self._pool.use() as connection:
            scope = await with_dag(connection, scope)
            end, reopened_at = await end_of_run(connection, scope)
        if end is not None and end < request.from_position:
            return
        types = wanted | RUN_ENDS if wanted else wanted
        events = watch(self._hub, self._log, scope, request.from_position, types)
        async with aclosing(events):
            async for event in events:
                if not wanted or event.type in wanted:
                    yield runs_pb2.WatchRunResponse(event=event)
                if event.type in RUN_ENDS and event.position >= reopened_at:
                    return

    async def GetXCom(  # noqa: N802
        self, request: runs_pb2.GetXComRequest, context: Context
    ) -> runs_pb2.GetXComResponse:
        scope = _run_scope(request)
        task_id = need("task_id", request.task_id)
        key = look_up("key", request.key or RETURN_VALUE)
        async with self._snapshots.read(request, context) as rows:
            run = await find_run(rows, scope)
            row = await read_xcom(rows, run, task_id, list(request.map_index), key)
            spec = None if row is not None else await read_spec(rows, run)
        if row is None:
            if spec is not None and task_id not in {task.task_id for task in spec.tasks}:
                raise NotFound(f"DAG {run['dag_id']!r} has no task {task_id!r}.")
            raise NotFound(
                f"Task {task_id!r} of run {scope.run_id!r} has no XCom with the key {key!r}."
            )
        xcom = xcom_message(row)
        is_text = not xcom.codec.startswith("packed:")
        if xcom.blob and is_text and xcom.size <= INLINE_BYTES:
            xcom.value_json = (await self._blobs.get(xcom.blob)).decode()
        return runs_pb2.GetXComResponse(xcom=xcom)

    async def ListXComs(  # noqa: N802
        self, request: runs_pb2.ListXComsRequest, context: Context
    ) -> runs_pb2.ListXComsResponse:
        scope = _run_scope(request)
        plan = XCOMS.plan(request, order_by="")
        task_id, key = look_up("task_id", request.task_id), look_up("key", request.key)
        async with self._snapshots.read(request, context) as rows:
            run = await find_run(rows, scope)
            where = of_run(run).add_if(task_id, "task_id = {}").add_if(key, "key = {}")
            page, token = await plan.fetch(rows, where, xcom_message)
        return runs_pb2.ListXComsResponse(xcoms=page, next_page_token=token)

    async def ClearTasks(  # noqa: N802
        self, request: runs_pb2.ClearTasksRequest, context: Context
    ) -> runs_pb2.ClearTasksResponse:
        return await self._control.clear(request, context)

    async def MarkTasks(  # noqa: N802
        self, request: runs_pb2.MarkTasksRequest, context: Context
    ) -> runs_pb2.MarkTasksResponse:
        return await self._control.mark_tasks(request, context)

    async def MarkRun(  # noqa: N802
        self, request: runs_pb2.MarkRunRequest, context: Context
    ) -> runs_pb2.MarkRunResponse:
        return await self._control.mark_run(request, context)


_RunRequest = (
    runs_pb2.GetRunRequest
    | runs_pb2.GetTaskInstanceRequest
    | runs_pb2.ListAttemptsRequest
    | runs_pb2.GetRenderedFieldsRequest
    | runs_pb2.WatchRunRequest
    | runs_pb2.GetXComRequest
    | runs_pb2.ListXComsRequest
)


def _run_scope(request: _RunRequest) -> Scope:
    return Scope(
        namespace_of(request.namespace),
        look_up("dag_id", request.dag_id),
        need("run_id", request.run_id),
    )


def _instance_of(
    request: runs_pb2.GetTaskInstanceRequest
    | runs_pb2.ListAttemptsRequest
    | runs_pb2.GetRenderedFieldsRequest,
) -> tuple[Scope, str, list[int]]:
    if any(index < 0 for index in request.map_index):
        raise FieldProblem("map_index", "an index is 0 or more.")
    return _run_scope(request), need("task_id", request.task_id), list(request.map_index)


async def _check_conf(
    rules: ParamRules, command: TriggerRun, min_position: int, context: Context
) -> None:
    """The read tables may be away, and then the tasks check: a run can be made without them."""
    asked = command.namespace, command.dag_id, command.conf
    try:
        await rules.check(*asked, min_position, seconds_left(context, CHECK_S))
    except Unavailable as error:
        log.warning("conf_not_checked", error=str(error))


def _trigger_command(request: runs_pb2.TriggerRunRequest) -> TriggerRun:
    if request.run_id:
        try:
            check_run_id(request.run_id)
        except InvalidArgument as error:
            raise FieldProblem("run_id", f"{error}.") from error
    if len(request.note) > LONGEST_NOTE or "\0" in request.note:
        raise FieldProblem("note", f"note must be text of at most {LONGEST_NOTE} characters.")
    if request.no_logical_date and request.HasField("logical_date"):
        raise FieldProblem(
            "no_logical_date", "no_logical_date and logical_date exclude each other."
        )
    conf = dict_from(request.conf, "conf")
    if len(msgspec.json.encode(conf)) > CONF_BYTES:
        raise FieldProblem(
            "conf", f"conf is larger than {CONF_BYTES // 1024} KiB; pass a reference instead."
        )
    return TriggerRun(
        id=request_id_of(request.request_id),
        namespace=namespace_of(request.namespace),
        dag_id=need("dag_id", request.dag_id),
        run_id=request.run_id,
        conf=conf,
        logical_date=datetime_from(request, "logical_date"),
        note=request.note,
        run_after=datetime_from(request, "run_after"),
        has_logical_date=not request.no_logical_date,
        unpause=request.unpause,
    )
