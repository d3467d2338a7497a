"""Faults of NATS under load: nothing is lost, nothing is done twice, and it goes on by itself."""

from __future__ import annotations

import asyncio
import shutil
import signal
import statistics
import time
from pathlib import Path

import pytest

from integration.inbox import Producer, producing
from integration.liveness import pass_time
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.server_faults import (
    ask_postgres,
    copy_files,
    copy_of_running,
    ended,
    under_load,
    while_down,
)
from integration.test_bus import POISON, publish_raw
from integration.verify import verify_log
from millstream.adapters.bus import Bus
from millstream.adapters.log_lines import log_subject
from millstream.core.commands import TriggerRun
from millstream.core.event_parts import Where

SERVICES = ("scheduler", "projector", "api", "web", "worker-1")
# As another installation would write it.
FOREIGN_EVENT = (
    b'{"position":1,"epoch":1,"type":"EpochStarted","namespace":"","dag_id":"","run_id":"",'
    b'"task_id":"","map_index":[],"attempt":0,"actor":"scheduler/them","causation":"epoch/1",'
    b'"trace":"","recorded_at":"2026-01-02T00:00:00Z","data":{"holder":"them"},"digest":"%s"}'
    % (b"00" * 32)
)
RUBBISH = (
    b"",
    b"\x00\xff\xfe",
    b"{rubbish",
    b"[" * 100_000,
    b'{"type":"TriggerRun","conf":' + b'{"a":' * 20_000,
    FOREIGN_EVENT,
)


class TestNats:
    """One stack for all of them, which each leaves able to go on."""

    @pytest.mark.soak  # test_faults.py always kills it once, and wipes it once while it is down
    def test_killed_at_any_moment(self, fault_stack: RunningStack) -> None:
        with under_load(fault_stack, "killed") as load:
            for _ in range(6):
                fault_stack.wait_restarted("nats", fault_stack.kill("nats"))
                load.wait_for_more(1)

    @pytest.mark.soak
    def test_restarted_in_order(self, fault_stack: RunningStack) -> None:
        with under_load(fault_stack, "restarted"):
            fault_stack.wait_restarted("nats", fault_stack.kill("nats", signal.SIGTERM))

    def test_stopped_and_resumed(self, fault_stack: RunningStack) -> None:
        """For longer than a lease. What was sent to it meanwhile it may still take."""
        with under_load(fault_stack, "stopped"):
            victim = fault_stack.kill("nats", signal.SIGSTOP)
            try:
                pass_time(4)
            finally:
                victim.send(signal.SIGCONT)
        assert fault_stack.identity("nats") == victim

    def test_its_store_is_wiped_while_it_runs(self, fault_stack: RunningStack) -> None:
        """It says that it is healthy and stores nothing any more: the supervisor restarts it."""
        victim = fault_stack.identity("nats")
        with under_load(fault_stack, "wiped_live"):
            shutil.rmtree(fault_stack.data_dir / "nats")
            fault_stack.wait_restarted("nats", victim)
        assert "were deleted or replaced while it ran" in fault_stack.log("up")

    @pytest.mark.soak
    def test_its_store_is_wiped_while_it_is_down(self, fault_stack: RunningStack) -> None:
        with under_load(fault_stack, "wiped_dead"), while_down(fault_stack, "nats"):
            shutil.rmtree(fault_stack.data_dir / "nats")

    @pytest.mark.parametrize("epochs", [1, pytest.param(5, marks=pytest.mark.soak)])
    def test_an_older_copy_of_its_store_is_put_back(
        self, fault_stack: RunningStack, tmp_path: Path, epochs: int
    ) -> None:
        """EVENTS and INBOX are behind, and so are the consumers, by some epochs."""
        store = fault_stack.data_dir / "nats"
        with under_load(fault_stack, f"older_{epochs}") as load:
            copy_of_running(fault_stack, "nats", tmp_path / "copy")
            load.wait_for_more()
            for _ in range(epochs):
                fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
                load.wait_for_more(1)
            with while_down(fault_stack, "nats"):
                copy_files(tmp_path / "copy", store)

    def test_rubbish_in_inbox_is_refused_and_keeps_nobody_waiting(
        self, fault_stack: RunningStack
    ) -> None:
        """Header blocks that no client sends, and bodies that no service sends."""
        before = {name: fault_stack.identity(name) for name in SERVICES}
        with under_load(fault_stack, "rubbish"):
            waits = asyncio.run(self.throw(fault_stack.nats_url))
        assert {name: fault_stack.identity(name) for name in SERVICES} == before, "one had died"
        # What is held up by a message that nobody takes away is held up each time.
        assert statistics.median(waits) < 1
        kept = ask_postgres(
            fault_stack,
            "SELECT count(*) FROM refused_command "
            "WHERE actor = 'api/malformed' AND reason = 'MALFORMED'",
        )
        assert kept == len(POISON) * len(RUBBISH)

    async def throw(self, nats_url: str) -> list[float]:
        """Returns how long others waited for an answer meanwhile, in seconds."""
        waits = []
        async with producing(nats_url, "api", "patient") as producer:
            for number, header in enumerate(POISON):
                for payload in RUBBISH:
                    await publish_raw(nats_url, "ms.in.0.api.malformed", header, payload)
                if number % 3 == 0:
                    waits.append(await self.wait_for_answer(producer))
        return waits

    async def wait_for_answer(self, producer: Producer) -> float:
        began = time.monotonic()
        command = TriggerRun(id=f"patient-{began}", namespace="default", dag_id="no_such_dag")
        assert (await producer.ask(command)).reason == "DAG_NOT_FOUND"
        return time.monotonic() - began

    def test_rubbish_in_a_log_is_read_past(self, fault_stack: RunningStack, tmp_path: Path) -> None:
        client, go = fault_stack.client(), tmp_path / "go"
        client.submit_spec(
            bash_dag(
                "noisy",
                bash("t", f"echo first; until [ -e '{go}' ]; do sleep 0.02; done; echo last"),
            )
        )
        run = client.trigger("noisy")
        wait_for_event(client, run, "TaskStarted")
        subject = log_subject(0, "worker-1", Where("default", "noisy", run.run_id, "t", (), 1))

        async def throw() -> None:
            for header in POISON:
                for payload in RUBBISH:
                    await publish_raw(fault_stack.nats_url, subject, header, payload)

        asyncio.run(throw())
        go.touch()
        lines = client.logs.read(run, "t", follow=True, timeout_s=30)
        said = [line.text for line in lines if line.source == "stdout"]
        assert said == ["first", "last"]
        assert_success(client, run)

    @pytest.mark.timeout(240)
    def test_what_others_write_into_events_is_not_taken_for_history(
        self, fault_stack: RunningStack
    ) -> None:
        """The scheduler refuses to go on, says both positions, and commits nothing more until the
        stream is deleted. It is loud and not healed: only a scheduler may write there."""
        stack = fault_stack
        client = stack.client()
        client.submit_spec(bash_dag("theirs", bash("t", "true")))
        assert_success(client, client.trigger("theirs"))
        victims = [stack.identity(name) for name in ("api", "projector", "worker-1")]
        position = len(verify_log(stack).rows)

        async def throw() -> None:
            for header in POISON:
                await publish_raw(stack.nats_url, "ms.ev.0.TaskReady.default", header, b"{rubbish")
            for payload in RUBBISH:
                await publish_raw(
                    stack.nats_url, "ms.ev.0.TaskReady.default", b"NATS/1.0\r\n\r\n", payload
                )

        asyncio.run(throw())
        scheduler = stack.kill("scheduler")
        end = position + len(POISON) + len(RUBBISH)
        sentence = f"Postgres ends at position {position}, but the stream EVENTS already holds "
        sentence += f"position {end}."
        eventually("it refuses", lambda: stack.log("scheduler").count(sentence) >= 2, 90)
        assert ask_postgres(stack, "SELECT max(position) FROM event_log") == position

        asyncio.run(delete_events(stack.nats_url))
        stack.wait_restarted("scheduler", scheduler, 90)
        assert_success(client, client.trigger("theirs"))
        verify_log(stack)
        assert victims == [stack.identity(name) for name in ("api", "projector", "worker-1")]

    @pytest.mark.soak  # its sister above is refused in the same place
    @pytest.mark.timeout(240)
    def test_the_stream_of_another_installation_is_refused(self, fault_stack: RunningStack) -> None:
        stack = fault_stack
        client = stack.client()
        client.submit_spec(bash_dag("ours", bash("t", "true")))
        assert_success(client, client.trigger("ours"))
        position = len(verify_log(stack).rows)
        scheduler = stack.identity("scheduler")
        with ended(stack, "scheduler"):
            asyncio.run(put_theirs(stack.nats_url))
        sentence = "Message 1 of stream EVENTS_0 is not event 1 of this database."
        eventually("it refuses", lambda: stack.log("scheduler").count(sentence) >= 2, 90)
        assert ask_postgres(stack, "SELECT max(position) FROM event_log") == position
        asyncio.run(delete_events(stack.nats_url))
        stack.wait_restarted("scheduler", scheduler, 90)
        assert_success(client, client.trigger("ours"))
        verify_log(stack)


async def delete_events(nats_url: str) -> None:
    bus = await Bus.connect(nats_url, "operator")
    await bus.jetstream("STREAM.DELETE.EVENTS_0")
    await bus.close()


async def put_theirs(nats_url: str) -> None:
    """The stream as it is when NATS is another installation's, which has just begun."""
    bus = await Bus.connect(nats_url, "operator")
    config = (await bus.jetstream("STREAM.INFO.EVENTS_0"))["config"]
    await bus.jetstream("STREAM.DELETE.EVENTS_0")
    await bus.jetstream("STREAM.CREATE.EVENTS_0", config | {"first_seq": 1})
    assert await bus.store("ms.ev.0.EpochStarted._", FOREIGN_EVENT, 5) == 1
    await bus.close()
