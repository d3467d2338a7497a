"""What must be true whatever happened to the processes: the rows of Postgres judged by the checker
(``millstream.verify``), and what only the outside shows: the stream and the read tables.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from functools import cached_property
from typing import Any

import asyncpg
import msgspec
import nats
from nats.js.errors import NotFoundError

from integration.running_stack import RunningStack
from millstream.verify import Findings, Row, verify_rows
from millstream.verify.fold import Fold
from millstream.verify.rows import encode

# What the log as a chain shows; all else is what happened in it.
CHAIN = ("gaps", "epochs", "digests")
CATCH_UP_S = 20.0


@dataclass
class Log:
    """Every row of the event log, oldest first."""

    rows: list[Mapping[str, Any]]

    @cached_property
    def findings(self) -> Findings:
        """What the checker says of it."""
        return verify_rows(map(row_of, self.rows))

    def of_run(self, run_id: str) -> list[Mapping[str, Any]]:
        return [row for row in self.rows if row["run_id"] == run_id]

    def count(self, run_id: str, kind: str) -> Counter[str]:
        """How many events of a type each task of a run has."""
        return Counter(row["task_id"] for row in self.of_run(run_id) if row["type"] == kind)

    def claims(self, run_id: str) -> Counter[str]:
        """How often attempts of each task were claimed: before their results, or with them."""
        return Counter(row["task_id"] for row in self.of_run(run_id) if claims(row))


def claims(row: Mapping[str, Any]) -> bool:
    """Whether a row says that a worker has an attempt."""
    with_result = row["type"] == "TaskSucceeded" and "worker" in json.loads(row["data"])
    return with_result or row["type"] == "TaskStarted"


def verify_log(stack: RunningStack) -> Log:
    """Everything below; returns the log."""
    log = verify_events(stack)
    done = stack.run("rebuild", "--verify")
    assert done.returncode == 0, done.stdout + done.stderr
    return log


def verify_events(stack: RunningStack) -> Log:
    """The log and the stream, without the content of the read tables, which a process has to fold
    anew for that."""
    log = asyncio.run(_verify_servers(stack))
    check_chain(log)
    check_legality(log)
    return log


def verify_success(stack: RunningStack, run_id: str) -> Log:
    """The log is right, the run ended well and every task of it succeeded exactly once."""
    log = verify_log(stack)
    rows = log.of_run(run_id)
    assert rows[-1]["type"] == "RunSucceeded", rows[-1]
    created = next(row for row in rows if row["type"] == "RunCreated")
    spec = next(
        json.loads(row["data"])["spec"]
        for row in log.rows
        if row["type"] == "DagVersionSubmitted"
        and row["dag_id"] == created["dag_id"]
        and json.loads(row["data"])["version"] == json.loads(created["data"])["version"]
    )
    expected = {task["task_id"]: 1 for task in spec["tasks"]}
    assert log.count(run_id, "TaskSucceeded") == expected
    return log


async def _verify_servers(stack: RunningStack) -> Log:
    connection = await asyncpg.connect(stack.database_url)
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            rows = await connection.fetch(
                "SELECT *, data::text AS text FROM event_log WHERE shard = 0 ORDER BY position"
            )
            shard = await connection.fetchrow("SELECT * FROM shard WHERE shard = 0")
        log = Log([dict(row) | {"data": row["text"]} for row in rows])
        assert shard is not None
        assert shard["last_position"] == len(log.rows)
        assert bytes(shard["digest"]) == log.rows[-1]["digest"]
        assert shard["epoch"] >= log.rows[-1]["epoch"]
        await _check_checkpoint(connection, len(log.rows))
        relayed = await _check_stream(stack.nats_url, log)
        # Read after the stream was: a late event may have been committed since the rows were read.
        position = await connection.fetchval("SELECT last_position FROM shard WHERE shard = 0")
        assert relayed <= position, "the stream is ahead of the log"
    finally:
        await connection.close()
    return log


async def _check_checkpoint(connection: asyncpg.Connection, position: int) -> None:
    """The read tables catch up with the log."""
    query = "SELECT position FROM millstream_read.checkpoint WHERE shard = 0"
    deadline = asyncio.get_running_loop().time() + CATCH_UP_S
    while (reached := await connection.fetchval(query)) < position:
        assert asyncio.get_running_loop().time() < deadline, f"projected {reached} of {position}"
        await asyncio.sleep(0.05)


async def _check_stream(url: str, log: Log) -> int:
    """EVENTS_0 holds what the log holds, byte for byte; returns how far the stream reaches."""
    client = await nats.connect(url)
    try:
        jetstream = client.jetstream()
        deadline = asyncio.get_running_loop().time() + CATCH_UP_S
        while (state := (await jetstream.stream_info("EVENTS_0")).state).last_seq < len(log.rows):
            late = f"relayed {state.last_seq} of {len(log.rows)}"
            assert asyncio.get_running_loop().time() < deadline, late
            await asyncio.sleep(0.05)
        for row in log.rows[max(state.first_seq, 1) - 1 :]:
            try:
                message = await jetstream.get_msg("EVENTS_0", row["position"])
            except NotFoundError:
                raise AssertionError(f"the stream has no message {row['position']}") from None
            assert message.data is not None
            assert message.data == encode(row_of(row)), f"message {row['position']} is not event"
        return state.last_seq
    finally:
        await client.close()


def row_of(row: Mapping[str, Any]) -> Row:
    """A row of the table as the checker takes it."""
    fields = dict(row)
    fields.pop("shard", None)
    fields.pop("text", None)
    fields["map_index"] = tuple(row["map_index"])
    fields["recorded_at"] = row["recorded_at"].astimezone(UTC)
    fields["data"] = msgspec.Raw(row["data"].encode())
    fields["digest"] = row["digest"].hex()
    return Row(**fields)


def check_chain(log: Log) -> None:
    """Positions 1..N, epochs that never fall, one chain of digests from the first event on."""
    wrong = [each for each in log.findings.in_order() if each.check in CHAIN]
    assert wrong == []


def check_legality(log: Log) -> None:
    """Each event may follow those before it; one claim and one result an attempt; attempts count
    1, 2, 3..; nothing runs before what it waits for, and no limit is broken."""
    wrong = [each for each in log.findings.in_order() if each.check not in CHAIN]
    assert wrong == []
    fold = Fold()
    for row in log.rows:
        fold.add(row_of(row))
    assert fold.findings.kept == []
