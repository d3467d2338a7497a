"""DagService: bundles in, DAG versions in, DAGs out."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator

from millstream.core.commands import SetDagPaused, SubmitDag
from millstream.core.errors import (
    REQUEST_ID_REUSED,
    InvalidArgument,
    InvalidDag,
    NotFound,
    Refused,
    Unavailable,
)
from millstream.core.spec import DagSpec, decode_spec
from millstream.core.validate import check_dag, map_length_problems, needs_bundle
from millstream.ports import BlobStore
from millstream.rpc.specs import spec_from_proto
from millstream.rpc.v1 import dags_pb2, dags_pb2_grpc
from millstream_api.callers import namespace_of, need, request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.dag_rows import (
    GET_VERSION,
    VERSIONS,
    add_recent_runs,
    dags_where,
    plan_dags,
    pretty,
    recent_runs_of,
    source_of,
    version_message,
)
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.listing import Conditions
from millstream_api.rows import dag_message
from millstream_api.snapshot import Snapshots

CHUNK_BYTES = 256 * 1024
BUNDLE_BYTES = 64 * 1024 * 1024
# Uploads are held in memory until they are whole.
MOST_UPLOADS = 4

_GET = """
SELECT d.*, v.spec, v.bundle, v.submitted_at
FROM dag d JOIN dag_version v ON v.namespace = d.namespace AND v.dag_id = d.dag_id
WHERE d.namespace = $1 AND d.dag_id = $2
  AND v.version = CASE WHEN $3::integer = 0 THEN d.latest_version ELSE $3::integer END
"""


class DagService(dags_pb2_grpc.DagServiceServicer):
    def __init__(
        self,
        commands: Commands,
        snapshots: Snapshots,
        blobs: BlobStore,
        receipt_timeout_s: float,
        *,
        are_new_paused: bool,
        max_map_length: int,
    ) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._blobs = blobs
        self._receipt_timeout_s = receipt_timeout_s
        self._are_new_paused = are_new_paused
        self._max_map_length = max_map_length
        self._uploads = asyncio.Semaphore(MOST_UPLOADS)

    async def UploadBundle(  # noqa: N802 - gRPC's name
        self, chunks: AsyncIterator[dags_pb2.UploadBundleRequest], context: Context
    ) -> dags_pb2.UploadBundleResponse:
        async with self._uploads:
            data = bytearray()
            async for message in chunks:
                if len(message.chunk) > CHUNK_BYTES:
                    raise FieldProblem("chunk", f"A chunk may have at most {CHUNK_BYTES} bytes.")
                if len(data) + len(message.chunk) > BUNDLE_BYTES:
                    raise FieldProblem(
                        "chunk",
                        f"The bundle is larger than {BUNDLE_BYTES // 1024**2} MiB; leave files out "
                        f"that the DAG does not need.",
                    )
                data += message.chunk
            archive = bytes(data)
            if not zipfile.is_zipfile(io.BytesIO(archive)):
                raise FieldProblem("chunk", "The bundle is not a zip archive.")
            digest = await self._blobs.put(archive)
        return dags_pb2.UploadBundleResponse(digest=digest, size=len(archive))

    async def SubmitDag(  # noqa: N802
        self, request: dags_pb2.SubmitDagRequest, context: Context
    ) -> dags_pb2.SubmitDagResponse:
        namespace = namespace_of(request.namespace)
        request_id = request_id_of(request.request_id)
        try:
            spec = spec_from_proto(request.spec)
        except InvalidArgument as error:
            raise InvalidDag(request.spec.dag_id, [str(error)]) from error
        check_dag(spec)
        async with self._commands.checks(request.request_id):
            problems = map_length_problems(spec, self._max_map_length)
            if problems:
                raise InvalidDag(spec.dag_id, problems)
            await self._check_bundle(spec, request.bundle)
        receipt = await self._commands.send(
            SubmitDag(
                id=request_id,
                namespace=namespace,
                spec=spec,
                bundle=request.bundle,
                is_paused_if_new=self._are_new_paused,
            ),
            seconds_left(context, self._receipt_timeout_s),
        )
        if receipt.dag_id != spec.dag_id or not receipt.version:
            raise reused(request_id)
        self._snapshots.submitted = max(self._snapshots.submitted, receipt.position)
        return dags_pb2.SubmitDagResponse(
            dag_id=receipt.dag_id, version=receipt.version, position=receipt.position
        )

    async def SetDagPaused(  # noqa: N802
        self, request: dags_pb2.SetDagPausedRequest, context: Context
    ) -> dags_pb2.SetDagPausedResponse:
        command = SetDagPaused(
            id=request_id_of(request.request_id),
            namespace=namespace_of(request.namespace),
            dag_id=need("dag_id", request.dag_id),
            is_paused=request.is_paused,
        )
        receipt = await self._commands.send(command, seconds_left(context, self._receipt_timeout_s))
        if receipt.dag_id != command.dag_id:
            raise reused(command.id)
        return dags_pb2.SetDagPausedResponse(
            position=receipt.position, has_changed=receipt.has_changed
        )

    async def GetDag(  # noqa: N802
        self, request: dags_pb2.GetDagRequest, context: Context
    ) -> dags_pb2.GetDagResponse:
        namespace = namespace_of(request.namespace)
        dag_id = need("dag_id", request.dag_id)
        async with self._snapshots.read(request, context) as rows:
            row = await rows.fetchrow(_GET, namespace, dag_id, request.version)
        if row is None:
            raise _no_version(dag_id, request.version)
        return dags_pb2.GetDagResponse(dag=dag_message(row, with_spec=True))

    async def ListDags(  # noqa: N802
        self, request: dags_pb2.ListDagsRequest, context: Context
    ) -> dags_pb2.ListDagsResponse:
        namespace = namespace_of(request.namespace)
        plan = plan_dags(request)
        where = dags_where(namespace, request)
        recent = recent_runs_of(request)
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(
                rows, where, lambda row: dag_message(row, with_spec=False)
            )
            await add_recent_runs(rows, namespace, page, recent)
        return dags_pb2.ListDagsResponse(dags=page, next_page_token=token)

    async def GetDagVersion(  # noqa: N802
        self, request: dags_pb2.GetDagVersionRequest, context: Context
    ) -> dags_pb2.GetDagVersionResponse:
        namespace = namespace_of(request.namespace)
        dag_id = need("dag_id", request.dag_id)
        async with self._snapshots.read(request, context) as rows:
            row = await rows.fetchrow(GET_VERSION, namespace, dag_id, request.version)
        if row is None:
            raise _no_version(dag_id, request.version)
        spec = decode_spec(row["spec"])
        source = ""
        if request.with_source and row["bundle"] and spec.file:
            async with self._uploads:
                source = await source_of(self._blobs, row["bundle"], spec.file)
        return dags_pb2.GetDagVersionResponse(
            dag_version=version_message(row, spec), spec_json=pretty(row["spec"]), source=source
        )

    async def ListDagVersions(  # noqa: N802
        self, request: dags_pb2.ListDagVersionsRequest, context: Context
    ) -> dags_pb2.ListDagVersionsResponse:
        namespace = namespace_of(request.namespace)
        dag_id = need("dag_id", request.dag_id)
        plan = VERSIONS.plan(request, order_by="")
        where = Conditions().add("namespace = {}", namespace).add("dag_id = {}", dag_id)
        async with self._snapshots.read(request, context) as rows:
            page, token = await plan.fetch(rows, where, version_message)
        if not page and not request.page_token:
            raise _no_version(dag_id, 0)
        return dags_pb2.ListDagVersionsResponse(dag_versions=page, next_page_token=token)

    async def _check_bundle(self, spec: DagSpec, bundle: str) -> None:
        if not bundle:
            if needs_bundle(spec):
                raise FieldProblem(
                    "bundle",
                    f"DAG {spec.dag_id!r} has Python tasks or callbacks, so it needs a bundle.",
                )
            return
        try:
            is_there = await self._blobs.exists(bundle)
        except NotFound as error:
            raise FieldProblem("bundle", str(error)) from error
        except OSError as error:
            raise Unavailable(f"The blob store does not answer: {error}") from error
        if not is_there:
            raise FieldProblem("bundle", f"Bundle {bundle} does not exist; upload it first.")


def _no_version(dag_id: str, version: int) -> NotFound:
    what = f"has no version {version}" if version else "does not exist"
    return NotFound(f"DAG {dag_id!r} {what}.")


def reused(request_id: str) -> Refused:
    return Refused(
        REQUEST_ID_REUSED,
        f"request_id {request_id!r} belongs to another request; use a new one for each request.",
    )
