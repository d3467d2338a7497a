"""The invariants of the design, judged from the log and from what the world outside saw."""

from __future__ import annotations

import json
from copy import copy
from typing import Any

from lent import lend
from millstream.core.evolve import evolve
from millstream.core.receipts import Receipt
from millstream.core.state import State
from millstream.core.wire import canonical_bytes, published_bytes, to_event
from millstream.projection.projection import Projection, reopened
from millstream.projection.rows import RUN_ROW_TYPES, key_of
from millstream.verify import verify_rows
from millstream.verify.rows import decode
from property.ledger import Ledger
from simulation import judgements
from simulation.script import Execution
from simulation.stage import Stage

MOST_TAKEN_IN = 4096
TERMINAL = ("RunSucceeded", "RunFailed", "RunQuarantined")


class Violation(AssertionError):
    """An invariant does not hold; the text begins with its number."""


def require(number: int, holds: object, what: str) -> None:
    if not holds:
        raise Violation(f"I{number}: {what}")


def check_log(stage: Stage) -> None:
    """What the checker of logs judges: 1, 8, 10 to 19, 21, 22 and 24; and 23, 27, 29, 30."""
    published = (
        published_bytes(canonical_bytes(stored.record), stored.digest)
        for stored in stage.postgres.events
    )
    found = verify_rows(map(decode, published)).first()
    if found:
        numbers = "/".join(dict.fromkeys(str(finding.invariant) for finding in found))
        raise Violation(f"I{numbers}: {found[0].message} (position {found[0].position})")
    records = [stored.record for stored in stage.postgres.events]
    judgements.check_epochs(records, require)
    judgements.check_actors(records, require)
    judgements.check_schedule(records, require)
    judgements.check_pulls(records, stage.script.pulled, require)
    if stage.has_only_clocks:
        judgements.check_clocks(records, require)


def check_fences(stage: Stage) -> None:
    """9: nobody commits whom another one has replaced."""
    require(9, not stage.postgres.fenced_commits, f"{stage.postgres.fenced_commits[:1]}")


def check_queues(stage: Stage) -> None:
    """26: nobody takes in more than he has room for, whatever waits at the server."""
    most = stage.broker.jetstream.most_asked
    require(26, most <= MOST_TAKEN_IN, f"somebody asked for {most} messages at once")


def check_secrets(stage: Stage) -> None:
    """28: what was planted is where tasks are, and nowhere else."""
    planted = stage.script.planted
    require(28, not stage.broker.leaks, f"on the way: {stage.broker.leaks[:3]}")
    for stored in stage.postgres.events:
        at = stored.record.position
        require(28, planted.encode() not in bytes(stored.record.data), f"in event {at}")
    for row in stage.postgres.tables.all():
        require(28, planted not in repr(row), f"in {type(row).__name__}")
    require(28, all(planted not in (row.sealed or "") for row in stage.postgres.secrets), "open")
    found = judgements.find_in_files(planted.encode(), stage.directory)
    require(28, not found, f"in files: {found[:3]}")


def check_stream(stage: Stage) -> None:
    """4: the stream is the log's end."""
    stream = stage.broker.jetstream.streams["EVENTS_0"]
    require(4, stream.last == stage.postgres.position, f"the stream ends at {stream.last}")
    for sequence, (_, data, _) in stream.messages.items():
        stored = stage.postgres.events[sequence - 1]
        expected = published_bytes(canonical_bytes(stored.record), stored.digest)
        require(4, data == expected, f"message {sequence} is not event {sequence}")


def check_receipts(stage: Stage, receipts: dict[str, list[Receipt]]) -> None:
    """2: a receipt names what is in the log; 10: the same command, the same receipt."""
    events = stage.postgres.events
    by_cause: dict[str, list[int]] = {}
    for stored in events:
        by_cause.setdefault(stored.record.causation, []).append(stored.record.position)
    for command_id, given in receipts.items():
        # What was refused may be accepted when it is asked again; what was accepted stays so.
        accepted = [i for i, receipt in enumerate(given) if not receipt.is_refused]
        since = given[accepted[0] :] if accepted else []
        outcomes = {(r.position, r.reason, r.message) for r in since}
        if command_id in by_cause:
            require(10, len(outcomes) == 1, f"{command_id}: {sorted(outcomes)}")
        for receipt in since:
            last = by_cause.get(command_id, [0])[-1]
            require(2, receipt.position == last, f"{command_id}: {receipt.position}, not {last}")


def check_folds(stage: Stage) -> State:
    """6 and 7: whoever folds the log gets the same rows, however it is cut."""
    projection = Projection()
    rows: dict[Any, Any] = {}
    state = State()
    log = [to_event(stored.record) for stored in stage.postgres.events]
    for event in log:
        evolve(state, event)
        for run in reopened([event]):
            if run not in projection.runs:
                projection.restore(
                    [
                        row
                        for row in rows.values()
                        if isinstance(row, RUN_ROW_TYPES)
                        and (row.namespace, row.dag_id, row.run_id) == run  # type: ignore[attr-defined]
                    ]
                )
        lend(projection, [event], log)
        projection.apply(event)
        changes = projection.take_changes()
        for row_type, keys in changes.gone.items():
            for key in keys:
                rows.pop((row_type, key), None)
        for row_type, changed in changes.rows.items():
            for key, row in changed.items():
                rows[row_type, key] = copy(row)
    held = {(type(row), key_of(row)): row for row in stage.postgres.tables.all()}
    require(6, held.keys() == rows.keys(), f"rows differ: {list(held.keys() ^ rows.keys())[:5]}")
    for key, row in rows.items():
        require(6, held[key] == row, f"{held[key]} is not {row}")
    return state


def check_limits(stage: Stage) -> None:
    """18: pools and limits at every position."""
    ledger = Ledger()
    for stored in stage.postgres.events:
        ledger.fold(to_event(stored.record))
        require(18, not ledger.faults, f"at {stored.record.position}: {ledger.faults[:1]}")


def check_executions(stage: Stage) -> None:
    """3: nothing runs before the commit that allows it; an exclusive task never runs twice at a
    time; 22: what was committed as a success runs again only after a clear."""
    ready: dict[tuple[Any, ...], int] = {}
    exclusive: set[tuple[Any, ...]] = set()
    for stored in stage.postgres.events:
        if stored.record.type == "TaskReady":
            record = stored.record
            ready.setdefault(_about(record), record.position)
            if json.loads(bytes(record.data)).get("exclusive"):
                exclusive.add(_about(record)[:-1])
    by_task: dict[tuple[Any, ...], list[Execution]] = {}
    for execution in stage.script.executions:
        about = _about(execution.where)
        require(3, about in ready, f"{about} ran and was never ready")
        require(3, ready[about] <= execution.position, f"{about} ran before its commit")
        by_task.setdefault(about[:-1], []).append(execution)
    for about, executions in by_task.items():
        if about not in exclusive:
            continue
        last_end = -1.0
        for execution in sorted(executions, key=lambda each: each.began_s):
            require(13, execution.began_s >= last_end, f"exclusive {about} ran twice at a time")
            if not execution.was_paused:
                last_end = max(last_end, execution.ended_s)


def _about(record: Any) -> tuple[Any, ...]:
    return (
        record.namespace,
        record.dag_id,
        record.run_id,
        record.task_id,
        tuple(record.map_index),
        record.attempt,
    )


def check_xcoms(stage: Stage) -> None:
    """23: what was pulled had been committed, in the run itself or in one that it was made from."""
    committed: set[tuple[str, str, str]] = set()
    made_from: dict[tuple[str, str], str] = {}
    for stored in stage.postgres.events:
        record = stored.record
        if record.type in ("TaskSucceeded", "TaskFailed", "TaskSkipped"):
            for xcom in json.loads(bytes(record.data)).get("xcoms", {}).values():
                value = json.dumps(xcom.get("value"))
                committed.add((record.dag_id, record.run_id, value))
        elif record.type == "RunCreated":
            rerun = json.loads(bytes(record.data)).get("rerun")
            if rerun:
                made_from[record.dag_id, record.run_id] = rerun["run_id"]
    for pulled in stage.script.pulled:
        where = pulled.where
        for found in (json.loads(pulled.answer) or {}).get("found", ()):
            value = json.dumps(found["xcom"].get("value"))
            run_id: str | None = where.run_id
            while run_id and (where.dag_id, run_id, value) not in committed:
                run_id = made_from.get((where.dag_id, run_id))
            require(23, bool(run_id), f"{where} pulled {value}, which nobody committed")


def open_runs(stage: Stage) -> list[tuple[str, str]]:
    """The runs that are not over."""
    runs: dict[tuple[str, str], bool] = {}
    for stored in stage.postgres.events:
        record = stored.record
        key = (record.dag_id, record.run_id)
        if record.type in ("RunCreated", "RunReopened"):
            runs[key] = True
        elif record.type in TERMINAL:
            runs[key] = False
    return [key for key, is_open in runs.items() if is_open]
