"""How many runs of a DAG are in which state, day by day: what a calendar shows."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from millstream.rpc.v1 import runs_pb2
from millstream_api.callers import namespace_of, need
from millstream_api.errors import FieldProblem
from millstream_api.listing import instant_of
from millstream_api.rows import RUN_STATES
from millstream_api.snapshot import Rows

LONGEST = timedelta(days=800)
_BY_DAY = """
SELECT (coalesce(logical_date, run_after) AT TIME ZONE $5)::date AS day, state, count(*) AS number
FROM dag_run
WHERE namespace = $1 AND dag_id = $2
AND coalesce(logical_date, run_after) >= $3 AND coalesce(logical_date, run_after) < $4
GROUP BY day, state ORDER BY day, state
"""


class Days(msgspec.Struct, frozen=True):
    """Which days of which DAG are asked for."""

    namespace: str
    dag_id: str
    since: datetime
    until: datetime
    time_zone: str

    @classmethod
    def of(cls, request: runs_pb2.CountRunsRequest) -> Days:
        """Raises :class:`FieldProblem`."""
        since = instant_of(request, "logical_from")
        until = instant_of(request, "logical_until")
        if since is None or until is None:
            raise FieldProblem(
                "logical_from" if since is None else "logical_until",
                "logical_from and logical_until are needed: name the days.",
            )
        if until - since > LONGEST:
            raise FieldProblem("logical_until", f"At most {LONGEST.days} days can be asked for.")
        name = request.time_zone or "UTC"
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise FieldProblem("time_zone", f"{name[:100]!r} is no time zone.") from None
        dag_id = need("dag_id", request.dag_id)
        return cls(namespace_of(request.namespace), dag_id, since, until, name)


async def count_runs(rows: Rows, days: Days) -> list[runs_pb2.RunDay]:
    found: dict[str, runs_pb2.RunDay] = {}
    named = (days.namespace, days.dag_id, days.since, days.until, days.time_zone)
    for row in await rows.fetch(_BY_DAY, *named):
        date = row["day"].isoformat()
        day = found.setdefault(date, runs_pb2.RunDay(date=date))
        day.counts.add(state=RUN_STATES.get(row["state"], 0), count=row["number"])
    return list(found.values())
