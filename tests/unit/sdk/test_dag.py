"""DAG: its arguments, its time zone, its tasks, and its plain form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pendulum
import pytest

from millstream import DAG, BashOperator, EmptyOperator, PythonOperator, TriggerRule, dag
from millstream.core.errors import InvalidDag
from millstream.core.spec import BashAction, EmptyAction, PythonAction, decode_spec, encode_spec
from millstream.core.validate import check_dag
from millstream.sdk.errors import AirflowException, DuplicateTaskIdFound, NotSupportedYet
from millstream.sdk.operator import BaseOperator


def test_a_dag_becomes_a_valid_spec() -> None:
    with DAG(
        dag_id="etl",
        schedule="@daily",
        start_date=pendulum.datetime(2023, 1, 1, tz="Europe/Berlin"),
        tags=["ml", "ml", "etl"],
        description="what",
        doc_md="why",
        params={"n": 1},
    ) as made:
        first = PythonOperator(task_id="first", python_callable=print, doc_md="reads")
        second = BashOperator(task_id="second", bash_command="echo {{ ds }}", queue="gpu")
        third = EmptyOperator(task_id="third", trigger_rule="all_done")
        first >> [second, third]
        second >> third
    spec = made.to_spec("etl.py")
    check_dag(spec)
    assert decode_spec(encode_spec(spec)) == spec
    assert (spec.dag_id, spec.schedule, spec.timezone) == ("etl", "@daily", "Europe/Berlin")
    assert spec.start_date == "2023-01-01T00:00:00+01:00"
    assert (spec.tags, spec.description, spec.doc) == (("ml", "etl"), "what", "why")
    assert (spec.params, spec.file, spec.catchup) == ({"n": 1}, "etl.py", False)
    assert [task.upstream for task in spec.tasks] == [(), ("first",), ("first", "second")]
    assert [task.operator for task in spec.tasks] == [
        "PythonOperator",
        "BashOperator",
        "EmptyOperator",
    ]
    assert [type(task.action) for task in spec.tasks] == [PythonAction, BashAction, EmptyAction]
    assert spec.tasks[0].doc == "reads"
    assert spec.tasks[1].queue == "gpu"
    assert spec.tasks[2].trigger_rule is TriggerRule.ALL_DONE
    lines = [task.line for task in spec.tasks]
    assert lines[0] > 0
    assert lines == [lines[0], lines[0] + 1, lines[0] + 2]


def test_defaults_are_those_of_airflow_3() -> None:
    spec = DAG("empty").to_spec("")
    assert (spec.schedule, spec.catchup, spec.start_date, spec.timezone) == (
        None,
        False,
        None,
        "UTC",
    )


def test_airflow_2_schedule_interval_is_schedule() -> None:
    assert DAG("d", schedule_interval="@hourly").schedule == "@hourly"
    assert DAG("d", schedule_interval=None).schedule is None
    with pytest.raises(TypeError, match="both schedule and schedule_interval"):
        DAG("d", schedule="@daily", schedule_interval="@daily")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [("shedule", "schedule"), ("catch_up", "catchup"), ("dafault_args", "default_args")],
)
def test_an_unknown_dag_argument_names_the_nearest(wrong: str, meant: str) -> None:
    with pytest.raises(
        TypeError, match=rf"DAG\(\) got an unknown argument '{wrong}'; did you mean '{meant}'"
    ):
        DAG("d", **{wrong: None})


def test_an_unknown_argument_near_nothing_lists_the_known() -> None:
    with pytest.raises(
        TypeError, match="'zzz'; it knows catchup, concurrency, dag_display_name, dag_id"
    ):
        DAG("d", zzz=1)


def test_planned_dag_arguments_are_refused_unless_they_ask_for_nothing() -> None:
    for argument in ({"allowed_run_types": ["manual"]},):
        with pytest.raises(NotSupportedYet, match="is not supported yet"):
            DAG("d", **argument)
    DAG("d", on_failure_callback=None, fail_fast=False, default_view="grid", owner_links={})


@pytest.mark.parametrize("schedule", [["asset"], 5])
def test_other_schedules_are_refused(schedule: object) -> None:
    with pytest.raises(TypeError, match="it must be None, a cron expression"):
        DAG("d", schedule=schedule)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("start_date", "instant", "zone"),
    [
        (datetime(2024, 1, 1), "2024-01-01T00:00:00+00:00", "UTC"),
        (datetime(2024, 1, 1, tzinfo=UTC), "2024-01-01T00:00:00+00:00", "UTC"),
        (
            datetime(2024, 7, 1, tzinfo=ZoneInfo("Asia/Tokyo")),
            "2024-07-01T00:00:00+09:00",
            "Asia/Tokyo",
        ),
        (pendulum.datetime(2024, 1, 1), "2024-01-01T00:00:00+00:00", "UTC"),
        (pendulum.date(2024, 1, 1), "2024-01-01T00:00:00+00:00", "UTC"),
        ("2024-01-01", "2024-01-01T00:00:00+00:00", "UTC"),
    ],
)
def test_start_dates(start_date: datetime, instant: str, zone: str) -> None:
    spec = DAG("d", start_date=start_date).to_spec("")
    assert (spec.start_date, spec.timezone) == (instant, zone)


def test_bad_start_dates() -> None:
    with pytest.raises(ValueError, match="fixed UTC offset"):
        DAG("d", start_date=datetime(2024, 1, 1, tzinfo=timezone(timedelta(hours=2))))
    with pytest.raises(ValueError, match="fixed UTC offset"):
        DAG("d", start_date=pendulum.parse("2024-01-01T00:00:00+02:00"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not an ISO 8601 date"):
        DAG("d", start_date="yesterday")
    with pytest.raises(TypeError, match="pass a datetime"):
        DAG("d", start_date=5)  # type: ignore[arg-type]


def test_the_start_date_may_come_from_default_args() -> None:
    made = DAG("d", default_args={"start_date": datetime(2024, 1, 1)})
    EmptyOperator(task_id="a", dag=made)
    assert made.start_date == datetime(2024, 1, 1, tzinfo=UTC)


def test_a_later_start_date_of_a_task_is_refused() -> None:
    with DAG("d", start_date=datetime(2024, 1, 1)):
        EmptyOperator(task_id="same", start_date=datetime(2024, 1, 1))
        with pytest.raises(NotSupportedYet, match="later start_date"):
            EmptyOperator(task_id="later", start_date=datetime(2024, 1, 2))


def test_tags_and_ids_must_be_what_they_say() -> None:
    with pytest.raises(TypeError, match=r"pass a list such as tags=\['ml'\]"):
        DAG("d", tags="ml")
    with pytest.raises(TypeError, match="tag 5"):
        DAG("d", tags=[5])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="dag_id is 5"):
        DAG(5)  # type: ignore[arg-type]
    assert DAG("d", tags={"b", "a"}).tags == ("a", "b")


def test_params_must_be_json() -> None:
    with pytest.raises(AirflowException, match="params of DAG 'd' are not JSON"):
        DAG("d", params={"x": object()}).to_spec("")


def test_default_args_are_beaten_by_the_tasks_own() -> None:
    with DAG("d", default_args={"retries": 3, "queue": "slow", "owner": "me"}):
        default = EmptyOperator(task_id="default")
        own = EmptyOperator(task_id="own", retries=0, default_args={"queue": "fast"})
    assert (default.retries, default.queue) == (3, "slow")
    assert (own.retries, own.queue) == (0, "fast")


def test_default_args_reach_each_class_of_an_operator() -> None:
    class Greet(BaseOperator):
        def __init__(self, greeting: str, times: int = 1, **kwargs: object) -> None:
            super().__init__(**kwargs)  # type: ignore[arg-type]
            self.greeting, self.times = greeting, times

    with DAG("d", default_args={"greeting": "hi", "retries": 2}):
        greet = Greet(task_id="greet")
    assert (greet.greeting, greet.times, greet.retries) == ("hi", 1, 2)
    with pytest.raises(
        TypeError, match=r"Greet\(\) needs the argument 'greeting'; you wrote 'greting'"
    ):
        Greet(task_id="g", greting="x")
    with pytest.raises(TypeError, match=r"unknown argument 'time'; did you mean 'times'"):
        Greet(task_id="g", greeting="x", time=1)


def test_misspelt_default_args_are_an_error_and_foreign_ones_are_not() -> None:
    with DAG("d", default_args={"retires": 3}) as made:
        EmptyOperator(task_id="a")
    with pytest.raises(TypeError, match="unknown argument 'retires'; did you mean 'retries'"):
        made.to_spec("")
    DAG("d", default_args={"poke_interval": 3, "depends_on_past": False, "email": "x"}).to_spec("")


def test_default_args_that_change_what_runs_are_refused() -> None:
    with pytest.raises(NotSupportedYet, match="executor='mine' is not supported yet"):
        DAG("d", default_args={"executor": "mine"})


def test_a_duplicate_task_id_names_both_lines() -> None:
    with DAG("d"):
        one = EmptyOperator(task_id="same")
        with pytest.raises(DuplicateTaskIdFound) as caught:
            EmptyOperator(task_id="same")
    assert f"lines {one.line} and {one.line + 2}" in str(caught.value)


def test_dag_argument_and_nested_blocks() -> None:
    with DAG("outer") as outer:
        with DAG("inner") as inner:
            EmptyOperator(task_id="a")
            EmptyOperator(task_id="b", dag=outer)
        EmptyOperator(task_id="c")
    assert (inner.task_ids, outer.task_ids) == (["a"], ["b", "c"])
    assert outer.has_task("c")
    assert outer.tasks[0].dag is outer
    with pytest.raises(AirflowException, match="no task 'zzz'"):
        outer.get_task("zzz")


def test_the_dag_decorator() -> None:
    @dag(schedule="@daily", params={"b": 9})
    def pipeline(a: int = 1, b: int = 2) -> None:
        """What it does."""
        PythonOperator(task_id="t", python_callable=print, op_args=[a], op_kwargs={"b": b})

    made = pipeline(5)
    assert (made.dag_id, made.doc_md, made.params) == (
        "pipeline",
        "What it does.",
        {"a": 5, "b": 9},
    )

    @dag
    def bare() -> None: ...

    @dag("named")
    def other() -> None: ...

    assert (bare().dag_id, other().dag_id) == ("bare", "named")


def test_bad_specs_are_found_by_the_cores_check() -> None:
    with DAG("d", schedule="bad cron") as made:
        first = EmptyOperator(task_id="a")
        second = EmptyOperator(task_id="b")
        first >> second >> first
    with pytest.raises(InvalidDag, match="cycle"):
        check_dag(made.to_spec("d.py"))


def test_fail_fast_and_its_old_name() -> None:
    assert DAG("a", fail_fast=True).to_spec("f.py").fail_fast
    assert DAG("b", fail_stop=True).to_spec("f.py").fail_fast
    assert not DAG("c").to_spec("f.py").fail_fast
    with pytest.raises(TypeError, match="fail_fast is 1; it must be True or False"):
        DAG("d", fail_fast=1)  # type: ignore[arg-type]
