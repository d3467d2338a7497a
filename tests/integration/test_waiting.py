"""Tasks that wait, through the real services: what they take meanwhile, and what they survive."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from integration.running_stack import (
    RunningStack,
    assert_success,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log
from millstream.core.errors import InvalidArgument, MillstreamError

MANY = 2000

SOURCE = """
import asyncio
import os

from millstream import (
    DAG, ApprovalOperator, BaseOperator, BaseTrigger, EmptyOperator, ExternalTaskSensor,
    FileSensor, HITLEntryOperator, Param, PythonOperator, PythonSensor, TriggerEvent, Variable,
)

FOLDER = {folder!r}


class FileOf(BaseTrigger):
    def __init__(self, name):
        self.name = name

    def serialize(self):
        return f"{{type(self).__module__}}.FileOf", {{"name": self.name}}

    async def run(self):
        self.log.info("looking for %s", self.name)
        while not os.path.exists(os.path.join(FOLDER, self.name)):
            await asyncio.sleep(0.1)
        yield TriggerEvent({{"found": self.name, "pid": os.getpid()}})


class Waits(BaseOperator):
    def __init__(self, *, name, **kwargs):
        super().__init__(**kwargs)
        self.name = name

    def execute(self, context):
        context["ti"].xcom_push("before", "kept")
        self.defer(trigger=FileOf(self.name), method_name="go_on", kwargs={{"n": 7}})

    def go_on(self, context, event, n):
        return [event["found"], n, event["pid"]]


class Asks(BaseTrigger):
    def serialize(self):
        return f"{{type(self).__module__}}.Asks", {{}}

    async def run(self):
        yield TriggerEvent(await asyncio.to_thread(Variable.get, "answer"))


class Breaks(BaseTrigger):
    def serialize(self):
        return f"{{type(self).__module__}}.Breaks", {{}}

    async def run(self):
        os._exit(3)
        yield


class Blocks(Breaks):
    def serialize(self):
        return f"{{type(self).__module__}}.Blocks", {{}}

    async def run(self):
        import time
        time.sleep(2.5)
        yield TriggerEvent("slow")


class Uses(BaseOperator):
    def __init__(self, *, trigger, **kwargs):
        super().__init__(**kwargs)
        self.trigger = trigger

    def execute(self, context):
        self.defer(trigger=self.trigger, method_name="go_on")

    def go_on(self, context, event):
        return event


with DAG("deferred"):
    Waits(task_id="wait", name="deferred")

with DAG("crashes"):
    Uses(task_id="wait", trigger=Breaks())

with DAG("blocks"):
    Uses(task_id="wait", trigger=Blocks())

with DAG("variable"):
    Uses(task_id="wait", trigger=Asks())

with DAG("slots"):
    # Two slots: three sensors that held theirs would wait for ever for what runs after them.
    sensors = [
        PythonSensor(
            task_id=f"s{{n}}",
            python_callable=lambda: os.path.exists(os.path.join(FOLDER, "slots")),
            mode="reschedule",
            poke_interval=0.3,
        )
        for n in range(3)
    ]
    PythonOperator(
        task_id="make", python_callable=lambda: open(os.path.join(FOLDER, "slots"), "w").close()
    )

with DAG("file"):
    FileSensor(
        task_id="wait", filepath=os.path.join(FOLDER, "file"), deferrable=True, poke_interval=0.1
    )

with DAG("late"):
    Uses(task_id="wait", trigger=FileOf("never"))

with DAG("asks"):
    ask = ApprovalOperator(
        task_id="ask", subject="Deploy?", params={{"days": Param(1, type="integer")}}
    )
    ask >> PythonOperator(task_id="deploy", python_callable=lambda: "deployed")

with DAG("form"):
    HITLEntryOperator(task_id="ask", subject="Who?", response_timeout=0.5)

with DAG("first"):
    PythonSensor(
        task_id="work",
        python_callable=lambda: os.path.exists(os.path.join(FOLDER, "first")),
        mode="reschedule",
        poke_interval=0.3,
    )

with DAG("second"):
    ExternalTaskSensor(task_id="poke", external_dag_id="first")
    ExternalTaskSensor(
        task_id="defer", external_dag_id="first", external_task_id="work", deferrable=True
    )
    ExternalTaskSensor(
        task_id="reschedule",
        external_dag_id="first",
        external_task_ids=["work"],
        mode="reschedule",
        poke_interval=0.3,
    )

with DAG("many"):
    for number in range({many}):
        Waits(task_id=f"w{{number}}", name="many")
"""


@pytest.fixture
def submit(tmp_path: Path) -> Callable[[RunningStack], Path]:
    """Submits the DAGs; what they wait for is made in the folder that it returns."""
    file = tmp_path / "waits.py"
    folder = tmp_path / "there"
    folder.mkdir()

    def submit_to(stack: RunningStack) -> Path:
        file.write_text(SOURCE.format(folder=str(folder), many=MANY))
        stack.client().submit_file(file)
        return folder

    return submit_to


Submit = Callable[[RunningStack], Path]
pytestmark = pytest.mark.integration


def test_a_rescheduled_sensor_gives_its_slot_back(stack: RunningStack, submit: Submit) -> None:
    submit(stack)
    client = stack.client()
    assert_success(client, client.trigger("slots"))


def test_a_deferred_task_goes_on_where_it_stopped(stack: RunningStack, submit: Submit) -> None:
    folder = submit(stack)
    client = stack.client()
    run = client.trigger("deferred")
    wait_for_event(client, run, "TriggerStarted")
    eventually("that is seen", lambda: client.list_task_instances(run)[0].state == "deferred")
    (folder / "deferred").touch()
    assert_success(client, run)
    found, n, pid = client.xcom(run, "wait")
    assert (found, n) == ("deferred", 7)
    assert client.xcom(run, "wait", "before") == "kept"
    assert psutil.pid_exists(pid)


def test_a_file(stack: RunningStack, submit: Submit) -> None:
    folder = submit(stack)
    client = stack.client()
    run = client.trigger("file")
    wait_for_event(client, run, "TriggerStarted")
    (folder / "file").touch()
    assert_success(client, run)


def test_a_trigger_asks_for_a_variable(stack: RunningStack, submit: Submit) -> None:
    submit(stack)
    client = stack.client()
    client.variables.set("answer", "42")
    run = client.trigger("variable")
    assert_success(client, run)
    assert client.xcom(run, "wait") == "42"


def test_a_trigger_that_kills_its_process(stack: RunningStack, submit: Submit) -> None:
    submit(stack)
    client = stack.client()
    run = client.wait(client.trigger("crashes"), timeout_s=60)
    assert run.state == "failed"
    (instance,) = client.list_task_instances(run)
    assert "died 3 times: the task's process ended with exit code 3" in instance.reason


def test_a_trigger_that_blocks_the_others_is_named(stack: RunningStack, submit: Submit) -> None:
    submit(stack)
    client = stack.client()
    assert_success(client, client.trigger("blocks"))
    said = stack.log("worker-1")
    assert "trigger Blocks of task wait (DAG blocks" in said
    assert "blocks the event loop of all triggers" in said
    assert "waits.py" in said


def test_another_dag(stack: RunningStack, submit: Submit) -> None:
    folder = submit(stack)
    client = stack.client()
    date = datetime(2026, 1, 2, tzinfo=UTC)
    first = client.trigger("first", logical_date=date)
    wait_for_event(client, first, "TaskReady")
    second = client.trigger("second", logical_date=date)
    wait_for_event(client, second, "TriggerStarted")
    (folder / "first").touch()
    assert_success(client, second)


class TestPeople:
    def test_an_approval(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("asks")
        asked = wait_for_event(client, run, "TaskAwaitsInput")
        (request,) = client.approvals.list(run_id=run.run_id, min_position=asked.position)
        assert (request.subject, request.options) == ("Deploy?", ("Approve", "Reject"))
        assert request.state == "waiting"
        place = (run.dag_id, run.run_id, "ask")
        with pytest.raises(InvalidArgument, match="'Perhaps' is no option"):
            client.approvals.answer(*place, "Perhaps")
        with pytest.raises(InvalidArgument, match="days is 'two' but"):
            client.approvals.answer(*place, "Approve", {"days": "two"})
        position = client.approvals.answer(*place, "Approve", {"days": 2}, user="ada")
        # The run may be over by now.
        with pytest.raises(MillstreamError, match=r"waits? for|is finished"):
            client.approvals.answer(*place, "Reject")
        assert_success(client, run)
        assert client.xcom(run, "ask")["params_input"] == {"days": 2}
        request = client.approvals.get(*place, min_position=position)
        assert (request.state, request.answer, request.answered_by) == (
            "answered",
            ("Approve",),
            "ada",
        )
        done = stack.run("approvals", "list", "--state", "answered", "--json")
        assert run.run_id in done.stdout, done.stderr

    def test_the_defaults_when_the_time_is_over(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("form")
        assert_success(client, run)
        answer = client.xcom(run, "ask")
        assert (answer["chosen_options"], answer["timedout"]) == (["OK"], True)

    def test_by_command(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("asks")
        wait_for_event(client, run, "TaskAwaitsInput")
        place = (run.dag_id, run.run_id, "ask")
        shown = stack.run("approvals", "show", *place)
        assert "options: Approve, Reject" in shown.stdout, shown.stderr
        answered = stack.run("approvals", "answer", *place, "Reject", "--user", "bob")
        assert "Task ask goes on with Reject" in answered.stdout, answered.stderr
        assert_success(client, run)
        states = {task.task_id: task.state for task in client.list_task_instances(run)}
        assert states == {"ask": "success", "deploy": "skipped"}


class TestFaults:
    """A stack with short leases."""

    @pytest.mark.parametrize("victim", ["worker-1", "scheduler"])
    def test_a_deferred_task_survives(
        self, fault_stack: RunningStack, submit: Submit, victim: str
    ) -> None:
        folder = submit(fault_stack)
        client = fault_stack.client()
        run = client.trigger("deferred")
        wait_for_event(client, run, "TriggerStarted")
        killed = fault_stack.kill(victim)
        fault_stack.wait_restarted(victim, killed)
        if victim == "worker-1":
            wait_for_event(client, run, "TriggerStarted", count=2)
        (folder / "deferred").touch()
        assert_success(client, run)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_thousands_of_triggers_cost_one_process(stack: RunningStack, submit: Submit) -> None:
    folder = submit(stack)
    client = stack.client()
    before = processes(stack)
    run = client.trigger("many")

    def waiting() -> int:
        return sum(t.state == "deferred" for t in client.list_task_instances(run))

    eventually("all tasks are deferred", lambda: waiting() == MANY, 240)
    wait_for_event(client, run, "TriggerStarted", count=MANY, timeout_s=120)
    now = processes(stack)
    assert len(now) <= len(before) + 3, "one process for all triggers of the bundle"
    grown = sum(now.values()) - sum(before.values())
    assert grown < 400 * 2**20, f"{grown / 2**20:.0f} MiB for {MANY} triggers"
    (folder / "many").touch()
    assert_success(client, run, timeout_s=240)


def processes(stack: RunningStack) -> dict[int, int]:
    """The resident bytes of the worker and its children, by pid."""
    worker = psutil.Process(stack.pid("worker-1"))
    return {p.pid: p.memory_info().rss for p in [worker, *worker.children(recursive=True)]}


def test_the_log_is_right(stack: RunningStack) -> None:
    verify_log(stack)
