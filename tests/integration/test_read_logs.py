"""Logs as readers see them: while the task runs and after, whatever is killed in between."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import textwrap
import threading
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
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
from millstream.adapters.bus import Bus
from millstream.adapters.log_lines import LogHeader, encode_log_lines, log_path, log_subject
from millstream.adapters.log_lines import LogLine as OnStream
from millstream.adapters.subjects import LOGS
from millstream.client import Client, LogLine, LogReader, RunRef
from millstream.core.errors import InvalidArgument, NotFound
from millstream.core.event_parts import Where

MANY = 100_000
DAG_FILE = """\
import logging
import sys

from millstream import DAG, task

log = logging.getLogger("etl.load")

with DAG(dag_id="logs_of_python"):

    @task
    def mapped(x):
        print("I am", x)

    @task(retries=1, retry_delay=0.1)
    def tried(ti):
        print("try", ti.try_number)
        if ti.try_number == 1:
            raise ValueError("not yet")

    @task
    def silent():
        pass

    @task
    def logs():
        print("printed an error")
        print("to stderr", file=sys.stderr)
        log.info("loaded")
        log.error("an error")

    @task(trigger_rule="all_failed")
    def never():
        pass

    mapped.expand(x=["a", "b", "c"])
    quiet = silent()
    tried()
    logs()
    quiet >> never()
"""


DEFERRED_FILE = """\
import asyncio
import os

from millstream import DAG, BaseOperator, BaseTrigger, TriggerEvent


class Go(BaseTrigger):
    def __init__(self, path):
        self.path = path

    def serialize(self):
        return f"{type(self).__module__}.Go", {"path": self.path}

    async def run(self):
        self.log.info("the trigger looks")
        while not os.path.exists(self.path):
            await asyncio.sleep(0.02)
        yield TriggerEvent("go")


class Waits(BaseOperator):
    def execute(self, context):
        print("before")
        self.defer(trigger=Go(context["dag_run"].conf["go"]), method_name="go_on")

    def go_on(self, context, event):
        print("after")


with DAG(dag_id="defers_with_logs"):
    Waits(task_id="t")
"""


class Follower:
    """Reads a log in a thread of its own."""

    def __init__(self, client: Client, run: RunRef, task_id: str, **options: object) -> None:
        self.lines: list[LogLine] = []
        self.error: BaseException | None = None
        self.reader: LogReader = client.logs.read(
            run,
            task_id,
            follow=True,
            timeout_s=60,
            **options,  # type: ignore[arg-type]
        )
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        try:
            for line in self.reader:
                self.lines.append(line)
        except BaseException as error:
            self.error = error

    def texts(self) -> list[str]:
        return texts(self.lines)

    def wait_for(self, text: str) -> None:
        eventually(f"{text} is read, not {self.texts()[-5:]}", lambda: text in self.texts())

    def ended(self) -> list[str]:
        self._thread.join(60)
        assert not self._thread.is_alive(), f"still reading after {self.texts()[-5:]}"
        assert self.error is None
        return self.texts()


def texts(lines: list[LogLine]) -> list[str]:
    """What the task said: not what is said about it."""
    return [line.text for line in lines if line.source != "millstream"]


def notes(lines: list[LogLine]) -> list[str]:
    return [line.text for line in lines if line.number < 0]


def assert_whole(lines: list[LogLine]) -> None:
    """No line is missing, and none comes twice."""
    numbers = [line.number for line in lines if line.number >= 0]
    assert numbers == list(range(len(numbers)))
    assert notes(lines) == []


def until(path: Path) -> str:
    """Shell: wait for a file."""
    return f"while [ ! -e '{path}' ]; do sleep 0.02; done"


def where_of(run: RunRef, task_id: str, attempt: int = 1, index: tuple[int, ...] = ()) -> Where:
    return Where("default", run.dag_id, run.run_id, task_id, index, attempt)


def blob_of(stack: RunningStack, where: Where) -> Path:
    return stack.data_dir / "blobs" / log_path(0, where)


def on_bus(stack: RunningStack, what: Callable[[Bus], Awaitable[object]]) -> None:
    async def connected() -> None:
        bus = await Bus.connect(stack.nats_url, "test")
        try:
            await what(bus)
        finally:
            await bus.close()

    asyncio.run(connected())


async def wipe(bus: Bus) -> None:
    """The stream is made anew, and counts from 1 again."""
    config = (await bus.jetstream(f"STREAM.INFO.{LOGS}"))["config"]
    await bus.jetstream(f"STREAM.DELETE.{LOGS}")
    await bus.jetstream(f"STREAM.CREATE.{LOGS}", config)


@pytest.fixture(scope="module")
def of_python(
    stack: RunningStack, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Client, RunRef]:
    """A run of DAG_FILE that is over."""
    file = tmp_path_factory.mktemp("logs") / "logs_of_python.py"
    file.write_text(textwrap.dedent(DAG_FILE))
    client = stack.client()
    client.submit_file(file)
    run = client.trigger("logs_of_python")
    return client, client.wait(run, timeout_s=60)


class TestWhileItRuns:
    def test_a_line_is_seen_before_the_task_may_end(
        self, stack: RunningStack, tmp_path: Path
    ) -> None:
        client, go = stack.client(), tmp_path / "go"
        command = f"echo first; {until(go)}; echo last"
        client.submit_spec(bash_dag("live_logs", bash("t", command)))
        run = client.trigger("live_logs")
        seen = []
        for line in client.logs.read(run, "t", follow=True, timeout_s=60):
            seen.append(line)
            if line.text == "first":
                (task,) = client.list_task_instances(run)
                assert task.state == "running"
                go.touch()
        assert texts(seen) == ["first", "last"]
        assert_whole(seen)
        assert_success(client, run)

    def test_a_task_that_has_not_started_is_waited_for(
        self, stack: RunningStack, tmp_path: Path
    ) -> None:
        client, go = stack.client(), tmp_path / "go"
        tasks = bash("holds", until(go)), bash("t", "echo here", "holds")
        client.submit_spec(bash_dag("waits_for_logs", *tasks))
        run = client.trigger("waits_for_logs")
        try:
            wait_for_event(client, run, "TaskStarted", "holds")
            eventually(
                "the read tables know that it runs",
                lambda: "running" in {task.state for task in client.list_task_instances(run)},
            )
            with pytest.raises(NotFound, match=r"'t' has not started: it is none\. Follow its log"):
                list(client.logs.read(run, "t"))
            follower = Follower(client, run, "t")
            assert list(client.logs.read(run, "holds")) == []
        finally:
            go.touch()
        assert follower.ended() == ["here"]

    def test_without_following_there_is_what_has_come(
        self, stack: RunningStack, tmp_path: Path
    ) -> None:
        client, go = stack.client(), tmp_path / "go"
        client.submit_spec(bash_dag("peeks", bash("t", f"echo first; {until(go)}; echo last")))
        run = client.trigger("peeks")
        Follower(client, run, "t").wait_for("first")
        reader = client.logs.read(run, "t")
        assert texts(list(reader)) == ["first"]
        assert (reader.state, reader.attempt) == ("running", 1)
        go.touch()
        # What one reader has not read, another one goes on with.
        following = client.logs.read(
            run, "t", attempt=reader.attempt, from_line=reader.next_line, follow=True, timeout_s=60
        )
        assert texts(list(following)) == ["last"]
        assert following.state == "success"


class TestWhenItIsOver:
    def test_it_is_read_from_the_blob_store_when_the_stream_has_no_more(
        self, stack: RunningStack
    ) -> None:
        client = stack.client()
        client.submit_spec(bash_dag("kept_logs", bash("t", "for i in 1 2 3; do echo $i; done")))
        run = client.trigger("kept_logs")
        assert_success(client, run)
        before = list(client.logs.read(run, "t"))
        assert texts(before) == ["1", "2", "3"]
        where = where_of(run, "t")
        eventually("the log is in the blob store", blob_of(stack, where).exists)
        purge = {"filter": log_subject(0, "*", where)}
        on_bus(stack, lambda bus: bus.jetstream(f"STREAM.PURGE.{LOGS}", purge))
        assert list(client.logs.read(run, "t")) == before
        assert list(client.logs.read(run, "t", follow=True)) == before
        assert list(client.logs.read(run, "t", from_line=before[-1].number)) == before[-1:]

    def test_100_000_lines_are_whole_and_in_order(self, stack: RunningStack) -> None:
        client = stack.client()
        client.submit_spec(bash_dag("many_lines", bash("t", f"seq {MANY}")))
        run = client.trigger("many_lines")
        follower = Follower(client, run, "t")
        expected = [str(number) for number in range(1, MANY + 1)]
        assert follower.ended() == expected
        assert_whole(follower.lines)
        eventually("the log is in the blob store", blob_of(stack, where_of(run, "t")).exists)
        assert list(client.logs.read(run, "t")) == follower.lines
        some = client.logs.read(run, "t", contains="9999")
        assert texts(list(some)) == [text for text in expected if "9999" in text]

    def test_each_instance_has_a_log_of_its_own(self, of_python: tuple[Client, RunRef]) -> None:
        client, run = of_python
        for index, name in enumerate("abc"):
            read = list(client.logs.read(run, "mapped", map_index=(index,)))
            assert texts(read) == [f"I am {name}"]

    def test_each_attempt_has_a_log_of_its_own(self, of_python: tuple[Client, RunRef]) -> None:
        client, run = of_python
        assert "try 1" in texts(list(client.logs.read(run, "tried", attempt=1)))
        assert texts(list(client.logs.read(run, "tried", attempt=2))) == ["try 2"]
        assert texts(list(client.logs.read(run, "tried"))) == ["try 2"]
        first = client.logs.read(run, "tried", attempt=1, follow=True)
        assert {line.attempt for line in first} == {1}
        assert (first.state, first.reason) == ("failed", "ValueError: not yet")
        both = client.logs.read(run, "tried", attempt=1, follow=True, follow_retries=True)
        assert [line.text for line in both if line.text.startswith("try")] == ["try 1", "try 2"]
        assert (both.state, both.attempt) == ("success", 2)

    def test_what_printed_nothing_says_so(self, of_python: tuple[Client, RunRef]) -> None:
        client, run = of_python
        (line,) = client.logs.read(run, "silent")
        assert (line.number, line.text) == (-1, "This attempt printed nothing.")

    def test_levels_and_texts_are_chosen(self, of_python: tuple[Client, RunRef]) -> None:
        client, run = of_python
        errors = list(client.logs.read(run, "logs", levels=["ERROR"]))
        assert [(one.level, one.logger, one.text) for one in errors if one.level == "ERROR"] == [
            ("ERROR", "etl.load", "an error")
        ]
        assert texts(errors) == ["an error"]
        both = texts(list(client.logs.read(run, "logs", contains="an error")))
        assert both == ["printed an error", "an error"]

    def test_two_dags_with_the_same_run_id_do_not_mix(self, stack: RunningStack) -> None:
        client = stack.client()
        for name in ("one", "other"):
            client.submit_spec(bash_dag(f"same_{name}", bash("t", f"echo {name}")))
        runs = [client.trigger(f"same_{name}", run_id="the_same") for name in ("one", "other")]
        for run, name in zip(runs, ("one", "other"), strict=True):
            assert_success(client, run)
            assert texts(list(client.logs.read(run, "t"))) == [name]
            read = client.logs.read("the_same", "t", dag_id=run.dag_id)
            assert texts(list(read)) == [name]

    def test_the_command_line_shows_it(
        self, stack: RunningStack, of_python: tuple[Client, RunRef]
    ) -> None:
        run_id = of_python[1].run_id
        done = stack.run("logs", run_id, "mapped[1]")
        assert done.returncode == 0, done.stderr
        assert [line for line in done.stdout.splitlines() if line.endswith("I am b")]
        lines = stack.run("logs", run_id, "mapped", "--map-index", "1", "--json").stdout
        assert "I am b" in [json.loads(line)["text"] for line in lines.splitlines()]
        missing = stack.run("logs", run_id, "mapped[9]")
        assert missing.returncode == 1
        assert missing.stderr == "Task 'mapped' has no instance [9]; it has 3, counted from 0.\n"


class TestWhatHasNoLog:
    @pytest.mark.parametrize(
        ("task_id", "options", "said"),
        [
            ("nope", {}, "has no task 'nope'; it has mapped, silent, "),
            ("mapped", {}, "'mapped' is mapped and has 3 instances"),
            ("mapped", {"map_index": (3,)}, r"no instance \[3\]; it has 3"),
            ("mapped", {"map_index": (-1,)}, r"no instance \[-1\]"),
            ("silent", {"map_index": (0,)}, r"no instance \[0\]; it has none"),
            ("silent", {"attempt": 2}, "no attempt 2; the latest is 1"),
            ("silent", {"attempt": 2, "follow": True}, "no attempt 2; the latest is 1"),
            ("never", {}, "never ran, so it has no log: it is skipped"),
            ("never", {"follow": True}, "never ran, so it has no log: it is skipped"),
            ("..", {}, r"has no task '\.\.'"),
            ("*", {}, r"has no task '\*'"),
            (">", {"follow": True}, "has no task '>'"),
            ("../../etc/passwd", {}, "has no task"),
        ],
    )
    def test_it_is_said_what_there_is(
        self,
        of_python: tuple[Client, RunRef],
        task_id: str,
        options: dict[str, object],
        said: str,
    ) -> None:
        client, run = of_python
        with pytest.raises(NotFound, match=said):
            list(client.logs.read(run, task_id, timeout_s=20, **options))  # type: ignore[arg-type]

    @pytest.mark.parametrize("name", ["..", "*", ">", "../../../etc/passwd", "ms.log.>", "\n"])
    def test_names_that_are_patterns_or_paths_name_nothing(
        self, stack: RunningStack, name: str
    ) -> None:
        client = stack.client()
        with pytest.raises(NotFound):
            list(client.logs.read(name, "t"))
        with pytest.raises(NotFound):
            list(client.logs.read("the_same", "t", dag_id=name))

    @pytest.mark.parametrize(
        ("run_id", "task_id", "options"),
        [
            ("r\0", "t", {}),
            ("r", "t\0", {}),
            ("r", "t", {"dag_id": "d\0"}),
            ("", "t", {}),
            ("r", "", {}),
            ("r", "t", {"attempt": -1}),
            ("r", "t", {"from_line": -1}),
            ("r", "t", {"levels": ["*"]}),
        ],
    )
    def test_what_cannot_be_asked_for_is_refused(
        self, stack: RunningStack, run_id: str, task_id: str, options: dict[str, object]
    ) -> None:
        with pytest.raises(InvalidArgument):
            list(stack.client().logs.read(run_id, task_id, **options))  # type: ignore[arg-type]


class TestFaults:
    def test_nothing_is_lost_or_repeated_when_nats_and_the_api_are_killed(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client = fault_stack.client()
        gates = [tmp_path / f"gate {number}" for number in range(4)]
        counts = [f"echo at {number}; {until(gate)}" for number, gate in enumerate(gates)]
        client.submit_spec(bash_dag("logs_in_outages", bash("t", "; ".join([*counts, "echo end"]))))
        run = client.trigger("logs_in_outages")
        follower = Follower(client, run, "t")
        for number, name in enumerate(("nats", "api", "worker-1")):
            follower.wait_for(f"at {number}")
            if name == "worker-1":
                break
            victim = fault_stack.kill(name)
            gates[number].touch()  # it prints while the server is away
            fault_stack.wait_restarted(name, victim)
        gates[2].touch()
        follower.wait_for("at 3")
        gates[3].touch()
        assert follower.ended() == ["at 0", "at 1", "at 2", "at 3", "end"]
        assert_whole(follower.lines)
        assert_success(client, run)

    def test_what_a_killed_worker_got_out_is_shown_and_that_it_died(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client, go = fault_stack.client(), tmp_path / "go"
        client.submit_spec(bash_dag("logs_of_the_lost", bash("t", f"echo begun; {until(go)}")))
        run = client.trigger("logs_of_the_lost")
        one, all_ = (Follower(client, run, "t", follow_retries=both) for both in (False, True))
        one.wait_for("begun")
        all_.wait_for("begun")
        victim = fault_stack.kill("worker-1", signal.SIGKILL)
        # The follower of the one attempt is told and ends; the other one sees the next attempt.
        assert one.ended() == ["begun"]
        assert one.reader.state == "lost"
        assert ["was lost while it ran this attempt" in text for text in notes(one.lines)] == [True]
        fault_stack.wait_restarted("worker-1", victim)
        eventually("the next attempt is read", lambda: all_.texts() == ["begun"] * 2, 60)
        go.touch()
        assert all_.ended() == ["begun"] * 2
        assert {line.attempt for line in all_.lines} == {1, 2}
        assert_success(client, run)
        again = list(client.logs.read(run, "t", attempt=1))
        assert texts(again) == ["begun"]
        assert len(notes(again)) == 1

    def test_a_stream_that_was_wiped_is_read_anew(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client, gates = fault_stack.client(), [tmp_path / "one", tmp_path / "two"]
        command = f"echo first; {until(gates[0])}; echo second; {until(gates[1])}; echo last"
        client.submit_spec(bash_dag("wiped_logs", bash("t", command)))
        run = client.trigger("wiped_logs")
        follower = Follower(client, run, "t")
        follower.wait_for("first")
        on_bus(fault_stack, wipe)
        gates[0].touch()
        follower.wait_for("second")
        gates[1].touch()
        assert follower.ended() == ["first", "second", "last"]
        assert_success(client, run)
        eventually("it is kept", blob_of(fault_stack, where_of(run, "t")).exists)
        assert texts(list(client.logs.read(run, "t"))) == ["first", "second", "last"]
        shutil.rmtree(fault_stack.data_dir / "blobs" / "logs")
        # Then there is the rest of the stream, with a word on what is not there.
        left = list(client.logs.read(run, "t"))
        assert texts(left) == ["second", "last"]
        assert len(notes(left)) == 1

    def test_the_lines_of_a_refused_claim_are_left_out(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        client, go = fault_stack.client(), tmp_path / "go"
        client.submit_spec(
            bash_dag("claimed_twice", bash("t", f"echo mine; {until(go)}; echo end"))
        )
        run = client.trigger("claimed_twice")
        follower = Follower(client, run, "t")
        follower.wait_for("mine")
        line = OnStream(at=datetime.now(UTC), source="stdout", text="of another")
        header = LogHeader(0, is_end=True, claim="another").encode()
        subject = log_subject(0, "worker-1", where_of(run, "t"))
        on_bus(fault_stack, lambda bus: bus.store(subject, encode_log_lines([line]), 5.0, header))
        assert texts(list(client.logs.read(run, "t"))) == ["mine"]
        go.touch()
        assert follower.ended() == ["mine", "end"]
        assert_whole(follower.lines)

    def test_a_deferred_task_is_followed_through_its_trigger(
        self, fault_stack: RunningStack, tmp_path: Path
    ) -> None:
        file, go = tmp_path / "defers.py", tmp_path / "go"
        file.write_text(DEFERRED_FILE)
        client = fault_stack.client()
        client.submit_file(file)
        run = client.trigger("defers_with_logs", {"go": str(go)})
        follower = Follower(client, run, "t", attempt=1)
        follower.wait_for("before")
        follower.wait_for("the trigger looks")
        go.touch()
        assert follower.ended() == ["before", "the trigger looks", "after"]
        assert follower.reader.state == "success"
        assert len({line.attempt for line in follower.lines}) == 3
