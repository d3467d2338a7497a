"""Sensors: when they look, when they give up, and what they say to the scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from millstream import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
    BaseSensorOperator,
    BashSensor,
    DateTimeSensor,
    DayOfWeekSensor,
    ExternalTaskMarker,
    ExternalTaskSensor,
    FileSensor,
    PokeReturnValue,
    PythonSensor,
    TimeDeltaSensor,
    TimeSensor,
    WaitSensor,
    poke_mode_only,
    task,
)
from millstream.core.run_states import RunStates, StatesAnswer
from millstream.core.spec import EmptyAction, MarkedTask, PythonAction
from millstream.sdk.attempts import Outcome
from millstream.sdk.operators.dates import WeekDay

Run = Callable[..., Outcome]
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class Looks(BaseSensorOperator):
    """Says what it is told, one answer a look; an exception is raised."""

    def __init__(self, *, answers: list[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.answers = answers
        self.slept: list[float] = []

    def poke(self, context: Any) -> Any:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def pause(self, seconds: float) -> None:
        self.slept.append(seconds)


def look(run: Run, *answers: Any, first: datetime | None = None, **options: Any) -> Any:
    """The outcome, and between which looks it slept for how long."""
    with DAG("waits") as dag:
        sensor = Looks(task_id="look", answers=list(answers), **options)
    return run(dag, "look", first_started_at=first), sensor.slept


class TestPoke:
    def test_it_looks_until_it_is_there(self, run: Run) -> None:
        outcome, slept = look(run, False, False, True)
        assert (outcome.kind, slept) == ("success", [60.0, 60.0])
        assert outcome.xcoms == {}

    def test_the_xcom(self, run: Run) -> None:
        outcome, _ = look(run, PokeReturnValue(False), PokeReturnValue(True, [1, 2]))
        assert outcome.xcoms["return_value"] == b"[1,2]"

    def test_its_time_is_over_and_no_retry_helps(self, run: Run) -> None:
        outcome, slept = look(run, False, timeout=0)
        assert (outcome.kind, outcome.error_type) == ("failed", "AirflowSensorTimeout")
        assert not outcome.may_retry
        assert slept == []

    def test_soft_fail_skips(self, run: Run) -> None:
        assert look(run, False, timeout=0, soft_fail=True)[0].kind == "skipped"
        assert look(run, AirflowFailException("no"), soft_fail=True)[0].kind == "skipped"
        assert look(run, ValueError("no"), soft_fail=True)[0].kind == "failed"

    def test_never_fail_skips_on_any_error(self, run: Run) -> None:
        assert look(run, ValueError("no"), never_fail=True)[0].kind == "skipped"

    def test_silent_fail_goes_on(self, run: Run) -> None:
        outcome, slept = look(run, ValueError("not yet"), True, silent_fail=True)
        assert (outcome.kind, len(slept)) == ("success", 1)

    def test_a_skip_is_a_skip(self, run: Run) -> None:
        assert look(run, AirflowSkipException("none"), silent_fail=True)[0].kind == "skipped"

    def test_backoff_as_in_airflow(self, run: Run) -> None:
        _, slept = look(run, *[False] * 6, True, poke_interval=10, exponential_backoff=True)
        for number, seconds in enumerate(slept, 1):
            least = max(int(10 * 2 ** (number - 2)), 1)
            assert least <= seconds < 2 * least

    def test_the_longest_wait(self, run: Run) -> None:
        _, slept = look(
            run, *[False] * 9, True, poke_interval=10, exponential_backoff=True, max_wait=60
        )
        assert max(slept) == 60


class TestReschedule:
    def test_the_attempt_ends_and_says_when_to_look_again(self, run: Run) -> None:
        before = datetime.now(UTC)
        outcome, slept = look(run, False, mode="reschedule", poke_interval=30)
        assert (outcome.kind, slept) == ("rescheduled", [])
        assert outcome.until is not None
        assert timedelta(0) <= outcome.until - before - timedelta(seconds=30) < timedelta(seconds=5)

    def test_the_timeout_counts_from_the_first_look(self, run: Run) -> None:
        outcome, _ = look(run, False, mode="reschedule", first=LONG_AGO)
        assert outcome.error_type == "AirflowSensorTimeout"
        recently = datetime.now(UTC) - timedelta(hours=1)
        assert look(run, False, mode="reschedule", first=recently)[0].kind == "rescheduled"

    def test_found(self, run: Run) -> None:
        assert look(run, True, mode="reschedule", first=LONG_AGO)[0].kind == "success"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"mode": "sleep"}, "mode is 'sleep'; it must be 'poke' or 'reschedule'"),
        ({"poke_interval": -1}, "poke_interval is -1"),
        ({"timeout": "soon"}, "timeout is 'soon'; pass a datetime.timedelta or a number"),
        ({"soft_fail": True, "never_fail": True}, "soft_fail and never_fail exclude each other"),
    ],
)
def test_wrong_arguments(options: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said.replace("(", r"\(")):
        BaseSensorOperator(task_id="x", **options)


def test_the_defaults_are_airflows() -> None:
    sensor = BaseSensorOperator(task_id="x")
    assert (sensor.poke_interval, sensor.timeout, sensor.mode) == (60.0, 604800.0, "poke")
    assert [sensor.soft_fail, sensor.never_fail, sensor.silent_fail] == [False] * 3
    assert sensor.max_wait is None
    assert sensor.action() == PythonAction()


def test_poke_mode_only() -> None:
    @poke_mode_only
    class Holds(BaseSensorOperator):
        pass

    assert Holds(task_id="a").mode == "poke"
    with pytest.raises(ValueError, match="'poke' only"):
        Holds(task_id="a", mode="reschedule")


def test_the_sensor_decorator(run: Run) -> None:
    with DAG("waits") as dag:

        @task.sensor(poke_interval=5, mode="reschedule")
        def wait(found: bool, ds: str = "") -> PokeReturnValue:
            return PokeReturnValue(found, xcom_value=ds)

        wait(True)
        wait.override(task_id="again")(False)
    assert run(dag, "wait").xcoms["return_value"] == b'"2024-02-29"'
    assert run(dag, "again").kind == "rescheduled"
    assert dag.to_spec("f.py").tasks[0].operator == "@task.sensor"


def test_a_function(run: Run) -> None:
    with DAG("waits") as dag:
        PythonSensor(task_id="yes", python_callable=lambda n: n > 2, op_args=[3])
        PythonSensor(task_id="no", python_callable=lambda: 0, timeout=0)
    assert run(dag, "yes").kind == "success"
    assert run(dag, "no").error_type == "AirflowSensorTimeout"


def test_a_command(run: Run) -> None:
    with DAG("waits") as dag:
        BashSensor(task_id="yes", bash_command="echo {{ ds }}; exit 0")
        BashSensor(task_id="no", bash_command="exit 1", timeout=0, soft_fail=True)
        BashSensor(task_id="later", bash_command="exit 3", retry_exit_code=3, mode="reschedule")
        BashSensor(task_id="wrong", bash_command="exit 4", retry_exit_code=3)
    assert run(dag, "yes").kind == "success"
    assert run(dag, "no").kind == "skipped"
    assert run(dag, "later").kind == "rescheduled"
    outcome = run(dag, "wrong")
    assert (outcome.kind, outcome.may_retry) == ("failed", False)


class TestTime:
    def test_what_has_come_already(self, run: Run) -> None:
        with DAG("waits") as dag:
            DateTimeSensor(task_id="a", target_time="{{ ds }}")
            DateTimeSensor(task_id="b", target_time=LONG_AGO, deferrable=True)
            TimeDeltaSensor(task_id="c", delta=timedelta(hours=1), deferrable=True)
            TimeSensor(task_id="d", target_time=time(0), deferrable=True)
        assert [run(dag, name).kind for name in "abcd"] == ["success"] * 4

    def test_what_comes_is_deferred_to_the_schedulers_timer(self, run: Run) -> None:
        far = datetime(2999, 1, 1, tzinfo=UTC)
        with DAG("waits") as dag:
            DateTimeSensor(task_id="a", target_time=far, deferrable=True, timeout=60)
            WaitSensor(task_id="w", time_to_wait=5, deferrable=True)
        pause = run(dag, "a").pause
        assert pause is not None
        assert (pause.wake_at, pause.trigger, pause.timeout_s) == (far, None, 60.0)
        assert pause.method == "execute_complete"
        pause = run(dag, "w").pause
        assert pause is not None
        assert pause.wake_at is not None
        assert pause.wake_at > datetime.now(UTC) + timedelta(minutes=4)

    def test_the_interval_end_counts(self, run: Run) -> None:
        with DAG("waits") as dag:
            TimeDeltaSensor(task_id="c", delta=timedelta(days=400_000), deferrable=True)
        pause = run(dag, "c").pause
        assert pause is not None
        assert pause.wake_at == datetime(2024, 3, 1, 12, tzinfo=UTC) + timedelta(days=400_000)

    def test_a_time_of_day_is_in_the_dags_zone_on_the_first_day(self, run: Run) -> None:
        import pendulum

        start = pendulum.datetime(2024, 1, 1, tz="Europe/Berlin")
        with DAG("waits", start_date=start):
            sensor = TimeSensor(task_id="d", target_time=time(6))

        class Instance:
            def get_first_reschedule_date(self, context: Any) -> datetime:
                return datetime(2024, 6, 30, 23, 30, tzinfo=UTC)

        moment = sensor.moment({"ti": Instance()})
        assert moment.astimezone(UTC) == datetime(2024, 7, 1, 4, tzinfo=UTC)

    def test_a_day_of_the_week(self, run: Run) -> None:
        options: dict[str, Any] = {"use_task_logical_date": True, "timeout": 0}
        with DAG("waits") as dag:
            DayOfWeekSensor(task_id="yes", week_day=WeekDay.THURSDAY, **options)
            DayOfWeekSensor(task_id="no", week_day={"Monday", "Friday"}, **options)
        assert run(dag, "yes").kind == "success"
        assert run(dag, "no").kind == "failed"
        with pytest.raises(ValueError, match="'Someday' is no day of the week"):
            DayOfWeekSensor(task_id="x", week_day="Someday")


class TestFile:
    def test_files_globs_and_folders(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "full").mkdir()
        (tmp_path / "full" / "a.txt").touch()
        (tmp_path / "empty").mkdir()
        with DAG("waits") as dag:
            for name in ("full/a.txt", "full", "full/*.txt", "empty", "none"):
                FileSensor(
                    task_id=name.replace("/", ".").replace("*", "x"),
                    filepath=tmp_path / name,
                    timeout=0,
                )
        kinds = {name: run(dag, name).kind for name in dag.task_dict}
        assert kinds == {
            "full.a.txt": "success", "full": "success", "full.x.txt": "success",
            "empty": "failed", "none": "failed",
        }  # fmt: skip

    def test_the_folder_of_the_connection(self, run: Run, channel: Any, tmp_path: Path) -> None:
        (tmp_path / "a.txt").touch()
        channel.connections["data"] = json.dumps(
            {"conn_type": "fs", "extra": {"path": str(tmp_path)}}
        )
        with DAG("waits") as dag:
            FileSensor(task_id="a", filepath="a.txt", fs_conn_id="data", timeout=0)
            FileSensor(task_id="b", filepath="b.txt", fs_conn_id="data", deferrable=True)
        assert run(dag, "a").kind == "success"
        pause = run(dag, "b").pause
        assert pause is not None
        assert pause.trigger is not None
        assert pause.trigger.classpath == "millstream.sdk.triggers.file.FileTrigger"
        assert str(tmp_path).encode() in bytes(pause.trigger.kwargs)


def states(state: str = "running", date: datetime = NOON, **tasks: dict[str, int]) -> StatesAnswer:
    run = RunStates(run_id="r", logical_date=date, state=state, tasks=tasks)
    return StatesAnswer(runs=(run,), task_ids=tuple(tasks), digest=f"{state}{tasks}")


NONE = StatesAnswer(runs=(), digest="none")


class TestExternalTask:
    def outcome(self, run: Run, channel: Any, *answers: StatesAnswer, **options: Any) -> Outcome:
        channel.states = list(answers)
        with DAG("waits") as dag:
            ExternalTaskSensor(task_id="x", external_dag_id="other", **options)
        return run(dag, "x")

    def test_the_run_of_the_same_date(self, run: Run, channel: Any) -> None:
        outcome = self.outcome(run, channel, NONE, states(), states("success"))
        assert outcome.kind == "success"
        assert channel.questions[0].logical_dates == (NOON,)
        # The first answer comes at once, the others when there is news.
        assert [q.seen for q in channel.questions] == ["", "none", "running{}"]
        assert [q.wait_s for q in channel.questions] == [20.0] * 3

    def test_other_dates(self, run: Run, channel: Any) -> None:
        earlier = NOON - timedelta(days=1)
        answer = states("success", earlier)
        self.outcome(run, channel, answer, execution_delta=timedelta(days=1))
        assert channel.questions[-1].logical_dates == (earlier,)
        outcome = self.outcome(
            run,
            channel,
            answer,
            timeout=0,
            execution_date_fn=lambda date, ds: [date, date - timedelta(days=1)],
        )
        assert channel.questions[-1].logical_dates == (NOON, earlier)
        assert outcome.error_type == "AirflowSensorTimeout", "one of two runs is there"

    def test_tasks_with_all_their_instances(self, run: Run, channel: Any) -> None:
        ids = {"external_task_ids": ["a", "b"], "timeout": 0}
        half = states(a={"success": 1}, b={"success": 2, "running": 1})
        assert self.outcome(run, channel, half, **ids).kind == "failed"
        whole = states(a={"success": 1}, b={"success": 3})
        assert self.outcome(run, channel, whole, **ids).kind == "success"

    def test_it_does_not_fail_with_the_other_side_unless_told(self, run: Run, channel: Any) -> None:
        failed = states("failed", a={"failed": 1})
        one: dict[str, Any] = {"external_task_id": "a"}
        assert self.outcome(run, channel, failed, mode="reschedule", **one).kind == "rescheduled"
        outcome = self.outcome(run, channel, failed, failed_states=["failed"], **one)
        assert outcome.error_type == "ExternalTaskFailedError"
        soft = self.outcome(run, channel, failed, failed_states=["failed"], soft_fail=True, **one)
        assert soft.kind == "skipped"
        assert self.outcome(run, channel, failed, skipped_states=["failed"]).kind == "skipped"

    def test_a_group(self, run: Run, channel: Any) -> None:
        group: dict[str, Any] = {"external_task_group_id": "g", "timeout": 0}
        done = states(a={"success": 1}, b={"success": 1})
        assert self.outcome(run, channel, done, **group).kind == "success"
        assert self.outcome(run, channel, states(), **group).kind == "failed"

    def test_existence(self, run: Run, channel: Any) -> None:
        missing = StatesAnswer(runs=(), missing=("DAG 'other'",), digest="m")
        outcome = self.outcome(run, channel, missing, check_existence=True)
        assert outcome.error_type == "ExternalTaskNotFoundError"
        assert self.outcome(run, channel, missing, mode="reschedule").kind == "rescheduled"

    def test_deferred_it_waits_in_a_trigger(self, run: Run, channel: Any) -> None:
        pause = self.outcome(run, channel, NONE, deferrable=True, timeout=90).pause
        assert pause is not None
        assert pause.trigger is not None
        assert pause.trigger.classpath.endswith("WorkflowTrigger")
        assert pause.timeout_s == 90

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            ({"external_task_id": "a", "external_task_ids": ["b"]}, "exclude each other"),
            ({"external_task_ids": ["a", "a"]}, "names a task twice"),
            ({"allowed_states": ["done"]}, "'done' is no state of a run"),
            ({"external_task_id": "a", "failed_states": ["broken"]}, "no state of a task"),
            ({"failed_states": ["success"]}, "'success' is in more than one"),
        ],
    )
    def test_wrong_arguments(self, options: dict[str, Any], said: str) -> None:
        with pytest.raises(ValueError, match=said):
            ExternalTaskSensor(task_id="x", external_dag_id="other", **options)


def test_the_marker() -> None:
    marker = ExternalTaskMarker(task_id="m", external_dag_id="other", external_task_id="t")
    assert marker.recursion_depth == 10
    spec = marker.to_spec()
    assert spec.action == EmptyAction()
    assert spec.marks == MarkedTask(dag_id="other", task_id="t")
    with pytest.raises(ValueError, match="recursion_depth is 0"):
        ExternalTaskMarker(
            task_id="m", external_dag_id="o", external_task_id="t", recursion_depth=0
        )
