"""Every process killed in the middle of runs: the runs end well, and the log stays what it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log, verify_success
from millstream.core.spec import DagSpec

ML_RETRAINING = Path(__file__).parents[2] / "examples" / "ml_retraining.py"
PROCESSES = ("api", "scheduler", "projector", "worker-1", "nats", "postgres")


def dozen() -> DagSpec:
    """Three rounds of four short tasks, each round after the one before it."""
    rounds = [[f"t{number}_{index}" for index in range(4)] for number in range(3)]
    tasks = [
        bash(name, "sleep 0.15", *(rounds[number - 1] if number else ()))
        for number, names in enumerate(rounds)
        for name in names
    ]
    return bash_dag("dozen", *tasks)


class TestKillsInRetraining:
    """SIGKILL while a model is trained."""

    @pytest.mark.parametrize("name", PROCESSES)
    def test_the_run_ends_well(self, fault_stack: RunningStack, name: str, tmp_path: Path) -> None:
        client = fault_stack.client()
        client.submit_file(ML_RETRAINING)
        run = client.trigger("ml_retraining_pipeline", {"work_dir": str(tmp_path)})
        wait_for_event(client, run, "TaskStarted", "train_model" if name == "api" else "fetch_data")
        victim = fault_stack.kill(name)
        assert_success(client, run)
        fault_stack.wait_restarted(name, victim)
        verify_success(fault_stack, run.run_id)
        assert {task.state for task in client.list_task_instances(run)} == {"success"}


MOMENTS = (("RunStarted", 1), ("TaskSucceeded", 3), ("TaskReady", 12))


class TestKillsOfTheScheduler:
    @pytest.mark.soak  # the crash matrix has the moments of the protocol
    @pytest.mark.parametrize(("kind", "count"), MOMENTS)
    def test_the_run_ends_well(self, fault_stack: RunningStack, kind: str, count: int) -> None:
        kill_at(fault_stack, "scheduler", kind, count)

    def test_three_times_in_one_run(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        client.submit_spec(dozen())
        run = client.trigger("dozen")
        for count in (1, 4, 8):
            wait_for_event(client, run, "TaskSucceeded", count=count)
            fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
        assert_success(client, run)
        verify_success(fault_stack, run.run_id)


class TestKillsOfTheWorker:
    @pytest.mark.soak
    @pytest.mark.parametrize(("kind", "count"), MOMENTS)
    def test_the_run_ends_well(self, fault_stack: RunningStack, kind: str, count: int) -> None:
        kill_at(fault_stack, "worker-1", kind, count)


def kill_at(stack: RunningStack, name: str, kind: str, count: int) -> None:
    client = stack.client()
    client.submit_spec(dozen())
    run = client.trigger("dozen")
    wait_for_event(client, run, kind, count=count)
    victim = stack.kill(name)
    assert_success(client, run)
    stack.wait_restarted(name, victim)
    verify_success(stack, run.run_id)


def wipe_nats(stack: RunningStack) -> None:
    """The server dies and all that it stored is gone."""
    victim = stack.kill("nats")
    eventually("nats is dead", lambda: not victim.is_alive())
    store = stack.data_dir / "nats"
    shutil.rmtree(store, ignore_errors=True)
    stack.wait_restarted("nats", victim)


class TestWipedNats:
    def test_in_the_middle_of_a_run(self, fault_stack: RunningStack) -> None:
        """With two tasks under way and several ready that nobody has claimed."""
        client = fault_stack.client()
        names = [f"t{index}" for index in range(8)]
        tasks = [bash(name, "sleep 0.4") for name in names]
        client.submit_spec(bash_dag("wide", *tasks, bash("last", "true", *names)))
        run = client.trigger("wide")
        wait_for_event(client, run, "TaskStarted", count=2)
        wipe_nats(fault_stack)
        assert_success(client, run)
        verify_success(fault_stack, run.run_id)

    def test_while_nothing_happens(self, fault_stack: RunningStack) -> None:
        client = fault_stack.client()
        client.submit_spec(dozen())
        verify_log(fault_stack)
        wipe_nats(fault_stack)
        run = client.trigger("dozen")
        assert_success(client, run)
        verify_success(fault_stack, run.run_id)


class TestEverythingAtOnce:
    def test_the_run_goes_on_after_the_next_up(
        self, fresh_stack: Callable[[], RunningStack]
    ) -> None:
        stack = fresh_stack()
        client = stack.client()
        client.submit_spec(dozen())
        run = client.trigger("dozen")
        wait_for_event(client, run, "TaskStarted", count=3)
        stack.kill_everything()
        stack.up()
        client = stack.client()
        assert_success(client, run)
        verify_success(stack, run.run_id)
