"""More of the invariants, each judged by a small function over rows of the log, or over what the
world outside saw."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from simulation.dags import CRONS
from simulation.script import PulledXCom

# Records of the log, or rows of its table.
Row = Any
Require = Callable[[int, object, str], None]

BY_WORKERS = ("TaskStarted", "TriggerStarted", "TaskRescheduled", "TaskDeferred", "TaskAwaitsInput")
BY_SCHEDULERS = ("EpochStarted", "TaskLost", "TriggerLost", "DeadlineMissed")
BY_APIS = ("DagVersionSubmitted", "PoolSet", "PoolDeleted", "ConnectionSet", "ConnectionDeleted")
# What nobody may do who says so: the ids of commands that were sent in another's name.
FORGED = "forged-role/"
LOST = ("TaskLost", "TriggerLost")
# Of a loss for want of life signs, and not because the process of a task died.
SILENCE = b"no heartbeat"


def instance_of(row: Row) -> tuple[Any, ...]:
    about = (row.namespace, row.dag_id, row.run_id, row.task_id)
    return (*about, tuple(row.map_index))


def check_epochs(rows: Iterable[Row], require: Require) -> None:
    """8: who takes over begins an epoch of its own."""
    epoch = 0
    for row in rows:
        if row.type == "EpochStarted":
            require(8, row.epoch > epoch, f"epoch {row.epoch} began again at {row.position}")
        epoch = row.epoch


def check_schedule(rows: Iterable[Row], require: Require) -> None:
    """19: between two runs of a schedule that catches up none is missing."""
    minutes: dict[tuple[str, int], int] = {}
    last: dict[tuple[str, int], datetime] = {}
    for row in rows:
        if row.type not in ("DagVersionSubmitted", "RunCreated"):
            continue
        data = json.loads(bytes(row.data))
        version = (row.dag_id, data["version"])
        if row.type == "DagVersionSubmitted":
            if data["spec"].get("catchup") and data["spec"].get("schedule") in CRONS:
                minutes[version] = CRONS[data["spec"]["schedule"]]
        elif row.run_id.startswith("scheduled__") and version in minutes:
            date = datetime.fromisoformat(data["logical_date"])
            step = timedelta(minutes=minutes[version])
            at = f"{row.dag_id}: {date} came after {last.get(version)}"
            require(19, date - last.get(version, date - step) == step, at)
            last[version] = date


def check_actors(rows: Iterable[Row], require: Require) -> None:
    """27: every event was allowed to its actor."""
    for row in rows:
        role, kind = row.actor.partition("/")[0], row.type
        at = f"{kind} at {row.position} by {row.actor}"
        require(27, not row.causation.startswith(FORGED), f"{at}, who may not")
        if kind in BY_WORKERS or (kind == "TaskSucceeded" and b'"worker":' in bytes(row.data)):
            require(27, role == "worker", at)
        elif kind in BY_SCHEDULERS:
            require(27, role == "scheduler", at)
        elif kind in BY_APIS:
            require(27, role == "api", at)


def check_clocks(rows: Iterable[Row], require: Require) -> None:
    """29: where clocks are all that goes wrong, nobody is lost and nobody is replaced."""
    for row in rows:
        is_lost = row.type in LOST and SILENCE in bytes(row.data)
        require(29, not is_lost, f"{instance_of(row)} was lost at {row.position}")
        require(29, row.epoch == 1, f"epoch {row.epoch} began at {row.position}")


def check_pulls(rows: list[Row], pulled: Iterable[PulledXCom], require: Require) -> None:
    """23 and 30: who asks as of a position is told of all that was committed before it. Judged
    where the other task did nothing meanwhile."""
    ready: dict[tuple[Any, ...], int] = {}
    events: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    mapped: dict[tuple[Any, ...], None] = {}
    for row in rows:
        if row.type == "TaskReady":
            ready.setdefault((*instance_of(row), row.attempt), row.position)
        if row.task_id:
            events[instance_of(row)].append(row)
            if row.map_index:
                mapped[instance_of(row)[:-1]] = None
    for one in pulled:
        where = one.where
        at = ready.get(
            (*(where.namespace, where.dag_id, where.run_id, where.task_id), where.map_index,
             where.attempt)
        )  # fmt: skip
        parent = (where.namespace, where.dag_id, where.run_id, one.parent, ())
        if at is None or parent[:-1] in mapped:
            continue
        before = [row for row in events[parent] if row.position <= at]
        meanwhile = [row for row in events[parent] if at < row.position <= one.position]
        if meanwhile or not before or before[-1].type != "TaskSucceeded":
            continue
        expected = json.loads(bytes(before[-1].data)).get("xcoms", {}).get("return_value")
        found = (json.loads(one.answer) or {}).get("found", ())
        told = [(each["xcom"].get("value"), each["xcom"].get("blob", "")) for each in found]
        wanted = [(expected.get("value"), expected.get("blob", ""))] if expected else []
        require(30, len(told) >= len(wanted), f"{where} did not see {parent} of before {at}")
        require(23, told == wanted, f"{where} pulled {told} from {parent}, not {wanted}")


def find_in_files(planted: bytes, folder: Path) -> list[str]:
    """28: the files that hold a secret."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            data = path.read_bytes()
            if data[:2] == b"\x1f\x8b":
                data = gzip.decompress(data)
            if planted in data:
                found.append(str(path.relative_to(folder)))
    return found
