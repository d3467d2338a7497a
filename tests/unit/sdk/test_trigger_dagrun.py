"""TriggerDagRunOperator: what it asks for, and what becomes of it in the task's commit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from millstream import DAG, TriggerDagRunOperator
from millstream.core.commands import RunRequest, TriggerRun
from millstream.core.events import Event, RunCreated, TaskFailed, TaskSkipped, TaskSucceeded
from millstream.sdk.errors import AirflowException, NotSupportedYet
from shard import Shard, dag, kinds, task

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
    )
    assert outcome.xcoms["trigger_dag_id"] == b'"target"'


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
    with pytest.raises(NotSupportedYet, match="reset_dag_run=True is not supported yet"):
        triggering(reset_dag_run=True)
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
