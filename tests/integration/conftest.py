"""Real servers and real processes for the integration tests.

``stack`` is for tests that break nothing: one a pytest process. ``fresh_stack`` makes one for a
single test, ``servers`` is NATS and Postgres alone, for the tests of a module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.running_stack import RunningStack
from integration.s3_server import S3Server
from millstream.embedded.run import RunningServers, running_servers

FAULT_LEASE_S = "3"


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything, with one worker of two slots."""
    running = RunningStack(tmp_path_factory.mktemp("shared") / "a stack")
    try:
        running.up()
        yield running
    finally:
        running.down()


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


@pytest.fixture(scope="class")
def class_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """A stack with short leases for the tests of a class, each of which leaves it healthy."""
    running = faulty_stack(tmp_path_factory.mktemp("faults") / "a stack")
    try:
        running.up()
        yield running
    finally:
        running.down()


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One S3 server a pytest process."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServers]:
    """NATS and Postgres without services."""
    with running_servers(tmp_path_factory.mktemp("servers") / "a data dir") as running:
        yield running


def faulty_stack(data_dir: Path) -> RunningStack:
    return RunningStack(data_dir, {"MILLSTREAM_LEASE_S": FAULT_LEASE_S})
