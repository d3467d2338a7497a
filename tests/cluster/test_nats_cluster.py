"""Servers of a NATS cluster lost under load: the runs end well, and the log stays what it is."""

from __future__ import annotations

import signal

import pytest

from cluster.cluster_stack import ClusterStack
from cluster.nats_cluster import NatsCluster, Node
from integration.running_stack import RunningStack, assert_success, wait_for_event
from integration.test_faults import dozen
from integration.verify import verify_success
from millstream.client import Client, RunRef

EVENTS = "EVENTS_0"


def begin(stack: RunningStack) -> tuple[Client, RunRef]:
    """A run of three rounds of four tasks, in its first round."""
    client = stack.client()
    client.submit_spec(dozen())
    run = client.trigger("dozen")
    wait_for_event(client, run, "TaskSucceeded")
    return client, run


def lost_node(cluster: NatsCluster, which: str) -> Node:
    match which:
        case "stream leader":
            return cluster.leader(EVENTS)
        case "meta leader":
            return cluster.leader()
        case _:
            return cluster.follower(EVENTS)


class TestLostNodes:
    @pytest.mark.parametrize(
        "which",
        [
            "stream leader",
            pytest.param("meta leader", marks=pytest.mark.soak),
            pytest.param("follower", marks=pytest.mark.soak),
        ],
    )
    def test_killed_and_back(
        self, nats_cluster: NatsCluster, cluster_stack: ClusterStack, which: str
    ) -> None:
        victim = lost_node(nats_cluster, which)
        client, run = begin(cluster_stack)
        victim.kill(signal.SIGKILL)
        assert_success(client, run)
        verify_success(cluster_stack, run.run_id)
        victim.start()
        nats_cluster.wait_healthy()
