"""dag.test() where tasks wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from millstream import (
    DAG,
    ApprovalOperator,
    BaseOperator,
    BaseTrigger,
    EmptyOperator,
    ExternalTaskSensor,
    FileSensor,
    PythonOperator,
    PythonSensor,
    TimeDeltaSensor,
    TriggerEvent,
)


class Meeting(BaseTrigger):
    """Fires when all of a number of triggers run at the same time."""

    here = 0
    wanted = 0

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{__name__}.Meeting", {}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        Meeting.here += 1
        while Meeting.here < Meeting.wanted:  # noqa: ASYNC110 - a poll, as people write them
            await asyncio.sleep(0)
        yield TriggerEvent("met")


class Meets(BaseOperator):
    def execute(self, context: Any) -> None:
        self.defer(trigger=Meeting(), method_name="go_on")

    def go_on(self, context: Any, event: str) -> str:
        return event


def test_triggers_run_side_by_side() -> None:
    Meeting.here, Meeting.wanted = 0, 50
    with DAG("waits") as dag:
        for number in range(50):
            Meets(task_id=f"t{number}")
    run = dag.test()
    assert run.state == "success"
    assert {run.xcom(f"t{number}") for number in range(50)} == {"met"}


def test_a_sensor_is_rescheduled(capsys: Any) -> None:
    looks: list[int] = []

    def look() -> bool:
        looks.append(1)
        return len(looks) == 3

    with DAG("waits") as dag:
        sensor = PythonSensor(
            task_id="look", python_callable=look, mode="reschedule", poke_interval=0.01
        )
        sensor >> EmptyOperator(task_id="after")
    run = dag.test()
    assert (run.state, len(looks)) == ("success", 3)
    assert "--- look: up_for_reschedule" in capsys.readouterr().out


def test_files_and_times(tmp_path: Path) -> None:
    with DAG("waits") as dag:
        made = PythonOperator(task_id="make", python_callable=(tmp_path / "a").touch)
        made >> FileSensor(task_id="file", filepath=tmp_path / "a", deferrable=True)
        TimeDeltaSensor(task_id="soon", delta=timedelta(milliseconds=50), deferrable=True)
    assert dag.test().state == "success"


def test_people_are_not_asked(capsys: Any) -> None:
    with DAG("waits") as dag:
        ApprovalOperator(task_id="yes", subject="Deploy?", defaults="Approve")
        ApprovalOperator(task_id="nobody", subject="Delete?")
    run = dag.test()
    assert run.task_states == {"yes": "success", "nobody": "failed"}
    out = capsys.readouterr().out
    assert "in dag.test() its defaults are the answer: Approve" in out
    assert "in dag.test() nobody can answer" in out


def test_other_dags_are_not_there() -> None:
    with DAG("waits") as dag:
        ExternalTaskSensor(task_id="poke", external_dag_id="other")
        ExternalTaskSensor(task_id="defer", external_dag_id="other", deferrable=True)
    run = dag.test()
    assert run.task_states == {"poke": "failed", "defer": "failed"}
