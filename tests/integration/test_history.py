"""The log by who, what, where and when, and pieces of it for an audit."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from integration.running_stack import RunningStack, bash, bash_dag, wait_for_event
from millstream.client import Client, Event, Run, RunRef, Triggered
from millstream.core.errors import InvalidArgument, MillstreamError, NotFound

pytestmark = pytest.mark.integration
SCRIPT = Path(__file__).parents[2] / "deploy" / "audit" / "verify_export.py"


@pytest.fixture(scope="module")
def client(stack: RunningStack) -> Client:
    return stack.client()


@pytest.fixture(scope="module")
def run(client: Client) -> Triggered:
    """A run in which one task fails and one is tried twice."""
    client.submit_spec(
        bash_dag(
            "history",
            bash("first", "true"),
            bash("broken", "exit 3", "first"),
            bash("last", "true", "broken"),
        )
    )
    triggered = client.trigger("history")
    client.wait(triggered, timeout_s=60)
    return triggered


@pytest.fixture(scope="module")
def whole(client: Client, run: Triggered) -> list[Event]:
    return list(client.events())


@pytest.fixture(scope="module")
def switch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rerun") / "a switch"


@pytest.fixture(scope="module")
def origin(client: Client, switch: Path) -> RunRef:
    client.submit_spec(
        bash_dag(
            "again",
            bash("first", "echo $RANDOM-$RANDOM"),
            bash("broken", f"test -e '{switch}'", "first"),
            bash("last", "echo got {{ ti.xcom_pull('first') }}", "broken"),
            bash("aside", "true"),
        )
    )
    run = client.trigger("again", {"n": 1})
    assert client.wait(run, timeout_s=60).state == "failed"
    switch.touch()
    return run


class TestFilters:
    def test_each_filter_gives_what_it_says(self, client: Client, whole: list[Event]) -> None:
        history = client.history
        last = whole[-1].position

        def found(**options: object) -> list[int]:
            events = history.events(**options)  # type: ignore[arg-type]
            return [event.position for event in events if event.position <= last]

        def expected(is_wanted: object) -> list[int]:
            return [event.position for event in whole if is_wanted(event)]  # type: ignore[operator]

        middle = whole[len(whole) // 2].recorded_at
        for options, is_wanted in (
            ({}, lambda e: True),
            ({"dag_id": "history"}, lambda e: e.dag_id == "history"),
            ({"task_id": "broken"}, lambda e: e.task_id == "broken"),
            ({"types": ["RunCreated"]}, lambda e: e.type == "RunCreated"),
            (
                {"types": ["TaskFailed", "TaskReady"]},
                lambda e: e.type in ("TaskFailed", "TaskReady"),
            ),
            ({"actor": "worker"}, lambda e: e.actor.startswith("worker/")),
            ({"actor": "api"}, lambda e: e.actor.startswith("api/")),
            ({"actor": whole[1].actor}, lambda e: e.actor == whole[1].actor),
            ({"actor": "nobody"}, lambda e: False),
            ({"since": middle}, lambda e: e.recorded_at >= middle),
            ({"until": middle}, lambda e: e.recorded_at < middle),
            ({"until": datetime(1, 1, 1, tzinfo=UTC)}, lambda e: False),
            ({"since": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}, lambda e: False),
            ({"since": middle, "types": ["TaskFailed"], "dag_id": "history"}, _is_late(middle)),
        ):
            assert found(**options) == expected(is_wanted), options
            backwards = found(**options, newest_first=True)
            assert backwards == expected(is_wanted)[::-1], options

    def test_a_limit_and_a_start(self, client: Client, whole: list[Event]) -> None:
        ready = [e.position for e in whole if e.type == "TaskReady"]
        found = client.history.events(types=["TaskReady"], limit=2)
        assert [event.position for event in found] == ready[:2]
        found = client.history.events(types=["TaskReady"], from_position=ready[1], limit=1)
        assert [event.position for event in found] == ready[1:2]
        found = client.history.events(from_position=ready[1], newest_first=True, limit=2)
        assert [event.position for event in found] == [ready[1], ready[1] - 1]

    def test_what_is_followed(self, client: Client, run: Triggered, whole: list[Event]) -> None:
        followed = client.history.follow(run.run_id, task_id="broken", actor="worker", timeout_s=30)
        wanted = [
            event.position
            for event in whole
            if (event.run_id, event.task_id) == (run.run_id, "broken")
            and event.actor.startswith("worker/")
        ]
        assert [next(followed).position for _ in wanted] == wanted

    def test_where_the_log_stood(self, client: Client, whole: list[Event]) -> None:
        at = whole[len(whole) // 2].recorded_at
        expected = max(event.position for event in whole if event.recorded_at <= at)
        assert client.history.position_at(at) == expected
        assert client.history.position_at(whole[0].recorded_at - timedelta(seconds=1)) == 0
        last = client.history.head(whole[-1].position)
        assert last.digest == whole[-1].digest
        assert client.history.head().position >= last.position

    def test_what_cannot_be_asked(self, client: Client) -> None:
        with pytest.raises(NotFound):
            client.history.head(10**15)
        with pytest.raises(NotFound):
            client.history.export(10**15)
        with pytest.raises(InvalidArgument):
            client.history.head(-1)
        with pytest.raises(InvalidArgument):
            list(client.history.events(from_position=-1))
        with pytest.raises(InvalidArgument):
            list(client.history.events(actor="a\0b"))


class TestState:
    def test_a_run_as_it_was_read_live(self, client: Client, tmp_path: Path) -> None:
        """What was read while nothing moved is what the log says of that moment later."""
        gate = tmp_path / "the gate"
        wait = f"while [ ! -e '{gate}' ]; do sleep 0.05; done"
        client.submit_spec(
            bash_dag("gated", bash("gate", wait), bash("after", "exit 1", "gate", retries=0))
        )
        run = client.trigger("gated", {"n": 1})
        started = wait_for_event(client, run, "TaskStarted", "gate")
        reference = RunRef(
            namespace="default",
            dag_id="gated",
            run_id=run.run_id,
            position=started.position,
        )
        live = (client.get_run(reference), client.list_task_instances(reference))
        before = datetime.now(UTC)
        gate.touch()
        client.wait(run, timeout_s=60)
        ended = (client.get_run(run), client.list_task_instances(run))
        for at in (started.position, started.recorded_at, before):
            past = client.history.run(run.run_id, at)
            assert past.position >= started.position
            assert (_at_no_position(past.run), list(past.tasks)) == (
                _at_no_position(live[0]),
                live[1],
            )
        assert [task.state for task in live[1]] == ["running", "none"]
        past = client.history.run(run.run_id)
        assert (_at_no_position(past.run), list(past.tasks)) == (
            _at_no_position(ended[0]),
            ended[1],
        )
        created = client.history.run(run.run_id, run.position - 1 or 1, with_tasks=False)
        assert created.run.state in ("queued", "running")

    def test_each_position_of_a_run_is_what_its_events_say(
        self, client: Client, run: Triggered, whole: list[Event]
    ) -> None:
        expected: dict[str, str] = {}
        for event in whole:
            if event.run_id != run.run_id:
                continue
            expected |= _task_state_after(event)
            past = client.history.run(run.run_id, event.position)
            found = {task.task_id: task.state for task in past.tasks if task.state != "none"}
            assert found == expected, event
        with pytest.raises(NotFound):
            client.history.run(run.run_id, 1)
        with pytest.raises(NotFound):
            client.history.run("no such run")
        with pytest.raises(NotFound):
            client.history.run(run.run_id, 10**12)

    def test_everything_at_a_position(self, client: Client, whole: list[Event]) -> None:
        """At each position, the runs and DAGs are those of the events up to there."""
        history = client.history
        # Runs of other tests on this stack that a user changed need more than a table to judge.
        changed = {
            (event.dag_id, event.run_id)
            for event in whole
            if event.type in ("RunMarked", "RunReopened", "RunQuarantined")
        }
        runs: dict[tuple[str, str], str] = {}
        dags: dict[str, int] = {}
        checked = 0
        for event in whole:
            kind = RUN_STATES.get(event.type)
            if event.type == "DagVersionSubmitted":
                dags[event.dag_id] = event.data["version"]
            elif kind and (event.dag_id, event.run_id) not in changed:
                runs[event.dag_id, event.run_id] = kind
            else:
                continue
            if checked > 40:
                continue
            checked += 1
            everything = {
                (run.dag_id, run.run_id): run.state for run in history.runs(event.position)
            }
            assert {k: v for k, v in everything.items() if k not in changed} == runs, event
            for state in set(everything.values()):
                there = history.runs(event.position, states=[state])
                in_state = {(run.dag_id, run.run_id) for run in there}
                assert in_state == {name for name, one in everything.items() if one == state}
            assert {d.dag_id: d.latest_version for d in history.dags(event.position)} == dags
            said = history.state(event.position)
            assert (said.dags, sum(said.runs.values())) == (len(dags), len(everything))
            assert (said.position, said.digest) == (event.position, event.digest)

    def test_names_pools_and_pauses(self, client: Client) -> None:
        before = client.history.head().position
        client.variables.set("of-history", "1")
        client.pools.set("of-history", 3)
        client.submit_spec(bash_dag("paused-once", bash("a", "true")))
        client.pause_dag("paused-once")
        then = client.history.head().position
        client.variables.delete("of-history")
        client.pools.delete("of-history")
        client.unpause_dag("paused-once")
        for at, is_there in ((before, False), (then, True), (None, False)):
            said = client.history.state(at)
            assert ("of-history" in said.variables) is is_there
            assert (said.pools.get("of-history") == 3) is is_there
            paused = [dag.dag_id for dag in client.history.dags(at) if dag.is_paused]
            assert ("paused-once" in paused) is is_there
            assert said.paused_dags == len(paused)

    def test_on_the_command_line(self, stack: RunningStack, run: Triggered) -> None:
        done = stack.run("state", run.run_id, "--json")
        assert done.returncode == 0, done.stderr
        states = {task["task_id"]: task["state"] for task in json.loads(done.stdout)["tasks"]}
        assert states == {"first": "success", "broken": "failed", "last": "upstream_failed"}
        done = stack.run("state", "--at", "1h", "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["runs"] == []
        done = stack.run("state")
        assert run.run_id in done.stdout
        assert stack.run("state", "--at", "never").returncode == 2


class TestDiff:
    def test_the_first_divergence_of_two_runs(
        self, stack: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        switch = tmp_path / "a switch"
        client.submit_spec(
            bash_dag(
                "parting",
                bash("same", "echo same"),
                bash("parts", f"echo hello; test ! -e '{switch}'", "same"),
                bash("below", "true", "parts"),
                bash("aside", "true", "same"),
            )
        )
        good = client.trigger("parting", {"n": 1})
        client.wait(good, timeout_s=60)
        again = client.trigger("parting", {"n": 1})
        client.wait(again, timeout_s=60)
        switch.touch()
        bad = client.trigger("parting", {"n": 2})
        client.wait(bad, timeout_s=60)

        assert client.history.diff(good, again).divergences == ()
        found = client.history.diff(good, bad)
        assert found.first is not None
        assert (found.first.task_id, found.first.kind) == ("parts", "outcome")
        events = {event.position: event for event in client.events(dag_id="parting")}
        assert events[found.first.one_position].type == "TaskSucceeded"
        assert events[found.first.other_position].type == "TaskFailed"
        assert [each.task_id for each in found.divergences] == ["parts", "below"]
        assert ("conf.n", "1", "2") in [(i.name, i.one, i.other) for i in found.inputs]
        done = stack.run("diff", good.run_id, bad.run_id, "--json")
        assert done.returncode == 1, done.stderr
        assert json.loads(done.stdout)["divergence_count"] == 2
        done = stack.run("diff", good.run_id, bad.run_id)
        assert "The first divergence: task parts" in done.stdout
        assert stack.run("diff", good.run_id, again.run_id).returncode == 0
        with pytest.raises(NotFound):
            client.history.diff(good, "no such run")


class TestRerun:
    """`broken` fails while the switch is not there; `last` shows what `first` handed on."""

    def test_what_succeeded_is_taken_over_by_reference(
        self, client: Client, origin: RunRef
    ) -> None:
        before = client.history.run(origin)
        made = client.history.rerun(origin, note="once more")
        assert made.taken_over == 2
        done = client.wait(made, timeout_s=60)
        assert done.state == "success"
        tasks = {task.task_id: task for task in client.list_task_instances(done)}
        assert {name: task.taken_from for name, task in tasks.items()} == {
            "first": origin.run_id,
            "aside": origin.run_id,
            "broken": "",
            "last": "",
        }
        value = client.xcom(origin, "first")
        assert client.xcom(done, "first") == value
        assert client.xcom(done, "last") == f"got {value}"
        ran = {event.task_id for event in client.events(made.run_id) if event.type == "TaskReady"}
        assert ran == {"broken", "last"}
        assert (done.rerun_of, done.triggered_by) == (origin.run_id, "rerun")
        assert (done.conf, done.note, done.logical_date) == ({"n": 1}, "once more", None)
        after = client.history.run(origin)
        assert (after.run, after.tasks) == (before.run, before.tasks)

    def test_its_lineage_both_ways_and_a_rerun_of_a_rerun(
        self, stack: RunningStack, client: Client, origin: RunRef
    ) -> None:
        one = client.history.rerun(origin)
        client.wait(one, timeout_s=60)
        two = client.history.rerun(one, ["last"], conf={"n": 2}, run_id="the-second")
        done = client.wait(two, timeout_s=60)
        assert (done.run_id, done.conf, done.state) == ("the-second", {"n": 2}, "success")
        assert client.xcom(done, "first") == client.xcom(origin, "first")
        tasks = {task.task_id: task.taken_from for task in client.list_task_instances(done)}
        assert tasks["first"] == origin.run_id
        assert tasks["broken"] == one.run_id
        line = client.history.lineage(done)
        assert [run.run_id for run in line.ancestors] == [one.run_id, origin.run_id]
        assert two.run_id in [run.run_id for run in client.history.lineage(one).reruns]
        shown = stack.run("lineage", "the-second").stdout
        assert origin.run_id in shown
        assert "from some tasks" in shown

    def test_from_an_event_and_with_a_newer_version(
        self, stack: RunningStack, client: Client, origin: RunRef
    ) -> None:
        ended = next(
            event.position
            for event in client.events(origin.run_id)
            if (event.type, event.task_id) == ("TaskSucceeded", "first")
        )
        spec = client.get_dag("again").spec
        assert spec is not None
        newer = msgspec.structs.replace(spec, tasks=(*spec.tasks, bash("new", "true", "last")))
        client.submit_spec(newer)
        done = stack.run(
            *("rerun", origin.run_id, "--dag", "again", "--from", str(ended)),
            *("--latest-version", "--json"),
        )
        assert done.returncode == 0, done.stderr
        made = json.loads(done.stdout)
        ended_run = client.wait(made["run_id"], "again", timeout_s=60)
        assert (ended_run.state, ended_run.version) == ("success", 2)
        taken = [t.task_id for t in client.list_task_instances(ended_run) if t.taken_from]
        assert taken in (["first"], ["first", "aside"])
        assert len(taken) == made["taken_over"]

    def test_the_same_request_again_and_what_is_refused(
        self, client: Client, origin: RunRef
    ) -> None:
        once = client.history.rerun(origin, request_id="rerun-once")
        assert client.history.rerun(origin, request_id="rerun-once") == once
        client.wait(once, timeout_s=60)
        for options in ({"tasks": ["nothing"]}, {"version": 99}, {"at": 1}, {"run_id": "a/b"}):
            with pytest.raises(MillstreamError) as caught:
                client.history.rerun(origin, **options)
            assert caught.value.reason in REFUSALS, options
        with pytest.raises(NotFound):
            client.history.rerun("no such run")

    def test_the_log_and_the_tables_hold_what_they_must(self, stack: RunningStack) -> None:
        done = stack.run("verify", "--json")
        assert json.loads(done.stdout)["findings"] == [], done.stdout[-3000:]


class TestWhatIf:
    FILE = """
from millstream import DAG, BashOperator

with DAG("history"):
    first = BashOperator(task_id="first", bash_command="true")
    broken = BashOperator(task_id="broken", bash_command="exit 3")
    last = BashOperator(task_id="last", bash_command="true", trigger_rule="all_done")
    first >> broken >> last
"""

    def test_a_file_against_a_run(
        self, stack: RunningStack, client: Client, run: Triggered, tmp_path: Path
    ) -> None:
        file = tmp_path / "another version.py"
        file.write_text(self.FILE)
        end = client.history.head().position
        versions = client.get_dag("history").latest_version
        done = stack.run("whatif", run.run_id, "--dag", str(file), "--json")
        assert done.returncode == 1, done.stderr
        found = json.loads(done.stdout)
        assert (found["run"]["state"], found["expected"]) == ("failed", "success")
        assert "last" in [each["name"] for each in found["changes"]]
        tasks = {each["task_id"]: each for each in found["tasks"]}
        assert (tasks["last"]["recorded"], tasks["last"]["expected"]) == (
            "upstream_failed",
            "success",
        )
        assert tasks["last"]["is_assumed"]
        assert tasks["broken"]["kind"] == "same"
        about = client.history.events(dag_id="history", from_position=end + 1)
        assert list(about) == [], "nothing is written"
        assert client.get_dag("history").latest_version == versions

    def test_against_its_own_version(self, stack: RunningStack, run: Triggered) -> None:
        done = stack.run("whatif", run.run_id)
        assert done.returncode == 0, done.stderr
        assert "All tasks would have ended alike." in done.stdout


class TestAudit:
    def test_the_log_is_exported_and_verified_with_python_alone(
        self, stack: RunningStack, run: Triggered, whole: list[Event], tmp_path: Path
    ) -> None:
        path = tmp_path / "an export.jsonl"
        done = stack.run("audit", "export", str(path))
        assert done.returncode == 0, done.stderr
        lines = path.read_bytes().splitlines()
        assert [json.loads(line)["position"] for line in lines] == list(range(1, len(lines) + 1))
        assert [json.loads(line)["digest"] for line in lines[: len(whole)]] == [
            event.digest for event in whole
        ]
        head = done.stdout.splitlines()[-1]
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(SCRIPT), str(path), head],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert stack.run("audit", "verify", str(path), "--head", head).returncode == 0

    def test_a_piece_that_was_forged_from_its_beginning_is_not_what_the_log_says(
        self, stack: RunningStack, whole: list[Event], tmp_path: Path
    ) -> None:
        path = tmp_path / "piece.jsonl"
        at = whole[3].recorded_at.isoformat()
        done = stack.run("audit", "export", str(path), "--from", "3", "--to", "9", "--json")
        assert done.returncode == 0, done.stderr
        heads = json.loads(done.stdout)
        assert (heads["first_position"], heads["before"]) == (3, whole[1].digest)
        assert (heads["last_position"], heads["digest"]) == (9, whole[8].digest)
        data = path.read_bytes()
        path.write_bytes(data.replace(b"local", b"cloud").replace(b"default", b"another"))
        done = stack.run("audit", "verify", str(path))
        assert done.returncode == 1, done.stdout
        done = stack.run("audit", "export", str(path), "--until", at, "--json")
        assert json.loads(done.stdout)["last_position"] >= 4

    def test_events_by_filter_on_the_command_line(
        self, stack: RunningStack, run: Triggered
    ) -> None:
        done = stack.run(
            *("events", "list", "--type", "TaskFailed", "--actor", "worker"),
            *("--since", "2h", "--dag", "history", "--run", run.run_id, "--json"),
        )
        assert done.returncode == 0, done.stderr
        (event,) = map(json.loads, done.stdout.splitlines())
        assert (event["task_id"], event["run_id"]) == ("broken", run.run_id)
        assert stack.run("events", "list", "--since", "soon").returncode == 2


RUN_STATES = {
    "RunCreated": "queued",
    "RunStarted": "running",
    "RunSucceeded": "success",
    "RunFailed": "failed",
}
REFUSALS = ("TASK_NOT_FOUND", "RUN_NOT_FOUND", "NOT_FOUND", "INVALID_RUN_ID")
TASK_STATES = {
    "TaskScheduled": "scheduled",
    "TaskReady": "queued",
    "TaskStarted": "running",
    "TaskSucceeded": "success",
    "TaskFailed": "failed",
    "TaskUpstreamFailed": "upstream_failed",
}


def _task_state_after(event: Event) -> dict[str, str]:
    return {event.task_id: TASK_STATES[event.type]} if event.task_id else {}


def _at_no_position(run: Run) -> Run:
    return msgspec.structs.replace(run, position=0)


def _is_late(middle: datetime) -> object:
    def is_wanted(event: Event) -> bool:
        is_failure = event.type == "TaskFailed" and event.dag_id == "history"
        return is_failure and event.recorded_at >= middle

    return is_wanted
