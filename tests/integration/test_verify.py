"""``millstream verify`` on running servers: what is spoilt behind its back, it finds."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import nats

from integration.running_stack import RunningStack, assert_success, bash, bash_dag
from integration.verify import verify_log
from millstream.adapters.settings import Settings, read_settings
from millstream.cli.verification import verify_file, verify_live
from millstream.verify import Findings


def settings_of(stack: RunningStack) -> Settings:
    return read_settings(
        {"MILLSTREAM_DATABASE_URL": stack.database_url, "MILLSTREAM_NATS_URL": stack.nats_url}
    )


def verify(stack: RunningStack) -> Findings:
    return verify_live(settings_of(stack), with_stream=True, dump=None)


def found(findings: Findings) -> list[tuple[str, int]]:
    return [(each.check, each.position) for each in findings.in_order()]


async def _execute(url: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            # As somebody who may do all: the triggers that keep the log from changes are off.
            await connection.execute("SET LOCAL session_replication_role = replica")
            for statement in statements:
                await connection.execute(statement)
    finally:
        await connection.close()


@contextmanager
def spoilt(stack: RunningStack, change: str, change_back: str) -> Iterator[None]:
    asyncio.run(_execute(stack.database_url, (change,)))
    try:
        yield
    finally:
        asyncio.run(_execute(stack.database_url, (change_back,)))


async def _publish(url: str) -> int:
    client = await nats.connect(url)
    try:
        ack = await client.jetstream().publish("ms.ev.0.TaskReady.nobody", b"{}")
        return ack.seq
    finally:
        await client.close()


async def _delete_message(url: str, sequence: int) -> None:
    client = await nats.connect(url)
    try:
        await client.jetstream().delete_msg("EVENTS_0", sequence)
    finally:
        await client.close()


class TestVerify:
    """The last two spoil the stream for good, so they are the last."""

    def test_a_healthy_log(self, live_stack: RunningStack, tmp_path: Path) -> None:
        client = live_stack.client()
        client.submit_spec(bash_dag("pair", bash("a", "true"), bash("b", "true", "a")))
        for _ in range(3):
            assert_success(client, client.trigger("pair"))
        verify_log(live_stack)
        dump = tmp_path / "the log.jsonl.gz"
        done = live_stack.run("verify", "--json", "--dump", str(dump))
        assert done.returncode == 0, done.stdout + done.stderr
        checks = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
        assert not any(each["left_out"] for each in checks.values())
        rows = checks["rows"]["judged"]
        assert rows > 20
        assert checks["fold"]["judged"] == checks["stream"]["judged"] == rows
        assert checks["read tables"]["judged"] > 0
        of_file = verify_file(dump)
        assert of_file.is_fine
        assert of_file.judged["digests"] == rows

    def test_a_row_that_was_changed(self, live_stack: RunningStack) -> None:
        place = "WHERE shard = 0 AND position = 7"
        with spoilt(
            live_stack,
            f"UPDATE event_log SET trace = 'x' || trace {place}",
            f"UPDATE event_log SET trace = substr(trace, 2) {place}",
        ):
            assert found(verify(live_stack)) == [("digests", 7), ("stream", 7)]
        assert found(verify(live_stack)) == []

    def test_an_end_that_is_not_the_log_s(self, live_stack: RunningStack) -> None:
        with spoilt(
            live_stack,
            "UPDATE shard SET epoch = epoch - 1 WHERE shard = 0",
            "UPDATE shard SET epoch = epoch + 1 WHERE shard = 0",
        ):
            findings = verify(live_stack)
        last = findings.judged["rows"]
        assert found(findings) == [("end of the log", last)]

    def test_a_read_table_that_was_changed(self, live_stack: RunningStack) -> None:
        table = "UPDATE millstream_read.dag_run SET state ="
        with spoilt(
            live_stack,
            f"{table} 'failed' WHERE state = 'success'",
            f"{table} 'success' WHERE state = 'failed'",
        ):
            done = live_stack.run("verify")
        assert done.returncode == 1, done.stdout + done.stderr
        assert "read tables" in done.stdout
        assert "is not what the log folds to" in done.stdout

    def test_a_message_that_is_gone(self, live_stack: RunningStack) -> None:
        asyncio.run(_delete_message(live_stack.nats_url, 5))
        done = live_stack.run("verify", "--json", "--no-tables")
        assert done.returncode == 1, done.stdout + done.stderr
        result = json.loads(done.stdout)
        assert [(each["check"], each["position"]) for each in result["findings"]] == [("stream", 5)]

    def test_a_stream_that_is_ahead(self, live_stack: RunningStack) -> None:
        sequence = asyncio.run(_publish(live_stack.nats_url))
        assert found(verify(live_stack)) == [("stream", 5), ("stream", sequence)]
