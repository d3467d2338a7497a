"""What becomes of the results that a worker has, and of what it runs when it is told to stop: real
processes, a lease of two seconds."""

from __future__ import annotations

import os
import resource
import signal
import time
from pathlib import Path

import pytest

from integration.liveness import (
    LEASE_S,
    NewWorker,
    begin,
    events,
    standing_still,
    workers_of,
)
from integration.own_worker import Ticks
from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    bash,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log, verify_success

# --- results


@pytest.mark.parametrize("victim", ["worker", "nats", "scheduler", "postgres"])
def test_a_result_survives_a_kill(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path, victim: str
) -> None:
    """In the moment in which the task ends."""
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    queue = f"result-{victim}"
    worker = new_worker(queue, queue).start()
    run = begin(client, queue, bash("t", ticks.until(gate, "echo 7"), queue=queue))
    wait_for_event(client, run, "TaskStarted", "t")
    ticks.wait()
    if victim == "worker":
        with standing_still(live_stack, "scheduler"):
            gate.touch()
            eventually("the result is in the spool", lambda: len(worker.spooled()) == 1)
            worker.kill()
            worker.launch()
    else:
        killed = live_stack.kill(victim)
        gate.touch()
        live_stack.wait_restarted(victim, killed)
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert log.claims(run.run_id) == {"t": 1}
    assert client.xcom(client.get_run(run), "t") == "7"
    ticks.assert_no_overlap(1)
    eventually("the spool is empty", lambda: not worker.spooled())


def test_a_result_on_a_full_disk(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """The worker can write to no file any more: the result is delivered all the same."""
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    worker = new_worker("full", "full").start()
    run = begin(client, "full", bash("t", ticks.until(gate, "echo 7"), queue="full"))
    ticks.wait()
    _, most = resource.prlimit(worker.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (20, most))
    gate.touch()
    assert_success(client, run)
    assert client.xcom(client.get_run(run), "t") == "7"
    assert worker.said("spool_write_failed")
    assert worker.spooled() == []
    resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (most, most))


def test_rubbish_in_the_spool_is_put_aside(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    client = live_stack.client()
    worker = new_worker("rubbish", "rubbish")
    worker.spool.mkdir(parents=True)
    where = '{"namespace":"n","dag_id":"d","run_id":"r","task_id":"t","map_index":[],"attempt":1}'
    claim = f'"id":"x/s","where":{where},"token":"x","started_at":"2026-01-02T00:00:00Z"'
    rubbish = {
        "torn.json": b'{"type":"SucceedAtt',
        "empty.json": b"",
        "half.draft": b'{"type":',
        "bytes.json": bytes(range(256)),
        "deep.json": b"[" * 100_000,
        "other.json": f'{{"type":"SucceedAttempt",{claim},"worker":"w2"}}'.encode(),
        "claim.json": f'{{"type":"StartAttempt",{claim},"worker":"rubbish"}}'.encode(),
        "large.json": b"x" * 20_000_000,
    }
    for name, data in rubbish.items():
        (worker.spool / name).write_bytes(data)
    (worker.spool / "folder.json").mkdir()
    os.mkfifo(worker.spool / "pipe.json")
    names = {*rubbish, "folder.json", "pipe.json"}
    worker.start()
    run = begin(client, "rubbish", bash("t", "true", queue="rubbish"))
    assert_success(client, run)
    assert len(worker.said("spool_file_set_aside")) == len(names)
    eventually("the spool is empty", lambda: not worker.spooled())
    assert {file.name for file in (worker.spool / "unreadable").iterdir()} == names
    worker.send(signal.SIGTERM)
    assert worker.wait(20) == 0
    worker.start()
    assert len(worker.said("spool_file_set_aside")) == len(names), "looked at again"


def test_a_second_process_of_the_same_name_does_not_start(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    client, ticks = live_stack.client(), Ticks(tmp_path / "ticks")
    first = new_worker("twin", "twin").start()
    run = begin(client, "twin", bash("t", ticks.command(2.0), queue="twin"))
    ticks.wait()
    second = new_worker("twin", "twin")
    second.launch()
    assert second.wait(30) == 70
    eventually("it says why", lambda: bool(second.said("fatal")))
    (said,) = second.said("fatal")
    assert f"Worker 'twin' runs already (pid {first.pid})" in str(said["error"])
    assert "MILLSTREAM_INSTANCE" in str(said["error"])
    assert_success(client, run)
    ticks.assert_no_overlap(1)
    first.kill()
    second.start()


# --- a worker that is told to stop

DRAINED = """
import os
import time

from millstream import DAG, BaseOperator

FOLDER = {folder!r}


class Cleans(BaseOperator):
    def execute(self, context):
        if os.path.exists(f"{{FOLDER}}/cleaned"):
            return "second"
        open(f"{{FOLDER}}/begun", "w").close()
        time.sleep(600)

    def on_kill(self):
        open(f"{{FOLDER}}/cleaned", "w").close()


with DAG(dag_id="drained", schedule=None):
    Cleans(task_id="long", queue="drained")
"""


def test_a_drain_lets_run_what_ends_and_gives_back_the_rest(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """The grace is longer than the lease, which goes on; ``on_kill`` is called for what is
    stopped, and that runs elsewhere at once, without any retries."""
    client, ticks = live_stack.client(), Ticks(tmp_path / "ticks")
    (tmp_path / "drained.py").write_text(DRAINED.format(folder=str(tmp_path)))
    first, second = (new_worker(f"drained-{n}", "drained") for n in "ab")
    first.settings["DRAIN_GRACE_S"] = "5"
    first.start()
    short = begin(client, "short_one", bash("t", ticks.command(3.5), queue="drained"))
    client.submit_file(tmp_path / "drained.py")
    long = client.trigger("drained")
    ticks.wait()
    eventually("the long one runs", (tmp_path / "begun").exists)
    wait_for_event(client, long, "TaskStarted", "long")
    second.start()
    began_at = time.monotonic()
    first.send(signal.SIGTERM)
    assert first.wait(15) == 0
    assert 3 < time.monotonic() - began_at < 10
    assert (tmp_path / "cleaned").exists()
    assert_success(client, short)
    assert_success(client, long)
    log = verify_log(live_stack)
    assert workers_of(log, short) == [first.name]
    assert not log.count(short.run_id, "TaskLost")
    assert workers_of(log, long) == [first.name, second.name]
    (lost,) = [data for _, data in events(log, long, "TaskLost")]
    assert lost["reason"] == "the worker was stopped"
    assert lost["is_given_back"]
    assert first.spooled() == []


def test_a_second_sigterm_ends_it_at_once(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    first, second = (new_worker(f"hurry-{n}", "hurry") for n in "ab")
    first.settings["DRAIN_GRACE_S"] = "100"
    first.start()
    run = begin(client, "hurry", bash("t", ticks.until(gate), queue="hurry"))
    old = ticks.wait()
    wait_for_event(client, run, "TaskStarted", "t")
    second.start()
    first.send(signal.SIGTERM)
    eventually("it drains", lambda: bool(first.said("worker_drains")))
    assert old.is_alive()
    first.send(signal.SIGTERM)
    assert first.wait(8) == 0
    assert not old.is_alive()
    ticks.wait(2)
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert [data["reason"] for _, data in events(log, run, "TaskLost")] == [
        "the worker was stopped"
    ]
    ticks.assert_no_overlap(2)


def test_a_drain_without_nats_leaves_the_result_in_the_spool(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    worker = new_worker("deaf", "deaf").start()
    run = begin(client, "deaf", bash("t", ticks.until(gate, "echo 7"), queue="deaf"))
    wait_for_event(client, run, "TaskStarted", "t")
    ticks.wait()
    with standing_still(live_stack, "nats"):
        worker.send(signal.SIGTERM)
        gate.touch()
        eventually("the result is in the spool", lambda: len(worker.spooled()) == 1)
        assert worker.wait(20) == 0
        worker.launch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert log.claims(run.run_id) == {"t": 1}
    ticks.assert_no_overlap(1)


WAITS = """
from millstream import DAG, FileSensor

with DAG(dag_id="handed", schedule=None):
    FileSensor(
        task_id="t", filepath={gate!r}, deferrable=True, poke_interval=0.1, queue="handed"
    )
"""


def test_a_drain_hands_over_the_triggers(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    client, gate = live_stack.client(), tmp_path / "gate"
    (tmp_path / "handed.py").write_text(WAITS.format(gate=str(gate)))
    first, second = (new_worker(f"handed-{n}", "handed") for n in "ab")
    first.start()
    client.submit_file(tmp_path / "handed.py")
    run = client.trigger("handed")
    wait_for_event(client, run, "TriggerStarted", "t")
    second.start()
    first.send(signal.SIGTERM)
    assert first.wait(10) == 0
    wait_for_event(client, run, "TriggerStarted", "t", count=2)
    gate.touch()
    assert_success(client, run)
    log = verify_log(live_stack)
    assert workers_of(log, run, "TriggerStarted") == [first.name, second.name]
    assert [data["reason"] for _, data in events(log, run, "TriggerLost")] == [
        "the worker was stopped"
    ]


@pytest.mark.soak
def test_down_waits_for_what_runs_and_for_nothing_else(tmp_path: Path) -> None:
    settings = {"MILLSTREAM_LEASE_S": str(LEASE_S), "MILLSTREAM_DRAIN_GRACE_S": "40"}
    stack = ForkedStack(tmp_path / "a stack", settings)
    ticks = Ticks(tmp_path / "ticks")
    try:
        stack.up()
        run = begin(stack.client(), "down", bash("t", ticks.command(12.0)))
        ticks.wait()
        stack.down()
        stack.up()
        client = stack.client()
        assert_success(client, run)
        log = verify_success(stack, run.run_id)
        assert log.claims(run.run_id) == {"t": 1}
        ticks.assert_no_overlap(1)
    finally:
        began_at = time.monotonic()
        stack.down()
    assert time.monotonic() - began_at < 30, "it waited for nothing"
