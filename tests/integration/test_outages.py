"""Outages of ten leases: the tasks that run meanwhile go on, end, and run once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.own_worker import Ticks
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_success

LEASE_S = 2.0
OUTAGE_S = 10 * LEASE_S
AWAY = ("scheduler", "nats", "postgres")


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


def survive(name: str, folder: Path) -> None:
    """The outage itself, in a stack of its own. One task ends before it is over, one after it, and
    one comes after both; an exclusive task lives through it as well, unless it is NATS that is
    away: then nobody can know that no other worker is given it."""
    stack = RunningStack(folder / "a stack", {"MILLSTREAM_LEASE_S": str(LEASE_S)}, slots=4)
    try:
        stack.up()
        client = stack.client()
        before, after, alone = (Ticks(folder / ticks) for ticks in ("before", "after", "alone"))
        gates = [folder / gate for gate in ("during", "later")]
        client.submit_spec(
            bash_dag(
                "outage",
                bash("before", before.until(gates[0])),
                bash("after", after.until(gates[1])),
                bash("alone", alone.until(gates[1]), exclusive=name != "nats"),
                bash("last", "true", "before", "after", "alone"),
            )
        )
        run = client.trigger("outage")
        for task_id, ticks in (("before", before), ("after", after), ("alone", alone)):
            wait_for_event(client, run, "TaskStarted", task_id)
            ticks.wait()
        worker = stack.identity("worker-1")
        with away(stack, name):
            half = time.monotonic() + OUTAGE_S / 2
            eventually("half of it", lambda: time.monotonic() > half, OUTAGE_S)
            gates[0].touch()
            eventually("all of it", lambda: time.monotonic() > half + OUTAGE_S / 2, OUTAGE_S)
        eventually("it is back", lambda: stack.state.process(name).state == "ready", 60)
        gates[1].touch()
        client = stack.client()
        assert_success(client, run)
        log = verify_success(stack, run.run_id)
        assert stack.identity("worker-1") == worker
        assert log.count(run.run_id, "TaskStarted") == dict.fromkeys(
            ("before", "after", "alone", "last"), 1
        )
        assert not log.count(run.run_id, "TaskLost")
        for ticks in (before, after, alone):
            ticks.assert_no_overlap(1)
    finally:
        stack.down()


@pytest.mark.timeout(240)
def test_no_healthy_task_is_lost_in_an_outage_of_ten_leases(tmp_path: Path) -> None:
    """Of the scheduler, of NATS and of Postgres: side by side, since most of it is waiting."""
    with ThreadPoolExecutor(len(AWAY)) as pool:
        outages = {}
        for name in AWAY:
            (tmp_path / name).mkdir()
            outages[name] = pool.submit(survive, name, tmp_path / name)
    problems = {name: outage.exception() for name, outage in outages.items()}
    for name, problem in problems.items():
        if problem is not None:
            raise AssertionError(f"{name} was away: {problem}") from problem
