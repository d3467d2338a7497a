"""What happens when a worker dies, stands still, is stopped or cut off, and what becomes of the
results that it has: real processes, a lease of two seconds."""

from __future__ import annotations

import json
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from integration.own_worker import OwnWorker, Ticks, Wire
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import Log, verify_log, verify_success
from millstream.client import Client, RunRef

LEASE_S = 2.0

NewWorker = Callable[..., OwnWorker]


@pytest.fixture(scope="module")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    folder = tmp_path_factory.mktemp("liveness") / "a stack"
    running = RunningStack(folder, {"MILLSTREAM_LEASE_S": str(LEASE_S)})
    try:
        running.up()
        yield running
    finally:
        running.down()


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


def events(log: Log, run: RunRef, kind: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Actor and data of the events of a type in a run."""
    rows = log.of_run(run.run_id)
    return [(row["actor"], json.loads(row["data"])) for row in rows if row["type"] == kind]


def workers_of(log: Log, run: RunRef, kind: str = "TaskStarted") -> list[str]:
    return [data["worker"] for _, data in events(log, run, kind)]


@contextmanager
def standing_still(stack: RunningStack, name: str) -> Iterator[None]:
    victim = stack.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        victim.send(signal.SIGCONT)


def pass_time(seconds: float) -> None:
    """Time itself is what is waited for."""
    until = time.monotonic() + seconds
    eventually("time passes", lambda: time.monotonic() >= until, seconds + 5)


def begin(client: Client, dag_id: str, *tasks: Any) -> RunRef:
    client.submit_spec(bash_dag(dag_id, *tasks))
    return client.trigger(dag_id)


# --- a worker that dies


@pytest.mark.parametrize("is_exclusive", [False, True])
def test_a_killed_workers_tasks_run_elsewhere_within_the_lease(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path, is_exclusive: bool
) -> None:
    """And its own processes end at once, those that the task started as well."""
    queue = f"killed{is_exclusive:d}"
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    first, second = (new_worker(f"{queue}-{n}", queue) for n in "ab")
    first.start()
    run = begin(client, queue, bash("t", ticks.until(gate), queue=queue, exclusive=is_exclusive))
    process = ticks.wait()
    wait_for_event(client, run, "TaskStarted", "t")
    second.start()
    killed_at = time.monotonic()
    first.kill()
    eventually("its processes are gone", lambda: not process.is_alive(), LEASE_S / 2)
    ticks.wait(2)
    took_s = time.monotonic() - killed_at
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert workers_of(log, run) == [first.name, second.name]
    assert [data["reason"] for _, data in events(log, run, "TaskLost")] == [
        "no heartbeat of the worker for 2 s"
    ]
    ticks.assert_no_overlap(2)
    assert took_s < LEASE_S * 3


def test_a_worker_that_comes_back_reports_what_ended_and_runs_again_what_did_not(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    client, gate = live_stack.client(), tmp_path / "gate"
    ended, running = Ticks(tmp_path / "ended"), Ticks(tmp_path / "running")
    worker = new_worker("back", "back").start()
    run = begin(
        client,
        "back",
        bash("ended", ended.until(gate), queue="back"),
        bash("running", running.command(3.0), queue="back"),
    )
    wait_for_event(client, run, "TaskStarted", "ended")
    wait_for_event(client, run, "TaskStarted", "running")
    running.wait()
    ended.wait()
    with standing_still(live_stack, "scheduler"):
        gate.touch()
        eventually("a result is in the spool", lambda: len(worker.spooled()) == 1)
        worker.kill()
        worker.launch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert log.count(run.run_id, "TaskStarted") == {"ended": 1, "running": 2}
    (lost,) = [data["reason"] for _, data in events(log, run, "TaskLost")]
    # On a slow machine its lease is over before the worker is back.
    assert lost in ("the worker was restarted", "no heartbeat of the worker for 2 s")
    ended.assert_no_overlap(1)
    running.assert_no_overlap(2)
    eventually("the spool is empty", lambda: not worker.spooled())


def test_a_claim_in_the_moment_of_a_takeover_has_a_lease(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """The claim is in INBOX when the scheduler dies; the next one commits it, and loses it when
    the worker dies as well."""
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    first = new_worker("takeover-a", "takeover").start()
    first.send(signal.SIGSTOP)
    run = begin(client, "takeover", bash("t", ticks.until(gate), queue="takeover"))
    wait_for_event(client, run, "TaskReady", "t")
    scheduler = live_stack.kill("scheduler", signal.SIGSTOP)
    first.send(signal.SIGCONT)
    ticks.wait()
    scheduler.send(signal.SIGKILL)
    live_stack.wait_restarted("scheduler", scheduler)
    wait_for_event(client, run, "TaskStarted", "t")
    second = new_worker("takeover-b", "takeover").start()
    assert len(ticks.executions()) == 1, "the takeover lost a healthy task"
    first.kill()
    ticks.wait(2)
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert workers_of(log, run) == [first.name, second.name]
    ticks.assert_no_overlap(2)


# --- a worker that stands still, or is cut off


def test_a_worker_that_stands_still_is_refused_when_it_wakes_up(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """And its own process is killed, that of the other one is not."""
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    first, second = (new_worker(f"still-{n}", "still") for n in "ab")
    first.start()
    run = begin(client, "still", bash("t", ticks.until(gate, "echo $$"), queue="still"))
    old = ticks.wait()
    wait_for_event(client, run, "TaskStarted", "t")
    second.start()
    first.send(signal.SIGSTOP)
    new = ticks.wait(2)
    first.send(signal.SIGCONT)
    eventually("its process is killed", lambda: not old.is_alive())
    assert new.is_alive()
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert workers_of(log, run) == [first.name, second.name]
    assert client.xcom(client.get_run(run), "t") == str(new.pid)
    eventually("it has nothing left to say", lambda: not first.spooled())
    assert first.process.poll() is None


def test_a_short_standstill_costs_nothing(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """A worker that is busy for a third of a lease, or five of fifteen seconds, keeps its tasks."""
    client, ticks = live_stack.client(), Ticks(tmp_path / "ticks")
    worker = new_worker("short", "short").start()
    run = begin(client, "short", bash("t", ticks.command(3.5), queue="short"))
    ticks.wait()
    wait_for_event(client, run, "TaskStarted", "t")
    worker.send(signal.SIGSTOP)
    pass_time(LEASE_S / 3)
    worker.send(signal.SIGCONT)
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert not log.count(run.run_id, "TaskLost")
    ticks.assert_no_overlap(1)


def test_an_exclusive_task_ends_before_it_may_run_elsewhere(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """Although its worker stands still, and can end nothing."""
    client, gate, ticks = live_stack.client(), tmp_path / "gate", Ticks(tmp_path / "ticks")
    first, second = (new_worker(f"alone-{n}", "alone") for n in "ab")
    first.start()
    task = bash("t", ticks.until(gate), queue="alone", exclusive=True)
    run = begin(client, "alone", task)
    old = ticks.wait()
    second.start()
    first.send(signal.SIGSTOP)
    ticks.wait(2)
    assert not old.is_alive()
    first.send(signal.SIGCONT)
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert workers_of(log, run) == [first.name, second.name]
    assert not log.count(run.run_id, "TaskFailed")
    ticks.assert_no_overlap(2)


def test_a_worker_that_is_cut_off_from_nats(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """Nothing passes and no connection ends. The exclusive task ends before its lease does; the
    other one runs on until the worker hears that it is somebody else's."""
    client, gate = live_stack.client(), tmp_path / "gate"
    alone, shared = Ticks(tmp_path / "alone"), Ticks(tmp_path / "shared")
    url = urlsplit(live_stack.nats_url)
    assert url.hostname
    assert url.port
    wire = Wire(url.hostname, url.port)
    first, second = (new_worker(f"cut-{n}", "cut") for n in "ab")
    first.settings["NATS_URL"] = live_stack.nats_url.replace(f":{url.port}", f":{wire.port}")
    try:
        first.start()
        run = begin(
            client,
            "cut",
            bash("alone", alone.until(gate), queue="cut", exclusive=True),
            bash("shared", shared.until(gate), queue="cut"),
        )
        alone.wait()
        old = shared.wait()
        wait_for_event(client, run, "TaskStarted", "shared")
        second.start()
        with wire.cut():
            alone.wait(2)
            shared.wait(2)
            assert old.is_alive()
        eventually("its process is killed", lambda: not old.is_alive())
        gate.touch()
        assert_success(client, run)
    finally:
        wire.close()
    log = verify_success(live_stack, run.run_id)
    assert log.count(run.run_id, "TaskStarted") == {"alone": 2, "shared": 2}
    assert not log.count(run.run_id, "TaskFailed")
    alone.assert_no_overlap(2)
    assert len(shared.executions()) == 2


def test_nats_stands_still_for_longer_than_the_lease(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """All connections look sound, and nobody hears anything: no time counts."""
    client, ticks = live_stack.client(), Ticks(tmp_path / "ticks")
    new_worker("hush", "hush").start()
    run = begin(client, "hush", bash("t", ticks.command(7.0), queue="hush"))
    ticks.wait()
    wait_for_event(client, run, "TaskStarted", "t")
    with standing_still(live_stack, "nats"):
        pass_time(LEASE_S * 2.2)
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert not log.count(run.run_id, "TaskLost")
    ticks.assert_no_overlap(1)


SHIFTED_CLOCK = """
import datetime, os, time
real = datetime.datetime
class shifted(real):
    @classmethod
    def now(cls, zone=None):
        days = -1 if os.path.exists({ahead!r}) else 1
        return real.now(zone) - datetime.timedelta(days=days)
import millstream_worker.attempt, millstream_worker.results, millstream_worker.worker
for module in (millstream_worker.attempt, millstream_worker.results, millstream_worker.worker):
    module.datetime = shifted
wall = time.time
time.time = lambda: wall() - 86400 * (-1 if os.path.exists({ahead!r}) else 1)
"""


def test_a_workers_wall_clock_may_be_set(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """A day late, and suddenly a day early: no lease, no retry and no order depends on it."""
    client, ahead, ticks = live_stack.client(), tmp_path / "ahead", Ticks(tmp_path / "ticks")
    prelude = SHIFTED_CLOCK.format(ahead=str(ahead))
    new_worker("clock", "clock", prelude=prelude).start()
    once = f"if [ -e '{ahead}.failed' ]; then exit 0; fi; touch '{ahead}.failed'; exit 1"
    run = begin(
        client,
        "clock",
        bash("t", ticks.command(3.0), queue="clock", exclusive=True),
        bash("retried", once, queue="clock", retries=1, retry_delay_s=1.0),
        bash("after", "true", "t", "retried", queue="clock"),
    )
    wait_for_event(client, run, "TaskFailed", "retried")
    ahead.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert not log.count(run.run_id, "TaskLost")
    assert log.count(run.run_id, "TaskStarted") == {"t": 1, "retried": 2, "after": 1}
    ticks.assert_no_overlap(1)


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
    assert log.count(run.run_id, "TaskStarted") == {"t": 1}
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
    assert log.count(run.run_id, "TaskStarted") == {"t": 1}
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


def test_down_waits_for_what_runs_and_for_nothing_else(tmp_path: Path) -> None:
    settings = {"MILLSTREAM_LEASE_S": str(LEASE_S), "MILLSTREAM_DRAIN_GRACE_S": "40"}
    stack = RunningStack(tmp_path / "a stack", settings)
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
        assert log.count(run.run_id, "TaskStarted") == {"t": 1}
        ticks.assert_no_overlap(1)
    finally:
        began_at = time.monotonic()
        stack.down()
    assert time.monotonic() - began_at < 30, "it waited for nothing"
