"""Commands about runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import MAXYEAR, MINYEAR, datetime

from millstream.core.commands import TriggerRun
from millstream.core.errors import InvalidArgument, Refused
from millstream.core.events import Fact, RunCreated, Where
from millstream.core.state import State, run_key
from millstream.core.validate import check_run_id


def trigger(state: State, command: TriggerRun, now: datetime) -> Iterator[Fact]:
    latest = state.latest(command.namespace, command.dag_id)
    if latest is None:
        raise Refused(
            "DAG_NOT_FOUND",
            f"DAG {command.dag_id!r} does not exist. Submit it first: millstream submit FILE",
        )
    run_id = command.run_id or f"manual__{now.isoformat()}"
    try:
        check_run_id(run_id)
    except InvalidArgument as error:
        raise Refused("INVALID_RUN_ID", str(error)) from error
    where = Where(command.namespace, command.dag_id, run_id)
    if run_key(where) in state.runs:
        raise Refused("RUN_EXISTS", f"DAG {command.dag_id!r} already has a run {run_id!r}.")
    logical_date = command.logical_date or now
    if not MINYEAR < logical_date.year < MAXYEAR:  # else it has no UTC form that all can store
        raise Refused("INVALID_ARGUMENT", f"The logical date {logical_date} is out of range.")
    yield Fact(
        where,
        RunCreated(
            version=latest.version,
            run_type="manual",
            triggered_by="rpc",
            run_after=now,
            logical_date=logical_date,
            data_interval_start=logical_date,
            data_interval_end=logical_date,
            conf=command.conf,
            note=command.note,
        ),
    )
