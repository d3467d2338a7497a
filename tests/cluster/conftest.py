"""Servers that are several: made for a test or a class, gone after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cluster.cluster_stack import ClusterStack
from cluster.nats_cluster import NatsCluster
from cluster.postgres_pair import PostgresPair


@pytest.fixture(scope="class")
def nats_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsCluster]:
    """Three servers for the tests of a class, each of which leaves them healthy."""
    cluster = NatsCluster(tmp_path_factory.mktemp("cluster") / "three servers")
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="class")
def cluster_stack(
    nats_cluster: NatsCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterStack]:
    """Everything, on the cluster."""
    stack = ClusterStack(tmp_path_factory.mktemp("stack") / "a stack", nats_cluster)
    with stack.running():
        yield stack


@pytest.fixture(scope="class")
def postgres_pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresPair]:
    """A primary with a synchronous standby for the tests of a class."""
    made = PostgresPair(tmp_path_factory.mktemp("pair") / "a pair")
    try:
        made.start(is_synchronous=True)
        yield made
    finally:
        made.stop()


MakePair = Callable[[bool], tuple[PostgresPair, ClusterStack]]


@pytest.fixture
def make_pair(tmp_path: Path) -> Iterator[MakePair]:
    """Makes a primary with a standby, synchronous or not, and everything on them."""
    pairs: list[PostgresPair] = []
    stacks: list[ClusterStack] = []

    def make(is_synchronous: bool) -> tuple[PostgresPair, ClusterStack]:
        pairs.append(PostgresPair(tmp_path / "a pair"))
        pairs[-1].start(is_synchronous=is_synchronous)
        stacks.append(ClusterStack(tmp_path / "a stack", postgres=pairs[-1]))
        stacks[-1].up()
        return pairs[-1], stacks[-1]

    yield make
    for stack in stacks:
        stack.down()
    for pair in pairs:
        pair.stop()
