"""Outages longer than a lease: the tasks that run meanwhile go on, end, and run once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.liveness import LEASE_S, pass_time
from integration.own_worker import Ticks
from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_success

AWAY = ("scheduler", "nats", "postgres")
DEFAULT_LEASE_S = 15.0
FIVE_MINUTES_S = 300.0


@contextmanager
def away(stack: RunningStack, name: str) -> Iterator[None]:
    """A process is killed as often as somebody starts it again."""
    is_over = threading.Event()

    def keep_down() -> None:
        while not is_over.wait(0.02):
            identity = stack.identity(name)
            if identity.pid:
                identity.send(9)

    keeper = threading.Thread(target=keep_down)
    stack.kill(name)
    keeper.start()
    try:
        yield
    finally:
        is_over.set()
        keeper.join()


def survive(stack: RunningStack, folder: Path, name: str, outage_s: float) -> None:
    """The outage itself. One task ends before it is over, one after it, and one comes after both;
    an exclusive task lives through it as well, unless it is NATS that is away: then nobody can know
    that no other worker is given it."""
    client = stack.client()
    before, after, alone = (Ticks(folder / ticks) for ticks in ("before", "after", "alone"))
    gates = [folder / gate for gate in ("during", "later")]
    client.submit_spec(
        bash_dag(
            f"outage_{name}",
            bash("before", before.until(gates[0])),
            bash("after", after.until(gates[1])),
            bash("alone", alone.until(gates[1]), exclusive=name != "nats"),
            bash("last", "true", "before", "after", "alone"),
        )
    )
    run = client.trigger(f"outage_{name}")
    for task_id, ticks in (("before", before), ("after", after), ("alone", alone)):
        wait_for_event(client, run, "TaskStarted", task_id)
        ticks.wait()
    worker = stack.identity("worker-1")
    with away(stack, name):
        pass_time(outage_s / 2)
        gates[0].touch()
        pass_time(outage_s / 2)
    eventually("it is back", lambda: stack.state.process(name).state == "ready", 60)
    gates[1].touch()
    client = stack.client()
    assert_success(client, run)
    log = verify_success(stack, run.run_id)
    assert stack.identity("worker-1") == worker
    assert log.claims(run.run_id) == dict.fromkeys(("before", "after", "alone", "last"), 1)
    assert not log.count(run.run_id, "TaskLost")
    for ticks in (before, after, alone):
        ticks.assert_no_overlap(1)


@pytest.fixture(scope="module")
def outage_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with stack_in(tmp_path_factory.mktemp("outages")) as stack:
        yield stack


@contextmanager
def stack_in(folder: Path, lease_s: float = LEASE_S) -> Iterator[RunningStack]:
    stack = ForkedStack(folder / "a stack", {"MILLSTREAM_LEASE_S": str(lease_s)}, slots=4)
    with stack.running():
        yield stack


@pytest.mark.parametrize("name", AWAY)
def test_no_healthy_task_is_lost_in_an_outage(
    outage_stack: RunningStack, tmp_path: Path, name: str
) -> None:
    survive(outage_stack, tmp_path, name, LEASE_S * 1.5)


def survive_alone(folder: Path, name: str) -> None:
    with stack_in(folder, DEFAULT_LEASE_S) as stack:
        survive(stack, folder, name, FIVE_MINUTES_S)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_no_healthy_task_is_lost_in_an_outage_of_five_minutes(tmp_path: Path) -> None:
    """Of the scheduler, of NATS and of Postgres, with the default lease: side by side, since most
    of it is waiting."""
    with ThreadPoolExecutor(len(AWAY)) as pool:
        outages = {}
        for name in AWAY:
            (tmp_path / name).mkdir()
            outages[name] = pool.submit(survive_alone, tmp_path / name, name)
    problems = {name: outage.exception() for name, outage in outages.items()}
    for name, problem in problems.items():
        if problem is not None:
            raise AssertionError(f"{name} was away: {problem}") from problem
