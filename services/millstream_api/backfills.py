"""BackfillService: the runs of a DAG between two dates."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec

from millstream.core.backfills import Existing, why_none
from millstream.core.commands import CancelBackfill, CreateBackfill, SetBackfillPaused
from millstream.core.decisions.backfills import wanted_runs
from millstream.core.errors import NotFound
from millstream.core.spec import decode_spec
from millstream.rpc.convert import datetime_from, dict_from, shown_struct, timestamp_from
from millstream.rpc.schedules import times_to_proto
from millstream.rpc.v1 import backfills_pb2, backfills_pb2_grpc
from millstream_api.callers import look_up, namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.dags import reused
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions, Key, Listing, few
from millstream_api.snapshot import Row, Snapshots

CONF_BYTES = 256 * 1024
MAX_ACTIVE_RUNS = 10
BEHAVIORS = ("none", "failed", "completed")

_SPEC = """
SELECT v.spec FROM dag d JOIN dag_version v
ON v.namespace = d.namespace AND v.dag_id = d.dag_id AND v.version = d.latest_version
WHERE d.namespace = $1 AND d.dag_id = $2
"""
_RUNS = """
SELECT logical_date, run_id, state FROM dag_run
WHERE namespace = $1 AND dag_id = $2 AND logical_date = ANY($3)
"""
_LIST = Listing(
    name="backfills",
    columns="*",
    source="backfill",
    orders={"created_at": (Key("created_position", int),)},
    default="created_at desc",
)


class BackfillService(backfills_pb2_grpc.BackfillServiceServicer):
    def __init__(self, commands: Commands, snapshots: Snapshots, receipt_timeout_s: float) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._receipt_timeout_s = receipt_timeout_s

    async def CreateBackfill(  # noqa: N802 - gRPC's name
        self, request: backfills_pb2.CreateBackfillRequest, context: Context
    ) -> backfills_pb2.CreateBackfillResponse:
        command = _command(request, request_id_of(request.request_id))
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        if receipt.dag_id != command.dag_id or not receipt.backfill_id:
            raise reused(command.id)
        return backfills_pb2.CreateBackfillResponse(
            dag_id=receipt.dag_id, backfill_id=receipt.backfill_id, position=receipt.position
        )

    async def DryRunBackfill(  # noqa: N802
        self, request: backfills_pb2.DryRunBackfillRequest, context: Context
    ) -> backfills_pb2.DryRunBackfillResponse:
        command = _command(request, "dry run")
        async with self._snapshots.read(request, context) as rows:
            row = await rows.fetchrow(_SPEC, command.namespace, command.dag_id)
            if row is None:
                raise NotFound(f"DAG {command.dag_id!r} does not exist.")
            runs = wanted_runs(decode_spec(row["spec"]), command, datetime.now(UTC))
            dates = [times.logical_date for times in runs]
            found = await rows.fetch(_RUNS, command.namespace, command.dag_id, dates)
        existing = _existing(found)
        return backfills_pb2.DryRunBackfillResponse(
            dates=[
                backfills_pb2.BackfillDate(
                    times=times_to_proto(times),
                    run_id=run.run_id if run is not None else "",
                    reason=why_none(run, command.reprocess_behavior),
                )
                for times in runs
                for run in [existing.get(times.logical_date)]
            ]
        )

    async def ListBackfills(  # noqa: N802
        self, request: backfills_pb2.ListBackfillsRequest, context: Context
    ) -> backfills_pb2.ListBackfillsResponse:
        namespace = namespace_of(request.namespace)
        plan = _LIST.plan(request)
        where = Conditions().add("namespace = {}", namespace)
        where.add_if(look_up("dag_id", request.dag_id), "dag_id = {}")
        where.add_if(few("states", request.states), "state = ANY({})")
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, _message)
        return backfills_pb2.ListBackfillsResponse(backfills=page, next_page_token=token)

    async def SetBackfillPaused(  # noqa: N802
        self, request: backfills_pb2.SetBackfillPausedRequest, context: Context
    ) -> backfills_pb2.SetBackfillPausedResponse:
        command = SetBackfillPaused(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            dag_id=need("dag_id", request.dag_id),
            backfill_id=look_up("backfill_id", request.backfill_id),
            is_paused=request.is_paused,
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return backfills_pb2.SetBackfillPausedResponse(position=receipt.position)

    async def CancelBackfill(  # noqa: N802
        self, request: backfills_pb2.CancelBackfillRequest, context: Context
    ) -> backfills_pb2.CancelBackfillResponse:
        command = CancelBackfill(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            dag_id=need("dag_id", request.dag_id),
            backfill_id=look_up("backfill_id", request.backfill_id),
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        return backfills_pb2.CancelBackfillResponse(position=receipt.position)


def _command(
    request: backfills_pb2.CreateBackfillRequest | backfills_pb2.DryRunBackfillRequest,
    request_id: str,
) -> CreateBackfill:
    from_date, to_date = datetime_from(request, "from_date"), datetime_from(request, "to_date")
    if from_date is None or to_date is None:
        raise FieldProblem("from_date", "A backfill needs from_date and to_date.")
    behavior = request.reprocess_behavior or "none"
    if behavior not in BEHAVIORS:
        raise FieldProblem(
            "reprocess_behavior",
            f"reprocess_behavior is {behavior!r}; it must be one of {', '.join(BEHAVIORS)}.",
        )
    conf = dict_from(request.conf, "conf")
    if len(msgspec.json.encode(conf)) > CONF_BYTES:
        raise FieldProblem("conf", f"conf is larger than {CONF_BYTES // 1024} KiB.")
    most = request.max_active_runs if request.HasField("max_active_runs") else MAX_ACTIVE_RUNS
    has_version = request.HasField("run_on_latest_version")
    return CreateBackfill(
        id=request_id,
        namespace=namespace_of(request.namespace),
        dag_id=need("dag_id", request.dag_id),
        from_date=from_date,
        to_date=to_date,
        reprocess_behavior=behavior,  # type: ignore[arg-type]
        run_backwards=request.run_backwards,
        run_on_latest_version=request.run_on_latest_version if has_version else True,
        max_active_runs=most,
        conf=conf,
    )


def _existing(found: Sequence[Row]) -> dict[datetime, Existing]:
    return {
        row["logical_date"]: Existing(run_id=row["run_id"], state=row["state"]) for row in found
    }


def _message(row: Row) -> backfills_pb2.Backfill:
    return backfills_pb2.Backfill(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        backfill_id=row["backfill_id"],
        from_date=timestamp_from(row["from_date"]),
        to_date=timestamp_from(row["to_date"]),
        reprocess_behavior=row["reprocess_behavior"],
        run_backwards=row["run_backwards"],
        max_active_runs=row["max_active_runs"],
        conf=shown_struct(msgspec.json.decode(row["conf"])),
        state=row["state"],
        total=row["total"],
        number=row["number"],
        skipped=row["skipped"],
        created_at=timestamp_from(row["created_at"]),
        ended_at=timestamp_from(row["ended_at"]),
    )
