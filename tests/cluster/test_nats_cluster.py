"""Servers of a NATS cluster lost under load: the runs end well, and the log stays what it is."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cluster.cluster_stack import ClusterStack
from cluster.load import Load
from cluster.nats_cluster import NatsCluster, Node
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log, verify_success
from millstream.adapters.bus import Bus, JetStreamError
from millstream.adapters.settings import Settings
from millstream.adapters.streams import create_events, provision
from millstream.client import Client, RunRef
from millstream.core.errors import MillstreamError, Unavailable

EVENTS = "EVENTS_0"


def lost_node(cluster: NatsCluster, which: str) -> Node:
    match which:
        case "stream leader":
            return cluster.leader(EVENTS)
        case "meta leader":
            return cluster.leader()
        case _:
            return cluster.follower(EVENTS)


@pytest.mark.soak
@pytest.mark.timeout(600)
class TestLostServers:
    """The leader of the stream is also killed in ``test_both.py``, always."""

    @pytest.mark.parametrize("which", ["stream leader", "meta leader", "follower"])
    def test_killed_and_back(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack, which: str
    ) -> None:
        victim = lost_node(nats_cluster, which)
        with Load(cluster_stack) as load:
            victim.kill()
            load.wait_for_more(2)
        load.assert_all_succeed()
        verify_log(cluster_stack)
        victim.start()
        nats_cluster.wait_healthy()

    def test_its_store_is_gone(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack
    ) -> None:
        victim = nats_cluster.leader(EVENTS)
        with Load(cluster_stack) as load:
            victim.kill()
            shutil.rmtree(victim.store)
            load.wait_for_more(1)
            victim.start()
            nats_cluster.wait_healthy()
            load.wait_for_more(2)
        load.assert_all_succeed()
        verify_log(cluster_stack)

    def test_one_after_the_other_is_restarted(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack
    ) -> None:
        with Load(cluster_stack) as load:
            for node in nats_cluster.nodes:
                node.kill(signal.SIGTERM)
                load.wait_for_more(1)
                node.start()
                nats_cluster.wait_healthy()
                load.wait_for_more(1)
        load.assert_all_succeed()
        verify_log(cluster_stack)

    @pytest.mark.parametrize("which", ["stream leader", "meta leader", "follower"])
    def test_cut_off_from_the_others(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack, which: str
    ) -> None:
        """Services reach it still; those that were connected to it go to another one."""
        victim = lost_node(nats_cluster, which)
        with Load(cluster_stack) as load:
            nats_cluster.cut_off(victim)
            load.wait_for_more(6, 120)
            load.assert_all_succeed()
            nats_cluster.heal()
            nats_cluster.wait_healthy()
            load.wait_for_more(2)
        load.assert_all_succeed()
        verify_log(cluster_stack)

    def test_two_of_three(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack, tmp_path: Path
    ) -> None:
        client, run, mark = at_work(cluster_stack, tmp_path)
        victims = nats_cluster.nodes[:2]
        for node in victims:
            node.kill()
        assert_nothing_acknowledged(cluster_stack, mark)
        for node in victims:
            node.start()
        nats_cluster.wait_healthy()
        assert_success(client, run, 120)
        verify_success(cluster_stack, run.run_id)

    def test_all_three_lose_what_they_acknowledged(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack
    ) -> None:
        """Their machines lost power: each store is as it was some time ago."""
        with Load(cluster_stack) as load:
            end_all(nats_cluster, signal.SIGTERM)
            nats_cluster.copy_stores("older")
            start_all(nats_cluster)
            load.wait_for_more(3)
            end_all(nats_cluster, signal.SIGKILL)
            nats_cluster.put_back_stores("older")
            start_all(nats_cluster)
            load.wait_for_more(2)
        load.assert_all_succeed()
        verify_log(cluster_stack)

    def test_all_three_lose_everything(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack
    ) -> None:
        with Load(cluster_stack) as load:
            end_all(nats_cluster, signal.SIGKILL)
            for node in nats_cluster.nodes:
                shutil.rmtree(node.store)
            start_all(nats_cluster)
            load.wait_for_more(2)
        load.assert_all_succeed()
        verify_log(cluster_stack)


@pytest.mark.soak
@pytest.mark.timeout(600)
class TestMinority:
    def test_services_that_reach_one_server_wait_for_the_others(self, tmp_path: Path) -> None:
        nats = NatsCluster(tmp_path / "servers", is_advertised=False)
        stack = ClusterStack(
            tmp_path / "a stack", nats, None, {"MILLSTREAM_NATS_URL": nats.urls(0)}
        )
        try:
            nats.start()
            stack.up()
            client, run, mark = at_work(stack, tmp_path)
            nats.cut_off(nats.nodes[0])
            assert_nothing_acknowledged(stack, mark)
            nats.heal()
            nats.wait_healthy()
            assert_success(client, run, 120)
            verify_success(stack, run.run_id)
        finally:
            stack.down()
            nats.stop()


class TestConnections:
    def test_streams_are_raised_and_never_lowered(self, nats_cluster: NatsCluster) -> None:
        asyncio.run(self._replicas(nats_cluster))

    async def _replicas(self, cluster: NatsCluster) -> None:
        bus = await Bus.connect(cluster.urls(), "operator")
        streams = ("INBOX", "LOGS", EVENTS)
        try:
            for setting, found in ((1, 1), (3, 3), (1, 3)):
                settings = Settings(
                    stream_replicas=setting, stream_max_bytes=1024**2, inbox_max_bytes=1024**2
                )
                await self._provided(bus, settings)
                for stream in streams:
                    info = await bus.jetstream(f"STREAM.INFO.{stream}")
                    assert info["config"]["num_replicas"] == found, stream
        finally:
            await bus.close()

    async def _provided(self, bus: Bus, settings: Settings) -> None:
        """A cluster that has just begun may not yet know of all its servers."""
        async with asyncio.timeout(60):
            while True:
                try:
                    await provision(bus, settings)
                    await create_events(bus, settings, 5)
                    return
                except (JetStreamError, Unavailable) as error:
                    if isinstance(error, JetStreamError) and "peer" not in str(error):
                        raise
                    await asyncio.sleep(0.2)

    def test_the_servers_that_the_cluster_names_get_the_credentials(
        self, nats_cluster: NatsCluster
    ) -> None:
        async def play(bus: Bus) -> None:
            nats_cluster.nodes[0].kill()
            await until_it_answers(bus)
            assert bus.server != address(nats_cluster.nodes[0])

        asyncio.run(with_bus(nats_cluster.urls(0), play))
        nats_cluster.nodes[0].start()
        nats_cluster.wait_healthy()

    @pytest.mark.soak  # as is each of the three, with all services
    def test_a_server_that_is_cut_off_is_left(self, nats_cluster: NatsCluster) -> None:
        async def play(bus: Bus) -> None:
            lost = next(node for node in nats_cluster.nodes if address(node) == bus.server)
            nats_cluster.cut_off(lost)
            async with asyncio.timeout(60):
                while bus.server == address(lost) or not bus.is_connected:
                    with contextlib.suppress(Unavailable, JetStreamError):
                        await bus.jetstream("INFO", timeout_s=1.0)
                    await asyncio.sleep(0.1)
            await until_it_answers(bus)

        asyncio.run(with_bus(nats_cluster.urls(), play))
        nats_cluster.heal()
        nats_cluster.wait_healthy()


def address(node: Node) -> str:
    return f"127.0.0.1:{node.port}"


async def with_bus(url: str, play: Callable[[Bus], Awaitable[None]]) -> None:
    bus = await Bus.connect(url, "tester")
    try:
        await play(bus)
    finally:
        await bus.close()


async def until_it_answers(bus: Bus) -> None:
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(Unavailable, JetStreamError):
                await bus.jetstream("INFO", timeout_s=1.0)
                return
            await asyncio.sleep(0.1)


def at_work(stack: RunningStack, folder: Path) -> tuple[Client, RunRef, Path]:
    """A run with a task at work until there is a file, and the file that it writes at its end."""
    gate, mark = folder / "gate", folder / "mark"
    client = stack.client()
    long = f"while [ ! -e '{gate}' ]; do sleep 0.05; done; touch '{mark}'"
    client.submit_spec(bash_dag("long", bash("long", long), bash("after", "true", "long")))
    run = client.trigger("long")
    wait_for_event(client, run, "TaskStarted", "long")
    return client, run, mark


def assert_nothing_acknowledged(stack: RunningStack, mark: Path) -> None:
    """No request is, while the task at work goes on to its end."""
    client = stack.client()
    with pytest.raises(MillstreamError):
        client.trigger("long")
    mark.with_name("gate").touch()
    eventually("the task ends its work", mark.exists)


def end_all(cluster: NatsCluster, number: int) -> None:
    for node in cluster.nodes:
        node.kill(number)


def start_all(cluster: NatsCluster) -> None:
    for node in cluster.nodes:
        node.start()
    cluster.wait_healthy()
