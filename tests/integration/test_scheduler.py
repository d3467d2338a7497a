"""The write side under rubbish, repetition, rivals and foreign history."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest

from integration.inbox import Producer, producing
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.test_faults import wipe_nats
from integration.verify import verify_log, verify_success
from millstream.adapters.bus import Bus
from millstream.adapters.streams import stream_state
from millstream.client import Client
from millstream.core.command_parts import Command
from millstream.core.commands import TriggerRun
from millstream.core.errors import Refused
from millstream.core.event_parts import Where, XCom
from millstream.core.reports import FailAttempt, StartAttempt, SucceedAttempt
from millstream.embedded.pids import identify

NOW = datetime(2026, 1, 2, tzinfo=UTC)
RANDOM = Random(7)


def fetch(stack: RunningStack, query: str, *arguments: object) -> list[asyncpg.Record]:
    async def ask() -> list[asyncpg.Record]:
        connection = await asyncpg.connect(stack.database_url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()

    return asyncio.run(ask())


def report(kind: type[Any], where: Where, worker: str, token: str, **options: Any) -> Any:
    options.setdefault("id", f"{token}/{kind.__name__}")
    if kind is not StartAttempt:
        options.setdefault("ended_at", NOW)
    return kind(where=where, worker=worker, token=token, started_at=NOW, **options)


def encode(command: Command) -> bytes:
    return msgspec.json.encode(command)


NOWHERE = Where("default", "no_dag", "no_run", "t", (), 1)
FAR_EAST = timezone(timedelta(hours=14))

# Who sends what, and why it is refused.
RUBBISH: list[tuple[str, bytes, str]] = [
    *(("api", RANDOM.randbytes(size), "MALFORMED") for size in (1, 20, 400)),
    ("api", b"", "MALFORMED"),
    ("api", b"null", "MALFORMED"),
    ("api", b"[]", "MALFORMED"),
    ("api", b'{"type":"Nothing","id":"x"}', "MALFORMED"),
    ("api", b'{"type":"TriggerRun","id":"x"}', "MALFORMED"),
    ("api", b'{"type":"TriggerRun","id":"x","namespace":1,"dag_id":"d"}', "MALFORMED"),
    ("api", b'{"type":"TaskSucceeded","started_at":"2026-01-02T00:00:00Z"}', "MALFORMED"),
    ("api", b'{"type":"EpochStarted","holder":"me"}', "MALFORMED"),
    ("api", b'{"type":"BeginEpoch","id":"x","holder":"me"}', "MALFORMED"),
    ("worker", b'{"type":"LoseAttempt","id":"x","token":"t","reason":"r"}', "MALFORMED"),
    ("api", b"[" * 100_000, "MALFORMED"),
    ("api", b'{"type":"TriggerRun","conf":' + b'{"a":' * 20_000, "MALFORMED"),
    ("api", b'"%s"' % (b"x" * 900_000), "MALFORMED"),
    ("api", encode(TriggerRun(id="x" * 900_000, namespace="n", dag_id="d")), "MALFORMED"),
    ("api", encode(TriggerRun(id="x" * 300, namespace="n", dag_id="d")), "INVALID_ID"),
    ("api", encode(TriggerRun(id="a\nb", namespace="n", dag_id="d")), "INVALID_ID"),
    ("api", encode(report(StartAttempt, NOWHERE, "x", "t")), "NOT_ALLOWED"),
    ("worker", encode(TriggerRun(id="x", namespace="n", dag_id="d")), "NOT_ALLOWED"),
    ("root", encode(TriggerRun(id="x", namespace="n", dag_id="d")), "NOT_ALLOWED"),
    ("worker", encode(report(StartAttempt, NOWHERE, "worker-1", "t")), "NOT_ALLOWED"),
    ("worker", encode(report(SucceedAttempt, NOWHERE, "rubbish", "")), "MALFORMED"),
    ("worker", encode(report(SucceedAttempt, NOWHERE, "rubbish", "t")), "RUN_CLOSED"),
    (
        "worker",
        encode(report(SucceedAttempt, NOWHERE, "rubbish", "t", xcoms={"k": XCom()})),
        "MALFORMED",
    ),
    (
        "worker",
        encode(report(SucceedAttempt, NOWHERE, "rubbish", "t", xcoms={"k": XCom(blob="\0")})),
        "MALFORMED",
    ),
    (
        "worker",
        encode(
            report(
                *(SucceedAttempt, NOWHERE, "rubbish", "t"),
                ended_at=datetime(1, 1, 1, tzinfo=FAR_EAST),
            )
        ),
        "MALFORMED",
    ),
]
FOREIGN_SUBJECTS = ("ms.in.0.api", "ms.in.0.api.a.b", "ms.in.0.API.x", "ms.in.0.api.a=b")


class TestRubbish:
    def test_it_is_refused_kept_and_in_nobodys_way(self, stack: RunningStack) -> None:
        before = {name: stack.identity(name) for name in ("scheduler", "projector", "api")}
        client = stack.client()
        client.submit_spec(bash_dag("after_rubbish", bash("t", "true")))
        fetch(stack, "DELETE FROM refused_command WHERE actor LIKE '%/rubbish' RETURNING 1")
        asyncio.run(self.throw(stack.nats_url))
        began = time.monotonic()
        run = client.trigger("after_rubbish")
        assert time.monotonic() - began < 3, "the rubbish kept a good command waiting"
        assert_success(client, run)
        kept = fetch(stack, "SELECT * FROM refused_command WHERE actor LIKE '%/rubbish'")
        assert sorted((row["actor"].partition("/")[0], row["reason"]) for row in kept) == sorted(
            (role, reason) for role, _, reason in RUBBISH
        )
        foreign = fetch(stack, "SELECT type FROM refused_command WHERE reason = 'FOREIGN_SUBJECT'")
        assert {row["type"] for row in foreign} == set(FOREIGN_SUBJECTS)
        assert {name: stack.identity(name) for name in before} == before, "a process had died"
        verify_success(stack, run.run_id)

    async def throw(self, nats_url: str) -> None:
        async with producing(nats_url, "api", "rubbish") as producer:
            for role, payload, _ in RUBBISH:
                await producer.put(payload, f"ms.in.0.{role}.rubbish")
            for subject in FOREIGN_SUBJECTS:
                await producer.put(encode(TriggerRun(id="x", namespace="n", dag_id="d")), subject)

    def test_a_good_command_in_a_stream_of_rubbish_waits_less_than_a_second(
        self, stack: RunningStack
    ) -> None:
        async def ask() -> float:
            async with producing(stack.nats_url, "api", "patient") as producer:
                for number in range(300):
                    await producer.put(RANDOM.randbytes(50), f"ms.in.0.api.noise-{number % 3}")
                began = time.monotonic()
                receipt = await producer.ask(
                    TriggerRun(id=f"good-{began}", namespace="default", dag_id="no_such_dag")
                )
                assert receipt.reason == "DAG_NOT_FOUND"
                return time.monotonic() - began

        assert asyncio.run(ask()) < 1


class TestReports:
    """A worker whose every word the test speaks; the real one serves another queue."""

    def test_one_claim_and_one_result_count(self, stack: RunningStack) -> None:
        client = stack.client()
        client.submit_spec(bash_dag("by_hand", bash("t", "true", queue="by_hand")))
        run = client.trigger("by_hand")
        where = Where("default", "by_hand", run.run_id, "t", (), 1)
        asyncio.run(self.speak(stack.nats_url, where))
        assert_success(client, run)
        log = verify_success(stack, run.run_id)
        started = next(row for row in log.of_run(run.run_id) if row["type"] == "TaskStarted")
        assert started["actor"] == "worker/hand-1"

    async def speak(self, nats_url: str, where: Where) -> None:
        async with (
            producing(nats_url, "worker", "hand-1") as first,
            producing(nats_url, "worker", "hand-2") as second,
        ):
            await self.quarrel(first, second, where)

    async def quarrel(self, first: Producer, second: Producer, where: Where) -> None:
        token = f"token-{where.run_id}"[:200]
        claim = report(StartAttempt, where, "hand-1", token)
        claimed = await first.ask(claim)
        assert not claimed.is_refused
        assert not (await first.ask(claim)).is_refused, "the same claim again"

        async def refused(producer: Producer, command: Any) -> str:
            return (await producer.ask(command)).reason

        other = report(StartAttempt, where, "hand-2", "other")
        assert await refused(second, other) == "CLAIM_LOST"
        theft = report(SucceedAttempt, where, "hand-2", "other")
        assert await refused(second, theft) == "CLAIM_LOST"
        guess = report(SucceedAttempt, where, "hand-1", "guess", id="guess")
        assert await refused(first, guess) == "CLAIM_LOST"
        later = msgspec.structs.replace(where, attempt=2)
        early = report(SucceedAttempt, later, "hand-1", token, id="early")
        assert await refused(first, early) == "ATTEMPT_CLOSED"
        result = report(SucceedAttempt, where, "hand-1", token)
        receipt = await first.ask(result)
        assert not receipt.is_refused
        assert (await first.ask(result)).position == receipt.position, "the same result again"
        change = report(FailAttempt, where, "hand-1", token, error_type="E", message="m")
        assert await refused(first, change) == "RUN_CLOSED"


class TestRepeatedRequests:
    """The same id gets the same receipt, for ever."""

    def test_a_run_is_made_once(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        request = {"request_id": "once-and-for-all", "conf": {"n": 1}}
        spec = bash_dag("repeated", bash("t", "true"))
        submitted = client.submit_spec(spec, request_id="submit-once")
        run = client.trigger("repeated", **request)  # type: ignore[arg-type]
        assert client.trigger("repeated", **request) == run  # type: ignore[arg-type]
        assert_success(client, run)
        assert client.trigger("repeated", **request) == run  # type: ignore[arg-type]
        victim = fault_stack.kill("scheduler")
        assert client.trigger("repeated", **request) == run  # type: ignore[arg-type]
        assert client.submit_spec(spec, request_id="submit-once") == submitted
        fault_stack.wait_restarted("scheduler", victim)
        assert [found.run_id for found in client.list_runs("repeated")] == [run.run_id]
        verify_success(fault_stack, run.run_id)

    def test_a_run_id_is_used_once(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        client.submit_spec(bash_dag("named", bash("t", "true")))
        run = client.trigger("named", run_id="mine")
        with pytest.raises(Refused, match="already has a run"):
            client.trigger("named", run_id="mine")
        assert_success(client, run)
        fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
        with pytest.raises(Refused, match="already has a run"):
            client.trigger("named", run_id="mine")

    def test_requests_at_the_moment_of_a_kill_make_one_run_each(
        self, fault_stack: RunningStack
    ) -> None:
        client = fault_stack.client()
        client.submit_spec(bash_dag("asked_at_a_kill", bash("t", "true")))

        async def ask(client: Client) -> list[str]:
            def trigger(number: int) -> str:
                return client.trigger("asked_at_a_kill", request_id=f"at-a-kill-{number}").run_id

            asking = [asyncio.to_thread(trigger, number % 15) for number in range(30)]
            killing = asyncio.to_thread(fault_stack.kill, "scheduler")
            return (await asyncio.gather(killing, *asking))[1:]  # type: ignore[return-value]

        run_ids = asyncio.run(ask(client))
        assert run_ids[:15] == run_ids[15:]
        assert len(set(run_ids)) == 15
        for run_id in run_ids[:15]:
            assert client.wait(run_id, "asked_at_a_kill", timeout_s=60).state == "success"
        assert len(list(client.list_runs("asked_at_a_kill"))) == 15
        verify_log(fault_stack)


class TestDeletedStreams:
    """Somebody deletes what only NATS holds; the log is whole, so it is made again."""

    @pytest.mark.parametrize(
        "api",
        [
            "CONSUMER.DELETE.INBOX.scheduler-0",
            "CONSUMER.DELETE.EVENTS_0.worker-default",
            "STREAM.DELETE.INBOX",
            "STREAM.DELETE.EVENTS_0",
        ],
    )
    def test_it_is_made_again(self, fault_stack: RunningStack, api: str) -> None:
        client = fault_stack.client()
        client.submit_spec(bash_dag("deleted", bash("t", "true")))
        scheduler = fault_stack.identity("scheduler")

        async def delete() -> None:
            bus = await Bus.connect(fault_stack.nats_url, "operator")
            await bus.jetstream(api)
            await bus.close()

        asyncio.run(delete())
        run = client.trigger("deleted")
        assert_success(client, run)
        verify_success(fault_stack, run.run_id)
        assert fault_stack.identity("scheduler") == scheduler

    def test_a_deleted_last_message_stops_no_scheduler(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        client.submit_spec(bash_dag("deleted", bash("t", "true")))
        assert_success(client, client.trigger("deleted"))

        async def delete_last() -> None:
            bus = await Bus.connect(fault_stack.nats_url, "operator")
            state = await stream_state(bus, "EVENTS_0")
            assert state is not None
            await bus.jetstream("STREAM.MSG.DELETE.EVENTS_0", {"seq": state["last_seq"]})
            await bus.close()

        asyncio.run(delete_last())
        fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
        assert_success(client, client.trigger("deleted"))
        wipe_nats(fault_stack)  # the stream is made anew, without a gap
        run = client.trigger("deleted")
        assert_success(client, run)
        verify_success(fault_stack, run.run_id)


@contextmanager
def second_scheduler(stack: RunningStack, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A standby that the stack's supervisor knows nothing of."""
    environment = stack.environment | {
        "MILLSTREAM_NATS_URL": stack.nats_url,
        "MILLSTREAM_DATABASE_URL": stack.database_url,
        "MILLSTREAM_INSTANCE": "scheduler-2",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "millstream_scheduler"],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            eventually("the second stands by", lambda: "standing_by" in log.read_text())
            yield process
        finally:
            if process.poll() is None:
                process.terminate()
            assert process.wait(15) == 0, log.read_text()


def active(stack: RunningStack) -> str:
    """Who holds the newest epoch of the log."""
    query = "SELECT data->>'holder' AS holder FROM event_log WHERE type = 'EpochStarted' "
    return str(fetch(stack, query + "ORDER BY position DESC LIMIT 1")[0]["holder"])


class TestTwoSchedulers:
    def test_only_one_is_active_and_the_other_goes_on_when_it_dies(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        stack = fault_stack
        client = stack.client()
        client.submit_spec(bash_dag("two", *(bash(f"t{n}", "sleep 0.2") for n in range(12))))
        with second_scheduler(stack, tmp_path / "second.log"):
            run = client.trigger("two")
            wait_for_event(client, run, "TaskSucceeded", count=2)
            assert active(stack) == "scheduler-1"
            victim = stack.kill("scheduler")
            assert_success(client, run)
            assert active(stack) == "scheduler-2"
            verify_success(stack, run.run_id)
        stack.wait_restarted("scheduler", victim)
        assert active(stack) == "scheduler-1"
        again = client.trigger("two")
        assert_success(client, again)
        verify_success(stack, again.run_id)

    def test_one_that_stood_still_too_long_ends_and_commits_nothing(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        stack = fault_stack
        client = stack.client()
        client.submit_spec(bash_dag("before", bash("t", "true")))
        assert_success(client, client.trigger("before"))
        with second_scheduler(stack, tmp_path / "second.log"):
            assert active(stack) == "scheduler-1"
            stopped = stack.kill("scheduler", signal.SIGSTOP)
            try:
                fetch(
                    stack,
                    "SELECT pg_terminate_backend(a.pid) FROM pg_stat_activity a "
                    "JOIN pg_locks l ON l.pid = a.pid AND l.locktype = 'advisory' AND l.granted "
                    "WHERE a.application_name LIKE 'scheduler-lock%'",
                )
                eventually("the second takes over", lambda: active(stack) == "scheduler-2")
                client.submit_spec(bash_dag("during", bash("t", "true")))
                run = client.trigger("during")
                assert_success(client, run)
            finally:
                stopped.send(signal.SIGCONT)
            # What the old one has pulled and what it pulls now, it must not answer.
            runs = [client.trigger("during") for _ in range(20)]
            eventually("the old one ends", lambda: not stopped.is_alive())
            eventually("its end is seen", lambda: stack.identity("scheduler") != stopped)
            assert stack.state.process("scheduler").last_exit == "ended with exit code 70"
            for ref in (run, *runs):
                assert_success(client, ref)
            log = verify_log(stack)
            epochs = {
                row["epoch"]: row["actor"] for row in log.rows if row["type"] == "EpochStarted"
            }
            assert epochs[max(epochs)] == "scheduler/scheduler-2"
            assert {row["epoch"] for row in log.of_run(run.run_id)} == {max(epochs)}
        stack.wait_restarted("scheduler", stopped)


class TestForeignHistory:
    @pytest.mark.soak  # an older backup of Postgres is refused in the same place
    def test_a_stream_ahead_of_postgres_is_refused_until_it_is_deleted(
        self, fresh_stack: Callable[[], RunningStack]
    ) -> None:
        stack = fresh_stack()
        client = stack.client()
        client.submit_spec(bash_dag("d", bash("t", "true")))
        assert_success(client, client.trigger("d"))
        position = len(verify_log(stack).rows)
        asyncio.run(self.publish_foreign(stack.nats_url, 3))
        victim = stack.kill("scheduler")
        sentence = f"Postgres ends at position {position}, but the stream EVENTS already holds "
        sentence += f"position {position + 3}."
        eventually("the scheduler refuses", lambda: sentence in stack.log("scheduler"))
        eventually("again", lambda: stack.log("scheduler").count(sentence) >= 3)
        assert fetch(stack, "SELECT max(position) FROM event_log")[0][0] == position
        assert "exit code 70" in stack.state.process("scheduler").last_exit
        asyncio.run(self.delete_stream(stack.nats_url))
        stack.wait_restarted("scheduler", victim)
        run = client.trigger("d")
        assert_success(client, run)
        verify_success(stack, run.run_id)

    async def publish_foreign(self, nats_url: str, count: int) -> None:
        bus = await Bus.connect(nats_url, "foreigner")
        for number in range(count):
            await bus.store("ms.ev.0.Foreign._", b'{"number":%d}' % number, 2)
        await bus.close()

    async def delete_stream(self, nats_url: str) -> None:
        bus = await Bus.connect(nats_url, "operator")
        await bus.jetstream("STREAM.DELETE.EVENTS_0")
        await bus.close()


def test_a_scheduler_without_settings_says_which(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MILLSTREAM_")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "millstream_scheduler"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 64
    assert "MILLSTREAM_NATS_URL is not set" in done.stderr
    assert identify(os.getpid()).is_alive()
