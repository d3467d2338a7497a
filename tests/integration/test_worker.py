"""Tasks that die, hang, print and return much, and a worker that is stopped or cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from integration.inbox import producing
from integration.own_worker import live_results
from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.test_scheduler import report
from integration.verify import verify_log, verify_success
from millstream.adapters.bus import Bus
from millstream.adapters.log_lines import decode_log_lines, log_subject
from millstream.client import Client, RunRef, TaskInstance
from millstream.core.event_parts import Where
from millstream.core.reports import StartAttempt
from millstream.core.spec import TriggerRule
from millstream.embedded.pids import identify

DAG_FILE = """\
import ctypes
import os
import signal
import sys
import time

from millstream import DAG, PythonOperator


def exits():
    os._exit(3)


def leaves():
    sys.exit(4)


def crashes():
    ctypes.string_at(0)


def kills_itself():
    os.kill(os.getpid(), signal.SIGKILL)


def hangs():
    time.sleep(600)


def survives():
    return "alive"


def returns_much():
    return "ü" * 100_000


def measures(ti):
    value = ti.xcom_pull(task_ids="returns_much")
    assert value == "ü" * 100_000
    return len(value)


def returns_some(n):
    return str(n) * 45_000


def adds_up(ti):
    values = ti.xcom_pull(task_ids=[f"some{n}" for n in range(30)])
    return [len(value) for value in values]


def reads_conf(**context):
    return len(context["dag_run"].conf["large"])


def prints():
    print("to stdout", flush=True)
    print("to stderr", file=sys.stderr, flush=True)
    sys.stdout.write("no end of line")


def single(function, **options):
    with DAG(dag_id=function.__name__, schedule=None) as dag:
        first = PythonOperator(task_id="t", python_callable=function, **options)
        second = PythonOperator(
            task_id="after", python_callable=survives, trigger_rule="all_done"
        )
        first >> second
    return dag


dags = [
    single(exits),
    single(leaves),
    single(crashes),
    single(kills_itself),
    single(hangs, execution_timeout=1),
    single(reads_conf),
    single(prints),
]

with DAG(dag_id="large_xcom", schedule=None) as large:
    returning = PythonOperator(task_id="returns_much", python_callable=returns_much)
    returning >> PythonOperator(task_id="measures", python_callable=measures)

with DAG(dag_id="many_xcoms", schedule=None) as many:
    adding = PythonOperator(task_id="adds_up", python_callable=adds_up)
    for number in range(30):
        PythonOperator(
            task_id=f"some{number}", python_callable=returns_some, op_args=[number]
        ) >> adding
"""


@pytest.fixture(scope="module")
def submitted(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Client:
    folder = tmp_path_factory.mktemp("dags")
    (folder / "troubles.py").write_text(textwrap.dedent(DAG_FILE))
    client = stack.client()
    client.submit_file(folder / "troubles.py")
    return client


def tasks(client: Client, run: RunRef) -> dict[str, TaskInstance]:
    return {task.task_id: task for task in client.list_task_instances(run)}


class TestTasksThatDie:
    @pytest.mark.parametrize(
        ("dag_id", "reason"),
        [
            ("exits", "ended with exit code 3"),
            ("leaves", "ended the process with exit code 4"),
            ("crashes", "killed by SIGSEGV"),
            ("kills_itself", "killed by SIGKILL"),
            ("hangs", "execution_timeout of 1 s is over"),
        ],
    )
    def test_the_attempt_fails_with_the_reason_and_the_next_task_runs(
        self, stack: RunningStack, submitted: Client, dag_id: str, reason: str
    ) -> None:
        worker = stack.identity("worker-1")
        run = submitted.trigger(dag_id)
        submitted.wait(run, timeout_s=30)
        found = tasks(submitted, run)
        assert found["t"].state == "failed"
        assert reason in found["t"].reason
        assert found["after"].state == "success"
        assert stack.identity("worker-1") == worker, "the worker died too"

    def test_they_leave_a_log_that_verifies(self, stack: RunningStack, submitted: Client) -> None:
        submitted.wait(submitted.trigger("exits"), timeout_s=30)
        verify_log(stack)

    def test_what_a_task_started_in_the_background_ends_with_it(
        self, stack: RunningStack, tmp_path: Path
    ) -> None:
        client = stack.client()
        pids = tmp_path / "pids"
        command = f"for i in 1 2 3; do (trap '' TERM HUP; sleep 600) & echo $! >> '{pids}'; done; "
        client.submit_spec(
            bash_dag(
                "background",
                bash("t", f"{command} sleep 600", execution_timeout_s=4.0),
                bash("after", "true", "t", trigger_rule=TriggerRule.ALL_DONE),
            )
        )
        run = client.trigger("background")
        client.wait(run, timeout_s=30)
        assert tasks(client, run)["t"].state == "failed"
        started = [identify(int(pid)) for pid in pids.read_text().split()]
        assert len(started) == 3
        eventually("all have ended", lambda: not any(one.is_alive() for one in started), 10)


class TestLargeValues:
    def test_a_large_xcom_goes_through_the_blob_store_and_comes_back(
        self, stack: RunningStack, submitted: Client
    ) -> None:
        run = submitted.trigger("large_xcom")
        assert_success(submitted, run)
        done = submitted.get_run(run)
        assert submitted.xcom(done, "measures") == 100_000
        assert submitted.xcom(done, "returns_much") == "ü" * 100_000
        blob = next(x.blob for x in submitted.xcoms(run) if x.task_id == "returns_much")
        assert len(blob) == 64
        assert (stack.data_dir / "blobs" / blob[:2] / blob).stat().st_size == 200_002

    def test_more_xcoms_are_pulled_than_fit_into_one_message(self, submitted: Client) -> None:
        run = submitted.trigger("many_xcoms")
        assert_success(submitted, run)
        lengths = submitted.xcom(submitted.get_run(run), "adds_up")
        assert lengths == [45_000 * len(str(number)) for number in range(30)]

    def test_a_large_conf_reaches_the_task(self, submitted: Client) -> None:
        run = submitted.trigger("reads_conf", {"large": "x" * 100_000})
        assert_success(submitted, run)
        assert submitted.xcom(submitted.get_run(run), "t") == 100_000

    def test_what_a_task_prints_is_on_the_stream(
        self, stack: RunningStack, submitted: Client
    ) -> None:
        run = submitted.trigger("prints")
        assert_success(submitted, run)
        where = Where("default", "prints", run.run_id, "t", (), 1)
        lines = asyncio.run(read_lines(stack.nats_url, log_subject(0, "*", where), 5))
        assert ("stdout", "to stdout") in lines
        assert ("stderr", "to stderr") in lines
        assert ("stdout", "no end of line") in lines


async def read_lines(nats_url: str, subject: str, count: int) -> list[tuple[str, str]]:
    """The lines under one subject of LOGS, when there are that many."""
    bus = await Bus.connect(nats_url, "reader")
    lines: list[tuple[str, str]] = []
    try:
        await bus.listen(
            "lines",
            lambda d: lines.extend((line.source, line.text) for line in decode_log_lines(d.data)),
        )
        config = {"deliver_subject": "lines", "filter_subject": subject, "ack_policy": "none"}
        await bus.jetstream("CONSUMER.CREATE.LOGS", {"stream_name": "LOGS", "config": config})
        deadline = time.monotonic() + 10
        while len(lines) < count:
            assert time.monotonic() < deadline, f"only {lines}"
            await asyncio.sleep(0.02)
    finally:
        await bus.close()
    return lines


class TestStopsAndOutages:
    def test_a_stopped_worker_finishes_what_is_short(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        """What was claimed and had not begun may be given back; what had begun runs once."""
        client = fault_stack.client()
        begun = tmp_path / "begun"
        command = f"echo {{{{ ti.task_id }}}} >> '{begun}'; sleep 0.3"
        client.submit_spec(bash_dag("short", *(bash(f"t{n}", command) for n in range(12))))
        run = client.trigger("short")
        wait_for_event(client, run, "TaskStarted", count=3)
        victim = fault_stack.kill("worker-1", signal.SIGTERM)
        assert_success(client, run)
        fault_stack.wait_restarted("worker-1", victim)
        assert fault_stack.state.process("worker-1").last_exit == "ended with exit code 0"
        log = verify_success(fault_stack, run.run_id)
        assert sorted(begun.read_text().split()) == sorted(f"t{n}" for n in range(12))
        assert not log.count(run.run_id, "TaskFailed")

    def test_a_stopped_worker_gives_back_what_takes_long(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        """Without any retries: that the worker stops is not the task's failure."""
        client = fault_stack.client()
        mark = tmp_path / "second"
        command = f"if [ -e '{mark}' ]; then exit 0; fi; touch '{mark}'; sleep 600"
        client.submit_spec(bash_dag("long", bash("t", command)))
        run = client.trigger("long")
        wait_for_event(client, run, "TaskStarted")
        eventually("it runs", mark.exists)
        victim = fault_stack.kill("worker-1", signal.SIGTERM)
        assert_success(client, run)
        fault_stack.wait_restarted("worker-1", victim)
        log = verify_success(fault_stack, run.run_id)
        assert log.count(run.run_id, "TaskLost") == {"t": 1}

    def test_a_result_that_could_not_be_sent_is_delivered_later(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        """It waits in the spool while NATS is away."""
        client = fault_stack.client()
        gate, done = tmp_path / "gate", tmp_path / "done"
        command = f"while [ ! -e '{gate}' ]; do sleep 0.02; done; touch '{done}'; echo 7"
        client.submit_spec(bash_dag("spooled", bash("t", command)))
        run = client.trigger("spooled")
        wait_for_event(client, run, "TaskStarted", "t")
        spool = fault_stack.data_dir / "state" / "worker-1" / "spool" / "worker-1"
        with stopped(fault_stack, "nats"):
            gate.touch()
            eventually("the result is in the spool", lambda: bool(live_results(spool)))
            assert done.exists()
        victim = fault_stack.kill("nats")
        fault_stack.wait_restarted("nats", victim)
        assert_success(client, run)
        log = verify_success(fault_stack, run.run_id)
        assert log.claims(run.run_id) == {"t": 1}, "it ran twice"
        assert client.xcom(client.get_run(run), "t") == "7"
        eventually("the spool is empty", lambda: not live_results(spool))

    def test_a_result_in_the_spool_survives_its_worker(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client = fault_stack.client()
        gate = tmp_path / "gate"
        client.submit_spec(
            bash_dag("orphan", bash("t", f"while [ ! -e '{gate}' ]; do sleep 0.02; done"))
        )
        run = client.trigger("orphan")
        wait_for_event(client, run, "TaskStarted", "t")
        spool = fault_stack.data_dir / "state" / "worker-1" / "spool" / "worker-1"
        with stopped(fault_stack, "scheduler"):
            gate.touch()
            eventually("the result is in the spool", lambda: bool(live_results(spool)))
            victim = fault_stack.kill("worker-1")
            eventually("the worker is dead", lambda: not victim.is_alive())
        assert_success(client, run)
        fault_stack.wait_restarted("worker-1", victim)
        log = verify_success(fault_stack, run.run_id)
        assert log.claims(run.run_id) == {"t": 1}, "it ran twice"


class TestClaims:
    def test_a_claim_that_is_refused_ends_the_child(
        self, fresh_stack: Callable[[], RunningStack], tmp_path: Path
    ) -> None:
        """Another worker's claim is committed first, while the scheduler stands still. The task may
        clean up."""
        stack = fresh_stack()
        client = stack.client()
        pid_file = tmp_path / "pid"
        # The second time it ends at once: after the lease of the worker that does not exist.
        command = f"if [ -e '{pid_file}' ]; then exit 0; fi; echo $$ > '{pid_file}.new'; "
        cleaned = tmp_path / "cleaned"
        command += f"trap \"touch '{cleaned}'; exit 1\" TERM; "
        command += f"mv '{pid_file}.new' '{pid_file}'; sleep 600 & wait"
        client.submit_spec(bash_dag("rivals", bash("t", command)))
        with stopped(stack, "worker-1"):
            run = client.trigger("rivals")
            ready = wait_for_event(client, run, "TaskReady")
            scheduler = stack.kill("scheduler", signal.SIGSTOP)
            where = Where("default", "rivals", run.run_id, "t", (), ready.attempt)
            asyncio.run(put_claim(stack.nats_url, where))
        try:
            eventually("the task runs here too", pid_file.exists)
            child = identify(int(pid_file.read_text()))
        finally:
            scheduler.send(signal.SIGCONT)
        eventually("and is ended", lambda: not child.is_alive())
        assert cleaned.exists()
        assert_success(client, run)
        log = verify_success(stack, run.run_id)
        first = next(row for row in log.of_run(run.run_id) if row["type"] == "TaskStarted")
        assert first["actor"] == "worker/rival"


async def put_claim(nats_url: str, where: Where) -> None:
    async with producing(nats_url, "worker", "rival") as rival:
        claim = report(StartAttempt, where, "rival", "rival-1-1")
        await rival.put(msgspec.json.encode(claim))


@contextmanager
def stopped(stack: RunningStack, name: str) -> Iterator[None]:
    """A process stands still for a while."""
    victim = stack.kill(name, signal.SIGSTOP)
    try:
        yield
    finally:
        victim.send(signal.SIGCONT)


def test_tasks_see_no_credentials(stack: RunningStack) -> None:
    client = stack.client()
    client.submit_spec(bash_dag("environment", bash("t", "env | sort | tr '\\n' ';'")))
    run = client.trigger("environment")
    assert_success(client, run)
    seen = client.xcom(client.get_run(run), "t")
    assert "PATH=" in seen
    for secret in (stack.nats_url, stack.database_url):
        password = secret.partition("://")[2].partition("@")[0].partition(":")[2]
        assert password
        assert password not in seen
    assert msgspec.json.encode(seen)
    assert os.environ["PATH"] in seen
