"""What each process may do on NATS, tried with its own credentials against a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from integration.ready_cluster import copy_cluster
from integration.running_stack import RunningStack, assert_success, bash, bash_dag
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.bus_client import Delivery
from millstream.adapters.nats_accounts import Role
from millstream.adapters.settings import Settings
from millstream.adapters.streams import create_events, ensure_lane, provision
from millstream.adapters.subjects import INBOX, LOGS, events_stream, worker_consumer
from millstream.core.errors import Unavailable
from millstream.embedded.httpget import get
from millstream.embedded.ports import LOOPBACK
from millstream.embedded.run import RunningServers, running_servers

EVENTS = events_stream(0)
SHORT_S = 0.3


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    folder = copy_cluster(tmp_path_factory.mktemp("accounts") / "a folder")
    with running_servers(folder, workers=("w1", "w2")) as running:
        asyncio.run(_prepare(running))
        yield running


async def _prepare(servers: RunningServers) -> None:
    async with connected(servers, "scheduler", "scheduler-1") as bus:
        await provision(bus, Settings())
        await create_events(bus, Settings(), 1)
        await ensure_lane(bus, 0, "default")


@asynccontextmanager
async def connected(servers: RunningServers, role: Role, name: str) -> AsyncIterator[Bus]:
    """As the process itself connects."""
    login = name if role == "admin" else f"{role}-{name}"
    bus = await Bus.connect(servers.nats_of(role, name), login)
    try:
        yield bus
    finally:
        await bus.close()


async def last_sequences(servers: RunningServers) -> dict[str, int]:
    async with connected(servers, "admin", "look") as bus:
        infos = {name: await bus.jetstream(f"STREAM.INFO.{name}") for name in (INBOX, EVENTS, LOGS)}
    return {name: info["state"]["last_seq"] for name, info in infos.items()}


FORBIDDEN = [
    "ms.in.0.worker.w2",
    "ms.in.0.api.api-1",
    "ms.in.0.scheduler.scheduler-1",
    "ms.in.1.worker.w1",
    "ms.ev.0.TaskReady.default",
    "ms.ev.0.TaskStopped._",
    "ms.log.0.w2.default.d.r.t._.1",
    "ms.rcpt.worker.w2",
    "ms.hb.w2",
    "ms.closed.w2",
    "ms.lane.0",
    "ms.proj.0",
]


@pytest.mark.asyncio
async def test_a_worker_can_forge_nothing(servers: RunningServers) -> None:
    before = await last_sequences(servers)
    heard: list[str] = []
    async with (
        connected(servers, "admin", "ear") as ear,
        connected(servers, "worker", "w2") as other,
        connected(servers, "worker", "w1") as bus,
    ):
        await ear.listen("ms.>", lambda delivery: heard.append(delivery.subject))
        for subject in ("ms.rcpt.worker.w2", "ms.closed.w2"):
            await other.listen(subject, lambda delivery: heard.append(delivery.subject))
        await ear.flush()
        await other.flush()
        for subject in FORBIDDEN:
            bus.send(subject, b"{}")
            # The server itself writes to a reply subject: what is stored, what is not there, what
            # an API answers.
            for allowed in (
                "ms.in.0.worker.w1",
                "ms.look.0.xcom",
                f"$JS.API.CONSUMER.MSG.NEXT.{EVENTS}.{worker_consumer('default')}",
                f"$JS.API.CONSUMER.NAMES.{EVENTS}",
                "$JS.API.INFO",
            ):
                bus.send(allowed, b"{}", reply=subject)
        await bus.flush()
        await asyncio.sleep(SHORT_S)
    mine = {"ms.in.0.worker.w1", "ms.look.0.xcom"}
    assert [subject for subject in heard if subject not in mine] == []
    after = await last_sequences(servers)
    assert {name: after[name] - before[name] for name in (EVENTS, LOGS)} == {EVENTS: 0, LOGS: 0}
    assert after[INBOX] - before[INBOX] == len(FORBIDDEN)  # its own reports, and nothing else
    assert await stored_subjects(servers, before[INBOX] + 1, after[INBOX]) == {"ms.in.0.worker.w1"}


async def stored_subjects(servers: RunningServers, first: int, last: int) -> set[str]:
    async with connected(servers, "admin", "look") as bus:
        found = [
            await bus.jetstream(f"STREAM.MSG.GET.{INBOX}", {"seq": sequence})
            for sequence in range(first, last + 1)
        ]
    return {answer["message"]["subject"] for answer in found}


@pytest.mark.parametrize(
    ("api", "body"),
    [
        (f"STREAM.INFO.{INBOX}", None),
        (f"STREAM.MSG.GET.{INBOX}", {"seq": 1}),
        (f"STREAM.MSG.GET.{EVENTS}", {"seq": 1}),
        (f"DIRECT.GET.{LOGS}", {"seq": 1}),
        (f"STREAM.PURGE.{LOGS}", {"filter": "ms.log.>"}),
        (f"STREAM.DELETE.{EVENTS}", None),
        ("STREAM.CREATE.MINE", {"name": "MINE", "subjects": ["ms.hb.>"]}),
        (f"STREAM.UPDATE.{INBOX}", {"name": INBOX, "subjects": ["x"]}),
        (f"CONSUMER.CREATE.{EVENTS}", {"stream_name": EVENTS, "config": {"ack_policy": "none"}}),
        (f"CONSUMER.DELETE.{EVENTS}.{worker_consumer('default')}", None),
        (f"CONSUMER.MSG.NEXT.{INBOX}.scheduler-0", {"batch": 1}),
    ],
)
@pytest.mark.asyncio
async def test_what_a_worker_may_not_ask(servers: RunningServers, api: str, body: Any) -> None:
    async with connected(servers, "worker", "w1") as bus:
        with pytest.raises((Unavailable, JetStreamError)):
            await bus.jetstream(api, body, timeout_s=SHORT_S)


@pytest.mark.asyncio
async def test_a_worker_hears_what_is_said_to_it_alone(servers: RunningServers) -> None:
    heard: list[bytes] = []
    async with (
        connected(servers, "scheduler", "scheduler-1") as scheduler,
        connected(servers, "worker", "w2") as other,
        connected(servers, "worker", "w1") as bus,
    ):
        for subject in (
            "ms.>",
            "ms.in.>",
            "ms.log.>",
            "ms.hb.*",
            "ms.rcpt.worker.w2",
            "ms.rcpt.worker.*",
            "ms.ev.0.TaskReady.*",
            "_INBOX.>",
            "_INBOX.worker-w2.>",
            "$JS.>",
            ">",
        ):
            with contextlib.suppress(Unavailable):
                await bus.listen(subject, lambda delivery: heard.append(delivery.data))
        mine: list[bytes] = []
        await bus.listen("ms.rcpt.worker.w1", lambda delivery: mine.append(delivery.data))
        with contextlib.suppress(Unavailable):
            await bus.flush()
        scheduler.send("ms.rcpt.worker.w2", b"not for w1")
        scheduler.send("ms.rcpt.worker.w1", b"for w1")
        scheduler.send("ms.ev.0.TaskReady.default", b"an event")
        await other.publish("ms.hb.w2", b"a heartbeat")
        await other.jetstream("INFO")
        await scheduler.flush()
        await asyncio.sleep(SHORT_S)
        assert mine == [b"for w1"]
    assert heard == []


@pytest.mark.asyncio
async def test_a_worker_has_its_events_its_receipts_and_its_answers(
    servers: RunningServers,
) -> None:
    async with (
        connected(servers, "scheduler", "scheduler-1") as scheduler,
        connected(servers, "projector", "projector-1") as projector,
        connected(servers, "worker", "w1") as bus,
    ):

        def answer(delivery: Delivery) -> None:
            projector.send(delivery.reply, b"the answer")

        await projector.listen("ms.look.0.xcom", answer)
        await projector.flush()
        assert await bus.ask("ms.look.0.xcom", b"?", 2.0) == b"the answer"
        beats: list[bytes] = []
        await scheduler.listen("ms.hb.*", lambda delivery: beats.append(delivery.data))
        await scheduler.flush()
        bus.send("ms.hb.w1", b"alive")
        await bus.store("ms.log.0.w1.default.d.r.t._.1", b"[]", 2.0)
        await bus.flush()
        names = await bus.jetstream(f"CONSUMER.NAMES.{EVENTS}")
        assert worker_consumer("default") in names["consumers"]
        await asyncio.sleep(SHORT_S)
        assert beats == [b"alive"]


@pytest.mark.parametrize("role", ["api", "projector"])
@pytest.mark.asyncio
async def test_only_the_scheduler_writes_events_and_makes_streams(
    servers: RunningServers, role: Role
) -> None:
    before = await last_sequences(servers)
    async with connected(servers, role, f"{role}-1") as bus:
        for subject in ("ms.ev.0.TaskReady.default", "ms.in.0.worker.w1", "ms.rcpt.worker.w1"):
            with pytest.raises(Unavailable):
                await bus.store(subject, b"{}", SHORT_S)
        for api in (f"STREAM.DELETE.{EVENTS}", f"STREAM.PURGE.{LOGS}", "STREAM.CREATE.MINE"):
            with pytest.raises((Unavailable, JetStreamError)):
                await bus.jetstream(api, {}, timeout_s=SHORT_S)
    assert await last_sequences(servers) == before


@pytest.mark.asyncio
async def test_nobody_comes_in_without_credentials(servers: RunningServers) -> None:
    address = servers.nats_url.rpartition("@")[2]
    reader, writer = await asyncio.open_connection(*address.split(":"))
    writer.write(b"CONNECT %s\r\nPING\r\n" % json.dumps({"verbose": False}).encode())
    async with asyncio.timeout(5):
        answers = await reader.read()
    writer.close()
    assert b"Authorization Violation" in answers


def test_the_services_run_with_their_own_users(stack: RunningStack, tmp_path: Path) -> None:
    client = stack.client()
    client.submit_spec(bash_dag("own_users", bash("t", "echo $MILLSTREAM_NATS_URL; env")))
    run = client.trigger("own_users")
    assert_success(client, run)
    users = asyncio.run(_users(stack))
    for name in ("scheduler-scheduler-1", "projector-projector-1", "api-api-1", "worker-worker-1"):
        assert users[name] == {name}
    lines = [line.text for line in client.logs.read(run, "t")]
    assert not any("nats://" in line for line in lines)


async def _users(stack: RunningStack) -> dict[str, set[str]]:
    """Who is logged in, by the names that connections gave themselves."""
    servers = json.loads((stack.data_dir / "servers.json").read_text())
    _, body = await get(LOOPBACK, servers["nats_http_port"], "/connz?auth=true", timeout_s=10.0)
    users: dict[str, set[str]] = {}
    for connection in json.loads(body)["connections"]:
        users.setdefault(connection.get("name", ""), set()).add(connection["authorized_user"])
    return users
