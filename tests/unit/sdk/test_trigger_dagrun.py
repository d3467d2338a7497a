"""TriggerDagRunOperator: what it asks for, and what becomes of it in the task's commit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from millstream import DAG, TriggerDagRunOperator
from millstream.core.commands import TriggerRun
from millstream.core.decisions.triggering import run_to_recall
from millstream.core.deferral import TriggerCall
from millstream.core.event_parts import Where
from millstream.core.events import Event, RunCreated
from millstream.core.reports import RunRequest, SucceedAttempt
from millstream.core.run_states import RunStates, StatesAnswer, StatesQuestion
from millstream.core.task_events import TaskFailed, TaskSkipped, TaskSucceeded
from millstream.sdk.deferral import decode_value
from millstream.sdk.errors import AirflowException
from millstream.sdk.states import Wanted, judge
from shard import RUN, Shard, dag, dump, fold, kinds, ready_names, task

NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)


def triggering(**arguments: Any) -> DAG:
    with DAG("controller", params={"size": 3}) as made:
        TriggerDagRunOperator(task_id="t", trigger_dag_id="target", **arguments)
    return made


def test_what_it_asks_for(run: Any) -> None:
    outcome = run(
        triggering(
            conf={"size": "{{ params.size }}", "list": [1]},
            trigger_run_id="run_{{ ds_nodash }}",
            logical_date="{{ ds }}T06:00:00",
            note="by hand",
            run_after=NOON,
            skip_when_already_exists=True,
            fail_when_dag_is_paused=True,
            reset_dag_run=True,
        ),
        "t",
    )
    assert outcome.kind == "success", outcome.message
    (request,) = outcome.runs
    assert request == RunRequest(
        dag_id="target",
        run_id="run_20240229",
        conf={"size": "3", "list": [1]},
        logical_date=datetime(2024, 2, 29, 6, tzinfo=UTC),
        run_after=NOON,
        note="by hand",
        skip_when_already_exists=True,
        fail_when_dag_is_paused=True,
        reset=True,
    )
    assert outcome.xcoms["trigger_dag_id"] == b'"target"'


def run_ids_waited_for(outcome: Any) -> Any:
    return decode_value(outcome.pause.trigger.kwargs)["run_ids"]


def test_the_logical_date_is_now_or_none(run: Any) -> None:
    before = datetime.now(UTC)
    (request,) = run(triggering(), "t").runs
    assert request.logical_date is not None
    assert before <= request.logical_date <= datetime.now(UTC)
    (request,) = run(triggering(logical_date=None), "t").runs
    assert request.logical_date is None


def test_it_waits_without_a_slot(run: Any) -> None:
    dag_of_it = triggering(
        wait_for_completion=True, logical_date=NOON, failed_states=["failed", "running"]
    )
    outcome = run(dag_of_it, "t")
    assert outcome.kind == "deferred", outcome.message
    assert outcome.runs[0].logical_date == NOON
    assert run_ids_waited_for(outcome) == [f"operator_triggered__{NOON.isoformat()}"]
    named = triggering(wait_for_completion=True, trigger_run_id="run_{{ ds_nodash }}")
    assert run_ids_waited_for(run(named, "t")) == ["run_20240229"]
    operator = dag_of_it.get_task("t")
    assert isinstance(operator, TriggerDagRunOperator)
    operator.execute_complete({}, {"status": "success"})
    with pytest.raises(AirflowException, match="target failed with failed states"):
        operator.execute_complete({}, {"status": "failed"})


def test_a_conf_that_is_no_json(run: Any) -> None:
    outcome = run(triggering(conf={"x": object()}), "t")
    assert (outcome.kind, outcome.error_type) == ("failed", "ValueError")
    assert "conf is no JSON object" in outcome.message


def test_bad_arguments() -> None:
    with pytest.raises(TypeError, match="logical_date is 5"):
        triggering(logical_date=5)
    with pytest.raises(ValueError, match="allowed_states has 'done'; use queued, running"):
        triggering(allowed_states=["done"])
    with pytest.raises(TypeError, match="reset_dag_run is 'no'; pass True or False"):
        triggering(reset_dag_run="no")
    with pytest.raises(AirflowException, match="so it needs a logical_date"):
        triggering(logical_date=None, wait_for_completion=True)


class TestInTheCore:
    def begun(self) -> Shard:
        shard = Shard()
        shard.submit(dag(task("x"), dag_id="target"))
        shard.begin(dag(task("a", retries=1), task("b", "a")))
        return shard

    def data(self, events: list[Event], kind: Any) -> Any:
        return next(event.data for event in events if isinstance(event.data, kind))

    def test_the_run_is_made_in_the_commit_of_the_task(self) -> None:
        shard = self.begun()
        request = RunRequest(dag_id="target", logical_date=NOON, conf={"a": 1}, note="n")
        events = shard.succeed("a", runs=(request,))
        assert kinds(events)[:3] == ["TaskStarted a", "TaskSucceeded a", "RunCreated"]
        created = next(event for event in events if isinstance(event.data, RunCreated))
        run_id = f"operator_triggered__{NOON.isoformat()}"
        assert (created.where.dag_id, created.where.run_id) == ("target", run_id)
        data = self.data(events, RunCreated)
        assert (data.run_type, data.triggered_by) == ("operator_triggered", "operator")
        assert (data.conf, data.note, data.logical_date) == ({"a": 1}, "n", NOON)
        xcoms = self.data(events, TaskSucceeded).xcoms
        assert msgspec.json.decode(bytes(xcoms["trigger_run_id"].value)) == run_id
        assert "TaskReady x" in kinds(events)

    @pytest.mark.parametrize(
        ("fields", "error_type"),
        [
            ({"dag_id": "ghost"}, "DagNotFound"),
            ({"run_id": "there"}, "DagRunAlreadyExists"),
            ({"is_taken": True}, "DagRunAlreadyExists"),
            ({"run_id": "no spaces"}, "InvalidArgument"),
        ],
    )
    def test_what_cannot_be_made_fails_the_task(self, fields: Any, error_type: str) -> None:
        shard = self.begun()
        shard.handle(TriggerRun(id="o", namespace="default", dag_id="target", run_id="there"))
        events = shard.succeed("a", runs=(RunRequest(**{"dag_id": "target", **fields}),))
        failed = self.data(events, TaskFailed)
        assert failed.error_type == error_type
        assert failed.retry_at is not None, "it may be tried again"
        assert not any(isinstance(event.data, RunCreated) for event in events)

    def test_a_run_of_the_same_date(self) -> None:
        shard = self.begun()
        shard.handle(TriggerRun(id="o", namespace="default", dag_id="target", logical_date=NOON))
        request = RunRequest(dag_id="target", logical_date=NOON, skip_when_already_exists=True)
        events = shard.succeed("a", runs=(request,))
        assert "already has the run" in self.data(events, TaskSkipped).reason


class TestReset:
    """The run of that id is there already."""

    def begun(self, *, how: str = "running", of: str = "target") -> Shard:
        """``etl`` has begun, and ``target`` has a run "there" that waits, runs or is over."""
        shard = Shard()
        shard.submit(dag(task("x"), task("y", "x"), dag_id="target"))
        shard.trigger("there", "target", conf={"old": 1}, note="first", logical_date=NOON)
        if how != "queued":
            self.report(shard, "x", 1)
        if how == "over":
            self.report(shard, "y", 1)
        assert (("default", "target", "there") in shard.state.runs) == (how != "over")
        shard.begin(dag(task("a", retries=1), task("b", "a")))
        return shard

    def report(self, shard: Shard, name: str, attempt: int) -> list[Event]:
        where = Where("default", "target", "there").task(name, (), attempt)
        times = {"started_at": shard.now, "ended_at": shard.now}
        command = SucceedAttempt(id=shard.id(), where=where, worker="w", token="t", **times)
        return shard.handle(command)

    def reset(self, shard: Shard, **fields: Any) -> list[Event]:
        fields = {"dag_id": "target", "run_id": "there", "reset": True, "conf": {"new": 2}} | fields
        return shard.succeed("a", runs=(RunRequest(**fields),))

    def test_a_run_that_goes_on_begins_again(self) -> None:
        shard = self.begun()
        events = self.reset(shard, is_taken=True, is_id_taken=True)
        assert kinds(events)[:5] == [
            *("TaskStarted a", "TaskSucceeded a"),
            *("TaskCleared x", "TaskStopped y", "TaskCleared y"),
        ]
        assert ready_names(events) == ["b", "x"]
        succeeded = next(e.data for e in events if isinstance(e.data, TaskSucceeded))
        assert bytes(succeeded.xcoms["trigger_run_id"].value) == b'"there"'
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_a_run_that_is_over_comes_back(self) -> None:
        shard = self.begun(how="over")
        events = self.reset(shard, is_taken=True, is_id_taken=True)
        assert kinds(events)[:5] == [
            *("TaskStarted a", "TaskSucceeded a"),
            *("RunReopened", "TaskCleared x", "TaskCleared y"),
        ]
        assert not any(isinstance(event.data, RunCreated) for event in events)
        assert [e.where.attempt for e in events if kinds([e]) == ["TaskReady x"]] == [2]
        created = shard.state.runs["default", "target", "there"].created
        assert (created.conf, created.note, created.logical_date) == ({"old": 1}, "first", NOON)
        self.report(shard, "x", 2)
        assert kinds(self.report(shard, "y", 2))[-1] == "RunSucceeded"
        assert dump(fold(shard.log)) == dump(shard.state)

    def test_it_is_found_by_its_date_if_it_has_no_name(self) -> None:
        shard = Shard()
        shard.submit(dag(task("x"), dag_id="target"))
        run_id = f"operator_triggered__{NOON.isoformat()}"
        shard.trigger(run_id, "target", logical_date=NOON)
        shard.begin(dag(task("a")))
        events = self.reset(shard, run_id="", logical_date=NOON)
        assert [e.where.run_id for e in events if kinds([e]) == ["TaskCleared x"]] == [run_id]

    def test_a_task_that_waits_for_it(self) -> None:
        shard = self.begun(how="over")
        request = RunRequest(dag_id="target", run_id="there", reset=True, is_id_taken=True)
        call = TriggerCall(classpath="m.T")
        events = shard.defer("a", trigger=call, timeout_s=None, runs=(request,))
        names = kinds(events)
        assert names.index("RunReopened") < names.index("TriggerReady a")

    def test_one_that_is_not_there_is_made(self) -> None:
        shard = self.begun()
        events = self.reset(shard, run_id="other")
        assert [e.where.run_id for e in events if isinstance(e.data, RunCreated)] == ["other"]
        assert "RunReopened" not in kinds(events)

    @pytest.mark.parametrize(
        "fields",
        [
            {"run_id": "other", "logical_date": NOON},  # its date is that of another run
            {"run_id": "other", "is_taken": True},
            {"run_id": "gone", "is_taken": True, "is_id_taken": True},  # the log does not have it
        ],
    )
    def test_what_cannot_be_reset_fails_the_task(self, fields: Any) -> None:
        events = self.reset(self.begun(), **fields)
        assert kinds(events)[:2] == ["TaskStarted a", "TaskFailed a"]
        failed = next(e.data for e in events if isinstance(e.data, TaskFailed))
        assert failed.error_type == "DagRunAlreadyExists"

    def test_not_its_own_run(self) -> None:
        events = self.reset(self.begun(), dag_id="etl", run_id="r1")
        failed = next(e.data for e in events if isinstance(e.data, TaskFailed))
        assert "cannot reset its own run 'r1'" in failed.message

    def test_a_report_that_is_refused_resets_nothing(self) -> None:
        shard = self.begun(how="over")
        shard.succeed("a")
        request = RunRequest(dag_id="target", run_id="there", reset=True, is_id_taken=True)
        assert shard.refused("succeed", "a", runs=(request,)) == "ATTEMPT_CLOSED"

    def test_only_a_run_that_is_over_is_recalled(self) -> None:
        request = RunRequest(dag_id="target", run_id="there", reset=True, is_id_taken=True)
        fields = {"where": RUN.task("a"), "worker": "w", "token": "t"}
        times = {"started_at": NOON, "ended_at": NOON}
        asking = SucceedAttempt(id="c", **fields, **times, runs=(request,))
        assert run_to_recall(self.begun().state, asking) is None
        over = self.begun(how="over").state
        assert run_to_recall(over, asking) == ("default", "target", "there")
        plain = msgspec.structs.replace(request, reset=False)
        assert run_to_recall(over, msgspec.structs.replace(asking, runs=(plain,))) is None


def test_a_run_is_waited_for_by_its_id() -> None:
    question = StatesQuestion(dag_id="target", run_ids=("there",))
    wanted = Wanted(allowed=("success",), failed=("failed",))

    def judged(*states: tuple[str, str]) -> str:
        runs = tuple(RunStates(run_id=i, logical_date=None, state=s) for i, s in states)
        return judge(question, StatesAnswer(runs=runs), wanted)

    assert judged() == ""
    assert judged(("there", "running")) == ""
    assert judged(("there", "success")) == "success"
    assert judged(("there", "failed")) == "failed"
