"""Async tasks on a worker: they share a process, take no slot, and are else tasks as any other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    eventually,
    wait_for_event,
)
from millstream.client import Client, RunRef

MANY = 200

SOURCE = """
import asyncio
import logging
import os
import time

from datetime import timedelta

from millstream import (
    DAG, AirflowSkipException, Asset, BaseAsyncOperator, EmptyOperator, Param,
    Variable, get_current_context, task,
)
from millstream.sdk.errors import AirflowTaskTimeout

FOLDER = {folder!r}
log = logging.getLogger("mine")


def there(name):
    return os.path.exists(os.path.join(FOLDER, name))


def note(name, text):
    with open(os.path.join(FOLDER, name), "a") as file:
        file.write(text + "\\n")


with DAG("meaning", params={{"n": Param(5)}}) as dag:

    @task(multiple_outputs=True, outlets=[Asset("made")])
    async def first(ti, ds, place, params, outlet_events):
        outlet_events[Asset("made")].extra = {{"by": "async"}}
        await asyncio.sleep(0.01)
        ti.xcom_push("pid", os.getpid())
        ti.xcom_push("big", "x" * 100_000)
        return {{"place": place, "n": params["n"], "answer": Variable.get("answer")}}

    @task
    async def each(item, ti):
        await asyncio.sleep(0.01)
        assert get_current_context()["ti"] is ti
        return [item, ti.map_index, len(ti.xcom_pull(task_ids="first", key="big"))]

    @task
    async def sums(values, ti):
        seen = await asyncio.to_thread(ti.xcom_pull, task_ids="first", key="pid")
        return [list(values), seen == os.getpid()]

    @task.branch
    async def choose():
        return "taken"

    @task
    async def skips():
        raise AirflowSkipException("not today")

    made = first(place="{{{{ var.value.answer }}}} {{{{ ds }}}}")
    summed = sums(each.expand(item=[10, 20]))
    made >> summed.operator.upstream_list
    made >> choose() >> [EmptyOperator(task_id="taken"), EmptyOperator(task_id="left")]
    skips()

with DAG("slots"):

    @task
    async def waits(n):
        while not there("slots"):
            await asyncio.sleep(0.05)
        return os.getpid()

    @task
    def makes():
        note("slots", "")

    waits.expand(n=list(range({many})))
    makes()

with DAG("retries"):

    @task(retries=1, retry_delay=0)
    async def again(ti):
        await asyncio.sleep(0)
        if ti.try_number == 1:
            raise ValueError("once")
        return ti.try_number

    again()

with DAG("prints"):

    @task
    async def says(name):
        for n in range(20):
            print(name, n)
            log.warning("%s warns", name)
            await asyncio.to_thread(print, name, "in a thread")
            await asyncio.sleep(0.001)

    says.expand(name=["ada", "bob"])

with DAG("deferral"):

    class Waits(BaseAsyncOperator):
        async def aexecute(self, context):
            from millstream.sdk.triggers.temporal import TimeDeltaTrigger
            context["ti"].xcom_push("before", "kept")
            self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=0.2)), method_name="go_on")

        async def go_on(self, context, event):
            await asyncio.sleep(0)
            return "went on"

    Waits(task_id="wait")


class Stops(BaseAsyncOperator):
    def __init__(self, name, **kwargs):
        super().__init__(**kwargs)
        self.name = name

    async def aexecute(self, context):
        note(self.name, "began")
        try:
            await asyncio.sleep(60)
        except AirflowTaskTimeout:
            note(self.name, "timed out")
            raise
        except asyncio.CancelledError as error:
            note(self.name, type(error).__name__)
            raise

    def on_kill(self):
        note(self.name, "on_kill")


with DAG("late"):
    Stops(task_id="stops", name="late", execution_timeout=0.3)

with DAG("cleared"):
    Stops(task_id="stops", name="cleared")

with DAG("stubborn"):

    @task(execution_timeout=0.3)
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                print("no")

    stubborn()

with DAG("bystander"):

    @task
    async def stands_by(ti):
        note("bystander", str(os.getpid()))
        while not there("bystander ends"):
            await asyncio.sleep(0.05)
        return os.getpid()

    stands_by()

with DAG("blocks"):

    @task(execution_timeout=0.5)
    async def blocks():
        note("blocks", "began")
        time.sleep(60)

    blocks()

with DAG("hogs"):

    @task
    async def hogs():
        note("hogs", "began")
        time.sleep(60)

    hogs()

with DAG("slow"):

    @task
    async def slow():
        time.sleep(2.5)

    slow()

with DAG("crashes"):

    @task(retries=1, retry_delay=0)
    async def crashes(ti):
        print("about to crash")
        await asyncio.sleep(0.1)
        if ti.try_number == 1:
            os.kill(os.getpid(), 11)
        return "recovered"

    crashes()

with DAG("leaves"):

    @task
    async def leaves():
        raise SystemExit(4)

    leaves()

with DAG("chain"):
    last = None
    for number in range(10):

        @task(task_id=f"t{{number}}")
        async def step():
            pass

        this = step()
        if last is not None:
            last >> this
        last = this

with DAG("sync_chain"):
    last = None
    for number in range(10):

        @task(task_id=f"t{{number}}")
        def sync_step():
            pass

        this = sync_step()
        if last is not None:
            last >> this
        last = this
"""

Submit = Callable[[RunningStack], Path]
pytestmark = pytest.mark.integration


@pytest.fixture
def submit(tmp_path: Path) -> Submit:
    """Submits the DAGs; what they note is in the folder that it returns."""
    file = tmp_path / "async_dags.py"
    folder = tmp_path / "there"
    folder.mkdir()

    def submit_to(stack: RunningStack) -> Path:
        file.write_text(SOURCE.format(folder=str(folder), many=MANY))
        stack.client().submit_file(file)
        return folder

    return submit_to


@dataclass
class Bystander:
    client: Client
    run: RunRef
    folder: Path

    def is_unharmed(self) -> None:
        assert len(notes(self.folder, "bystander")) == 1
        events = self.client.events(self.run.run_id, self.run.dag_id)
        assert not [event for event in events if event.type == "TaskLost"]


def printed(
    client: Client, run: RunRef, task_id: str, map_index: tuple[int, ...] = ()
) -> list[str]:
    """What the task wrote, without what is said about its attempt."""
    log = client.logs.read(run, task_id, map_index=map_index, follow=True, timeout_s=20)
    return [line.text for line in log if line.source != "millstream"]


def notes(folder: Path, name: str) -> list[str]:
    file = folder / name
    return file.read_text().splitlines() if file.exists() else []


class TestMeaning:
    def test_all_that_a_task_may_do(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        client.variables.set("answer", "42")
        run = client.trigger("meaning")
        assert_success(client, run)
        first = client.xcom(run, "first")
        assert first["n"] == 5
        assert first["answer"] == "42"
        assert first["place"].startswith("42 20")
        assert client.xcom(run, "first", "n") == 5
        assert client.xcom(run, "sums") == [[[10, 0, 100_000], [20, 1, 100_000]], True]
        states = {task.task_id: task.state for task in client.list_task_instances(run)}
        assert (states["taken"], states["left"], states["skips"]) == (
            "success",
            "skipped",
            "skipped",
        )

    def test_a_failure_and_its_retry(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("retries")
        failed = wait_for_event(client, run, "TaskFailed")
        assert "ValueError" in failed.data_json
        assert 'raise ValueError(\\"once\\")' in failed.data_json
        assert_success(client, run)
        assert client.xcom(run, "again") == 2

    def test_it_defers_and_goes_on(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("deferral")
        assert_success(client, run)
        assert client.xcom(run, "wait") == "went on"
        assert client.xcom(run, "wait", "before") == "kept"

    def test_they_share_a_process_and_take_no_slot(
        self, stack: RunningStack, submit: Submit
    ) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("slots")
        assert_success(client, run)
        pids = {client.xcom(run, "waits", map_index=(n,)) for n in (0, 1, MANY - 1)}
        assert len(pids) == 1

    def test_print_and_logging_go_to_the_log_of_who_writes(
        self, stack: RunningStack, submit: Submit
    ) -> None:
        submit(stack)
        client = stack.client()
        run = client.trigger("prints")
        assert_success(client, run)
        for map_index, name in enumerate(("ada", "bob")):
            lines = printed(client, run, "says", (map_index,))
            assert len(lines) == 60
            assert all(name in line for line in lines)
            assert sum("in a thread" in line for line in lines) == 20

    def test_sys_exit_ends_the_task_alone(self, stack: RunningStack, submit: Submit) -> None:
        submit(stack)
        client = stack.client()
        assert client.wait(client.trigger("leaves"), timeout_s=60).state == "failed"


@pytest.fixture(scope="class")
def hasty_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """With short leases, and little patience with what is stopped."""
    settings = {"MILLSTREAM_LEASE_S": "3", "MILLSTREAM_KILL_GRACE_S": "1"}
    with ForkedStack(tmp_path_factory.mktemp("hasty") / "a stack", settings).running() as running:
        yield running


class TestStopping:
    @pytest.fixture
    def bystander(self, hasty_stack: RunningStack, submit: Submit) -> Iterator[Bystander]:
        """An async task of the same bundle that must not be harmed."""
        folder = submit(hasty_stack)
        client = hasty_stack.client()
        run = client.trigger("bystander")
        eventually("it runs", lambda: bool(notes(folder, "bystander")))
        yield Bystander(client, run, folder)
        (folder / "bystander ends").touch()
        assert_success(client, run)

    def test_a_time_out_is_an_error_in_the_coroutine(self, bystander: Bystander) -> None:
        run = bystander.client.trigger("late")
        failed = wait_for_event(bystander.client, run, "TaskFailed")
        assert '"AirflowTaskTimeout"' in failed.data_json
        assert "await asyncio.sleep(60)" in failed.data_json
        assert notes(bystander.folder, "late") == ["began", "on_kill", "timed out"]
        bystander.is_unharmed()

    def test_a_clear_cancels_it(self, bystander: Bystander) -> None:
        client, folder = bystander.client, bystander.folder
        run = client.trigger("cleared")
        eventually("it runs", lambda: notes(folder, "cleared") == ["began"])
        client.cancel(run)
        eventually("it was told", lambda: len(notes(folder, "cleared")) == 3)
        assert notes(folder, "cleared")[1:] == ["on_kill", "AirflowTaskTerminated"]
        bystander.is_unharmed()

    def test_one_that_lets_no_cancellation_pass_takes_no_more_steps(
        self, bystander: Bystander
    ) -> None:
        run = bystander.client.trigger("stubborn")
        failed = wait_for_event(bystander.client, run, "TaskFailed", timeout_s=30)
        assert '"AirflowTaskTimeout"' in failed.data_json
        bystander.is_unharmed()

    def test_who_blocks_the_loop_and_must_end_takes_the_process_along(
        self, bystander: Bystander
    ) -> None:
        client, folder = bystander.client, bystander.folder
        run = client.trigger("blocks")
        failed = wait_for_event(client, run, "TaskFailed", timeout_s=40)
        assert '"AirflowTaskTimeout"' in failed.data_json
        wait_for_event(client, bystander.run, "TaskLost", timeout_s=20)
        eventually("it runs again", lambda: len(set(notes(folder, "bystander"))) == 2)

    def test_who_holds_the_loop_while_another_must_end_is_to_blame(
        self, bystander: Bystander
    ) -> None:
        client, folder = bystander.client, bystander.folder
        stopped = client.trigger("cleared")
        eventually("it runs", lambda: notes(folder, "cleared") == ["began"])
        run = client.trigger("hogs")
        eventually("it holds the loop", lambda: notes(folder, "hogs") == ["began"])
        client.cancel(stopped)
        failed = wait_for_event(client, run, "TaskFailed", timeout_s=20)
        assert "the task blocked the event loop while another async task" in failed.data_json
        eventually("the third runs again", lambda: len(set(notes(folder, "bystander"))) == 2)

    def test_a_crash_is_the_fault_of_who_was_on_the_loop(self, bystander: Bystander) -> None:
        client, folder = bystander.client, bystander.folder
        run = client.trigger("crashes")
        failed = wait_for_event(client, run, "TaskFailed")
        assert "SIGSEGV" in failed.data_json
        lost = wait_for_event(client, bystander.run, "TaskLost", timeout_s=20)
        assert "the process that it shared died" in lost.data_json, "no lease was waited for"
        assert_success(client, run)
        assert client.xcom(run, "crashes") == "recovered"
        eventually("the other runs again", lambda: len(set(notes(folder, "bystander"))) == 2)
        events = client.events(bystander.run.run_id, bystander.run.dag_id)
        assert not [event for event in events if event.type == "TaskFailed"]

    def test_who_blocks_the_loop_is_named_in_its_log(self, bystander: Bystander) -> None:
        run = bystander.client.trigger("slow")
        assert_success(bystander.client, run)
        (text,) = printed(bystander.client, run, "slow")
        assert text.startswith("task slow (DAG slow")
        assert "blocks the event loop" in text
        assert "async_dags.py" in text
        bystander.is_unharmed()
