"""A real system with DAGs and runs, and a browser that looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.web.browser import Browser, need_page
from e2e.web.seen_dags import fill
from integration.running_stack import ForkedStack, RunningStack
from millstream.client import Client


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """Everything, with the page."""
    need_page()
    with ForkedStack(tmp_path_factory.mktemp("web") / "a stack", slots=4).running() as running:
        fill(running.client(), running.data_dir.parent)
        yield running


@pytest.fixture(scope="session")
def client(system: RunningStack) -> Client:
    return system.client()


@pytest.fixture(scope="session")
def address(system: RunningStack) -> str:
    return f"http://{system.state.http_address}"


@pytest.fixture(scope="module")
def browser(address: str) -> Iterator[Browser]:
    """One window a module; no page may make mistakes in it."""
    made = Browser(address)
    yield made
    try:
        found = made.problems()
    finally:
        made.close()
    assert found == []
