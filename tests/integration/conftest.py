"""Real servers and real processes for the integration tests.

``stack`` is for tests that break nothing, ``fault_stack`` for those that kill and mend: one of each
a pytest process. ``fresh_stack`` makes one for a single test, ``servers`` is NATS and Postgres
alone, for the tests of a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.liveness import LEASE_S, NewWorker
from integration.own_worker import OwnWorker
from integration.ready_cluster import copy_cluster
from integration.running_stack import ForkedStack, RunningStack
from integration.s3_server import S3Server
from millstream.embedded.run import RunningServers, running_servers

FAULT_LEASE_S = "3"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything, with one worker of two slots."""
    with ForkedStack(tmp_path_factory.mktemp("shared") / "a stack").running() as running:
        yield running


@pytest.fixture
def fresh_stack(tmp_path: Path) -> Iterator[Callable[[], RunningStack]]:
    """Makes stacks of a test's own, with short leases; they end with the test."""
    made: list[RunningStack] = []

    def make() -> RunningStack:
        running = faulty_stack(tmp_path / f"stack {len(made)}")
        made.append(running)
        running.up()
        return running

    yield make
    for running in made:
        running.down()


@pytest.fixture(scope="session")
def fault_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """One with short leases a pytest process, whose tests leave it healthy."""
    with faulty_stack(tmp_path_factory.mktemp("faults") / "a stack").running() as running:
        yield running


@pytest.fixture(scope="module")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with the shortest leases, beside whose worker a test starts its own."""
    folder = tmp_path_factory.mktemp("liveness") / "a stack"
    with ForkedStack(folder, {"MILLSTREAM_LEASE_S": str(LEASE_S)}).running() as running:
        yield running


@pytest.fixture
def new_worker(live_stack: RunningStack, tmp_path: Path) -> Iterator[NewWorker]:
    """Makes workers that end with the test."""
    made: list[OwnWorker] = []

    def make(name: str, queue: str, **options: Any) -> OwnWorker:
        made.append(OwnWorker(live_stack, name, queue, tmp_path, **options))
        return made[-1]

    yield make
    for worker in made:
        worker.end()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server a pytest process."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    """NATS and Postgres without services."""
    folder = copy_cluster(tmp_path_factory.mktemp("servers") / "a data dir")
    with running_servers(folder) as running:
        yield running


def faulty_stack(data_dir: Path) -> RunningStack:
    return ForkedStack(data_dir, {"MILLSTREAM_LEASE_S": FAULT_LEASE_S})
