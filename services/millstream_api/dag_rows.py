"""The queries about DAGs and their versions, and the source that a version was made from."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
import zlib
from datetime import datetime

import msgspec

from millstream.core.errors import NotFound, Unavailable
from millstream.core.spec import DagSpec
from millstream.ports import BlobStore
from millstream.rpc.convert import timestamp_from
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import dags_pb2
from millstream_api.callers import look_up
from millstream_api.errors import FieldProblem
from millstream_api.listing import NEVER, Conditions, Key, Listing, Plan, few, search_in
from millstream_api.rows import RUN_STATES, run_state_names
from millstream_api.snapshot import Row, Rows

MOST_RECENT = 25
SOURCE_BYTES = 1024 * 1024

_ID = Key("d.dag_id")
_DAGS = Listing(
    name="dags",
    columns="d.*, v.bundle",
    source="""dag d JOIN dag_version v ON v.namespace = d.namespace AND v.dag_id = d.dag_id
                                       AND v.version = d.latest_version""",
    # There are some thousand DAGs at most, so that what is no key may be looked at for each.
    orders={
        "dag_id": (_ID,),
        "submitted_at": (Key("d.submitted_at", datetime), _ID),
        "next_run_after": (Key(f"coalesce(d.next_run_after, {NEVER})", datetime), _ID),
        "last_run_at": (Key(f"coalesce(l.created_at, {NEVER})", datetime), _ID),
    },
    default="dag_id",
)
_WITH_LAST_RUN = msgspec.structs.replace(
    _DAGS,
    source=f"""{_DAGS.source} LEFT JOIN LATERAL (
    SELECT state, created_at FROM dag_run r
    WHERE r.namespace = d.namespace AND r.dag_id = d.dag_id
    ORDER BY created_at DESC, created_position DESC LIMIT 1) l ON true""",  # noqa: S608 - ours
)
VERSIONS = Listing(
    name="dag_versions",
    columns="namespace, dag_id, version, bundle, submitted_at, submitted_by, position",
    source="dag_version",
    orders={"version": (Key("version", int),)},
    default="version desc",
)
GET_VERSION = """
SELECT v.* FROM dag d JOIN dag_version v ON v.namespace = d.namespace AND v.dag_id = d.dag_id
WHERE d.namespace = $1 AND d.dag_id = $2
  AND v.version = CASE WHEN $3::integer = 0 THEN d.latest_version ELSE $3::integer END
"""
_RECENT = """
SELECT d.dag_id, r.* FROM unnest($2::text[]) d(dag_id) CROSS JOIN LATERAL (
    SELECT run_id, state, run_type, logical_date, created_at, started_at, ended_at FROM dag_run
    WHERE namespace = $1 AND dag_id = d.dag_id
    ORDER BY created_at DESC, created_position DESC LIMIT $3) r
"""


def plan_dags(request: dags_pb2.ListDagsRequest) -> Plan:
    """Raises :class:`FieldProblem`."""
    by_last_run = request.last_run_states or request.order_by.strip().startswith("last_run_at")
    return (_WITH_LAST_RUN if by_last_run else _DAGS).plan(request)


def dags_where(namespace: str, request: dags_pb2.ListDagsRequest) -> Conditions:
    """Raises :class:`FieldProblem`."""
    where = Conditions().add("d.namespace = {}", namespace)
    tags, owners = few("tags", request.tags), few("owners", request.owners)
    where.add_if(tags, f"d.tags::jsonb {'?&' if request.all_tags else '?|'} {{}}::text[]")
    where.add_if(owners, "d.owners::jsonb ?| {}::text[]")
    search_in(
        where, look_up("search", request.search), "d.dag_id", "d.display_name", "d.description"
    )
    if request.HasField("is_paused"):
        where.add("d.is_paused = {}", request.is_paused)
    where.add_if(run_state_names(request.last_run_states), "l.state = ANY({})")
    return where


def recent_runs_of(request: dags_pb2.ListDagsRequest) -> int:
    """Raises :class:`FieldProblem`."""
    if not 0 <= request.recent_runs <= MOST_RECENT:
        raise FieldProblem("recent_runs", f"recent_runs must be 0 to {MOST_RECENT}.")
    return request.recent_runs


async def add_recent_runs(rows: Rows, namespace: str, page: list[dags_pb2.Dag], most: int) -> None:
    """To each DAG of a page its latest runs."""
    if not most or not page:
        return
    dags = {dag.dag_id: dag for dag in page}
    for row in await rows.fetch(_RECENT, namespace, list(dags), most):
        dags[row["dag_id"]].recent_runs.append(
            dags_pb2.RunSummary(
                run_id=row["run_id"],
                state=RUN_STATES.get(row["state"], 0),  # type: ignore[arg-type]
                run_type=row["run_type"],
                logical_date=timestamp_from(row["logical_date"]),
                created_at=timestamp_from(row["created_at"]),
                started_at=timestamp_from(row["started_at"]),
                ended_at=timestamp_from(row["ended_at"]),
            )
        )


def version_message(row: Row, spec: DagSpec | None = None) -> dags_pb2.DagVersion:
    return dags_pb2.DagVersion(
        namespace=row["namespace"],
        dag_id=row["dag_id"],
        version=row["version"],
        bundle=row["bundle"],
        submitted_at=timestamp_from(row["submitted_at"]),
        submitted_by=row["submitted_by"],
        position=row["position"],
        spec=spec_to_proto(spec) if spec is not None else None,
    )


def pretty(spec: str) -> str:
    """The JSON of a spec with one value a line."""
    return json.dumps(json.loads(spec), indent=1, sort_keys=True, ensure_ascii=False)


async def source_of(blobs: BlobStore, bundle: str, file: str) -> str:
    """The text of the DAG file in a bundle, "" if there is none that can be shown. Raises
    :class:`Unavailable`."""
    try:
        archive = await blobs.get(bundle)
    except NotFound:
        return ""
    except OSError as error:
        raise Unavailable(f"The blob store does not answer: {error}") from error
    return await asyncio.to_thread(_read_file, archive, file)


def _read_file(archive: bytes, file: str) -> str:
    """No more than may be shown is unpacked, whatever the archive says of itself."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as bundle, bundle.open(file) as opened:
            data = opened.read(SOURCE_BYTES + 1)
        return "" if len(data) > SOURCE_BYTES or b"\0" in data else data.decode()
    except (KeyError, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return ""
    except (zipfile.BadZipFile, zlib.error):
        return ""
