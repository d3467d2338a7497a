"""Several api processes behind one port: one dies, and its callers go on at the others."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import pytest

from integration.running_stack import ForkedStack, RunningStack, bash, bash_dag, eventually
from millstream.client import Client
from millstream.core.errors import MillstreamError
from millstream.embedded.pids import identify, wait_until_gone
from millstream.rpc.v1 import events_pb2, events_pb2_grpc, system_pb2, system_pb2_grpc
from millstream_api.family import reserved

# A channel of its own each, and not one that all calls of this process share.
ALONE = (("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 500))
WATCHERS = 12
NAMES = ("api", "api-2", "api-3")


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    folder = tmp_path_factory.mktemp("several") / "a stack"
    with ForkedStack(folder, {"MILLSTREAM_API_PROCESSES": str(len(NAMES))}).running() as running:
        yield running


class Watching:
    """A watcher that knows no more than the protocol says: after a lost connection it asks for what
    follows the last position that it saw."""

    def __init__(self, address: str) -> None:
        self.seen: list[int] = []
        self.servers: list[str] = []
        self.codes: set[grpc.StatusCode] = set()
        self._address = address

    async def run(self, until: asyncio.Event) -> None:
        while not until.is_set():
            async with grpc.aio.insecure_channel(self._address, options=ALONE) as channel:
                try:
                    self.servers.append(await active_of(channel))
                    await self._watch(channel)
                except grpc.aio.AioRpcError as error:
                    self.codes.add(error.code())
            await asyncio.sleep(0.05)

    async def _watch(self, channel: grpc.aio.Channel) -> None:
        stub: Any = events_pb2_grpc.EventServiceStub(channel)  # type: ignore[no-untyped-call]
        first = self.seen[-1] + 1 if self.seen else 1
        async for answer in stub.WatchEvents(events_pb2.WatchEventsRequest(from_position=first)):
            self.seen.append(answer.event.position)


async def active_of(channel: grpc.aio.Channel) -> str:
    """The instance that answers on a channel."""
    stub: Any = system_pb2_grpc.SystemServiceStub(channel)  # type: ignore[no-untyped-call]
    health = await stub.GetHealth(system_pb2.GetHealthRequest(), timeout=10)
    (api,) = [component for component in health.components if component.name == "api"]
    return str(api.active)


async def instances(address: str, count: int) -> set[str]:
    async def ask() -> str:
        while True:  # a connection that a dying process had not taken yet is reset
            async with grpc.aio.insecure_channel(address, options=ALONE) as channel:
                with suppress(grpc.aio.AioRpcError):
                    return await active_of(channel)

    return set(await asyncio.gather(*(ask() for _ in range(count))))


def test_connections_are_shared_out(several: RunningStack) -> None:
    found = asyncio.run(instances(several.address, 24))
    assert len(found) > 1
    assert found <= {"api-1", "api-2", "api-3"}


def test_a_request_goes_to_any_of_them(several: RunningStack) -> None:
    """What one took in, all know, and the same request gets the same answer everywhere."""
    given = set()
    for number in range(4):
        with Client(several.address) as client:
            submitted = client.submit_spec(bash_dag("anywhere", bash("t", "true")))
            given.add(client.trigger(submitted.dag_id, request_id="anywhere/1").run_id)
            if number == 0:
                client.wait(next(iter(given)), "anywhere", timeout_s=60)
    assert len(given) == 1


def test_watchers_lose_and_repeat_nothing_when_servers_die(several: RunningStack) -> None:
    client = several.client()
    dag_id = client.submit_spec(
        bash_dag("watched", bash("a", "true"), bash("b", "true", "a"))
    ).dag_id
    before = client.status().log_position

    async def main() -> list[Watching]:
        watchers = [Watching(several.address) for _ in range(WATCHERS)]
        over = asyncio.Event()
        running = [asyncio.create_task(watcher.run(over)) for watcher in watchers]
        for victim in NAMES:  # each has some of the watchers
            await asyncio.to_thread(client.trigger, dag_id)
            killed = several.kill(victim)
            ref = await asyncio.to_thread(client.trigger, dag_id)
            await asyncio.to_thread(client.wait, ref, timeout_s=60)
            await asyncio.to_thread(several.wait_restarted, victim, killed)
        end = await asyncio.to_thread(client.wait, client.trigger(dag_id), timeout_s=60)
        await asyncio.to_thread(
            eventually,
            "all have seen the end",
            lambda: all(watcher.seen and watcher.seen[-1] >= end.position for watcher in watchers),
        )
        over.set()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        return watchers

    watchers = asyncio.run(main())
    for watcher in watchers:
        assert watcher.seen == list(range(1, watcher.seen[-1] + 1))
        assert watcher.seen[-1] > before
        assert watcher.codes <= {grpc.StatusCode.UNAVAILABLE}
    assert sum(len(watcher.servers) for watcher in watchers) > WATCHERS, "nobody was cut off"


def test_health_says_who_is_active(several: RunningStack) -> None:
    async def ask() -> system_pb2.GetHealthResponse:
        async with grpc.aio.insecure_channel(several.address) as channel:
            stub: Any = system_pb2_grpc.SystemServiceStub(channel)  # type: ignore[no-untyped-call]
            answer: system_pb2.GetHealthResponse = await stub.GetHealth(
                system_pb2.GetHealthRequest(), timeout=10
            )
            return answer

    def state() -> dict[str, tuple[int, str]]:
        found = asyncio.run(ask())
        return {one.name: (one.state, one.active) for one in found.components}

    well, sick = system_pb2.HEALTH_STATE_HEALTHY, system_pb2.HEALTH_STATE_UNHEALTHY
    found = state()
    names = ["postgres", "nats", "blob_store", "api", "scheduler", "projector", "workers"]
    assert list(found) == names
    assert found["scheduler"] == (well, "scheduler-1")
    assert found["projector"] == (well, "projector-1")
    projector = several.kill("projector")
    eventually("its end is seen", lambda: state()["projector"] == (sick, ""))
    several.wait_restarted("projector", projector)
    eventually("it is back", lambda: state()["projector"] == (well, "projector-1"))


class TestFamily:
    def test_a_port_that_is_taken_is_refused(self) -> None:
        for taken in (socket.create_server(("127.0.0.1", 0)), reserved("127.0.0.1", 0)):
            with taken, pytest.raises(MillstreamError, match="port is taken"):
                reserved("127.0.0.1", taken.getsockname()[1])

    def test_one_command_keeps_them_running(self, several: RunningStack, tmp_path: Path) -> None:
        """`millstream api` by itself, as in a container."""
        with reserved("127.0.0.1", 0) as place:
            port = place.getsockname()[1]
        ready, theirs = os.pipe()
        environ = several.environment | {
            "MILLSTREAM_NATS_URL": several.nats_url,
            "MILLSTREAM_DATABASE_URL": several.database_url,
            "MILLSTREAM_BLOB_URL": several.state.blob_url,
            "MILLSTREAM_STATE_DIR": str(tmp_path),
            "MILLSTREAM_GRPC_PORT": str(port),
            "MILLSTREAM_INSTANCE": "family",
            "MILLSTREAM_API_PROCESSES": "2",
            "MILLSTREAM_READY_FD": str(theirs),
        }
        argv = [sys.executable, "-P", "-m", "millstream_api"]
        with subprocess.Popen(argv, env=environ, pass_fds=(theirs,)) as process:
            os.close(theirs)
            try:
                assert os.read(ready, 16).startswith(b"ready")
                address = f"127.0.0.1:{port}"
                found = asyncio.run(instances(address, 16))
                assert found == {"family-1", "family-2"}
                members = children_of(process.pid)
                assert len(members) == 2
                os.kill(members[0].pid, signal.SIGKILL)
                eventually(
                    "another one takes its place",
                    lambda: (
                        len(children_of(process.pid)) == 2
                        and members[0] not in children_of(process.pid)
                    ),
                )
                eventually(
                    "both answer",
                    lambda: asyncio.run(instances(address, 16)) == {"family-1", "family-2"},
                )
                members = children_of(process.pid)
                process.terminate()
                assert process.wait(20) == 0
            finally:
                process.kill()
                os.close(ready)
        assert wait_until_gone(members, 5) == []


def children_of(pid: int) -> list[Any]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [identify(int(child)) for child in text.split()]
