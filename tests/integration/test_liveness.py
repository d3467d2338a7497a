"""What happens when a worker dies, stands still or is cut off: real processes, a lease of two
seconds."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

from integration.liveness import (
    LEASE_S,
    NewWorker,
    begin,
    events,
    pass_time,
    standing_still,
    workers_of,
)
from integration.own_worker import Ticks, Wire
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    eventually,
    wait_for_event,
)
from integration.verify import verify_success

# --- a worker that dies


def test_a_killed_workers_tasks_run_elsewhere_within_the_lease(
    live_stack: RunningStack, new_worker: NewWorker, tmp_path: Path
) -> None:
    """An exclusive one as well. And its own processes end at once, those that the tasks started as
    well."""
    client, gate = live_stack.client(), tmp_path / "gate"
    alone, shared = Ticks(tmp_path / "alone"), Ticks(tmp_path / "shared")
    first, second = (new_worker(f"killed-{n}", "killed") for n in "ab")
    first.start()
    run = begin(
        client,
        "killed",
        bash("alone", alone.until(gate), queue="killed", exclusive=True),
        bash("shared", shared.until(gate), queue="killed"),
    )
    processes = [ticks.wait() for ticks in (alone, shared)]
    for task_id in ("alone", "shared"):
        wait_for_event(client, run, "TaskStarted", task_id)
    second.start()
    killed_at = time.monotonic()
    first.kill()
    eventually(
        "its processes are gone",
        lambda: not any(process.is_alive() for process in processes),
        LEASE_S / 2,
    )
    for ticks in (alone, shared):
        ticks.wait(2)
    took_s = time.monotonic() - killed_at
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert sorted(workers_of(log, run)) == sorted([first.name, second.name] * 2)
    assert [data["reason"] for _, data in events(log, run, "TaskLost")] == [
        "no heartbeat of the worker for 2 s"
    ] * 2
    for ticks in (alone, shared):
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
    assert log.claims(run.run_id) == {"ended": 1, "running": 2}
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
    """And its own process is killed then, that of the other one is not. An exclusive task ends
    before it may run elsewhere, although its worker can end nothing."""
    client, gate = live_stack.client(), tmp_path / "gate"
    alone, shared = Ticks(tmp_path / "alone"), Ticks(tmp_path / "shared")
    first, second = (new_worker(f"still-{n}", "still") for n in "ab")
    first.start()
    run = begin(
        client,
        "still",
        bash("alone", alone.until(gate), queue="still", exclusive=True),
        bash("shared", shared.until(gate, "echo $$"), queue="still"),
    )
    old_alone, old_shared = alone.wait(), shared.wait()
    for task_id in ("alone", "shared"):
        wait_for_event(client, run, "TaskStarted", task_id)
    second.start()
    first.send(signal.SIGSTOP)
    alone.wait(2)
    assert not old_alone.is_alive()
    new = shared.wait(2)
    assert old_shared.is_alive()
    first.send(signal.SIGCONT)
    eventually("its process is killed", lambda: not old_shared.is_alive())
    assert new.is_alive()
    gate.touch()
    assert_success(client, run)
    log = verify_success(live_stack, run.run_id)
    assert sorted(workers_of(log, run)) == sorted([first.name, second.name] * 2)
    assert not log.count(run.run_id, "TaskFailed")
    assert client.xcom(client.get_run(run), "shared") == str(new.pid)
    alone.assert_no_overlap(2)
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
    assert log.claims(run.run_id) == {"alone": 2, "shared": 2}
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
    assert log.claims(run.run_id) == {"t": 1, "retried": 2, "after": 1}
    ticks.assert_no_overlap(1)
