"""Context keys of Airflow 2, macros, and what Millstream does not keep."""

from __future__ import annotations

import json
import warnings
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from millstream import DAG, BashOperator, PythonOperator
from millstream.core.spec import BashAction, PythonAction
from millstream.sdk import removed_keys
from millstream.sdk.context import get_current_context
from millstream.sdk.macros import macros
from millstream.sdk.removed_keys import RemovedInAirflow3Warning

MONDAY = datetime(2024, 3, 4, 6, 30, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _nobody_was_warned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removed_keys, "_warned", set())


def render(run: Any, text: str, run_info: Any = None, **dag_arguments: Any) -> Any:
    with DAG("d", **dag_arguments) as dag:
        PythonOperator(task_id="t", python_callable=lambda x: x, op_args=[text])
    more = {"run": run_info} if run_info else {}
    outcome = run(dag, "t", **more)
    assert outcome.kind == "success", outcome.message
    return json.loads(outcome.xcoms["return_value"])


def read(run: Any, *keys: str, **more: Any) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RemovedInAirflow3Warning)
        text = " ".join(f"{{{{ {key} }}}}" for key in keys)
        return render(run, text, **more).split()


def test_days_around_the_logical_date(run: Any) -> None:
    keys = ("yesterday_ds", "yesterday_ds_nodash", "tomorrow_ds", "tomorrow_ds_nodash")
    assert read(run, *keys) == ["2024-02-28", "20240228", "2024-03-01", "20240301"]
    assert read(run, "execution_date.isoformat()") == ["2024-02-29T12:00:00+00:00"]


def test_dates_of_the_schedule_around_the_logical_date(run: Any, run_info: Any) -> None:
    monday = msgspec.structs.replace(run_info, logical_date=MONDAY)
    keys = ("prev_ds", "prev_ds_nodash", "next_ds", "next_ds_nodash")
    found = read(run, *keys, run_info=monday, schedule="30 6 * * 1-5")
    assert found == ["2024-03-01", "20240301", "2024-03-05", "20240305"]
    keys = ("prev_execution_date.isoformat()", "next_execution_date.isoformat()")
    found = read(run, *keys, run_info=monday, schedule="@daily", start_date=datetime(2024, 1, 1))
    assert found == ["2024-03-04T00:00:00+00:00", "2024-03-05T00:00:00+00:00"]


def test_each_zone_has_its_own_dates_of_a_schedule(run: Any, run_info: Any) -> None:
    monday = msgspec.structs.replace(run_info, logical_date=MONDAY)
    for zone, hour in (("UTC", "00"), ("America/Panama", "05"), ("Asia/Tokyo", "15")):
        start = datetime(2024, 1, 1, tzinfo=ZoneInfo(zone))
        (found,) = read(
            run,
            "next_execution_date.isoformat()",
            run_info=monday,
            schedule="@daily",
            start_date=start,
        )
        assert found[11:] == f"{hour}:00:00+00:00"


def test_of_a_run_by_hand_they_are_its_own_date(run: Any, run_info: Any) -> None:
    by_hand = msgspec.structs.replace(run_info, run_type="manual")
    assert read(run, "prev_ds", "next_ds", run_info=by_hand) == ["2024-02-29", "2024-02-29"]


@pytest.mark.parametrize("schedule", [None, "@once"])
def test_without_a_cron_expression_they_are_absent(schedule: str | None, run: Any) -> None:
    with DAG("d", schedule=schedule) as dag:
        BashOperator(task_id="t", bash_command="{{ next_ds }}")
    assert dag.get_task("t").action() == PythonAction()
    assert "'next_ds' is undefined" in run(dag, "t").message


def test_a_bash_task_needs_the_dag_file_for_them_only() -> None:
    with DAG("d"):
        bash = BashOperator(task_id="t", bash_command="echo {{ yesterday_ds }}")
    assert isinstance(bash.action(), BashAction)


def test_without_a_logical_date_they_are_absent(run: Any, run_info: Any) -> None:
    none = msgspec.structs.replace(run_info, logical_date=None)
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=print, op_args=["{{ execution_date }}"])
    assert "'execution_date' is undefined" in run(dag, "t", run=none).message


def test_reading_one_warns_once(run: Any) -> None:
    with pytest.warns(RemovedInAirflow3Warning, match="'execution_date' was removed .* logical_d"):
        render(run, "{{ execution_date }}")
    render(run, "{{ execution_date }}")

    def reads() -> bool:
        context = get_current_context()
        assert context["tomorrow_ds"] == context.get("tomorrow_ds") == "2024-03-01"
        assert context.get("zzz", 1) == 1
        return True

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=reads)
    with pytest.warns(RemovedInAirflow3Warning, match=r"use macros.ds_add\(ds, 1\)") as caught:
        assert run(dag, "t").kind == "success"
    assert len(caught) == 1
    assert issubclass(RemovedInAirflow3Warning, DeprecationWarning)


def test_copying_a_context_warns_nobody(run: Any) -> None:
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=lambda ds, **kwargs: kwargs["yesterday_ds"])
    assert run(dag, "t").xcoms["return_value"] == b'"2024-02-28"'


def test_a_local_run_shows_the_warning() -> None:
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=lambda x: x, op_args=["{{ execution_date }}"])
    with pytest.warns(RemovedInAirflow3Warning):
        assert dag.test().state == "success"


def test_templates_dict_and_test_mode_are_there(run: Any) -> None:
    with DAG("d") as dag:
        PythonOperator(
            task_id="t",
            python_callable=lambda templates_dict, test_mode: [templates_dict, test_mode],
        )
        PythonOperator(
            task_id="u",
            python_callable=lambda templates_dict: templates_dict,
            templates_dict={"a": "{{ ds }}"},
        )
    assert run(dag, "t").xcoms["return_value"] == b"[null,false]"
    assert run(dag, "u").xcoms["return_value"] == b'{"a":"2024-02-29"}'


def test_macros(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert render(run, "{{ macros.ds_add(ds, 1) }}") == "2024-03-01"
    assert render(run, "{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.') }}") == "29.02."
    text = "{{ macros.datetime_diff_for_humans(logical_date, logical_date.add(hours=3)) }}"
    assert render(run, text) == "3 hours before"
    text = "{{ logical_date + macros.dateutil.relativedelta.relativedelta(months=+1) }}"
    assert render(run, text).startswith("2024-03-29")
    assert render(run, "{{ macros.dateutil.parser.parse('1 May 2024').day }}") == "1"
    assert render(run, "{{ macros.yaml.safe_load('a: 1') }}") == "{'a': 1}"
    assert render(run, "{{ macros.timedelta(days=1) }}") == "1 day, 0:00:00"
    assert 0 <= float(render(run, "{{ macros.random() }}")) < 1
    assert "ago" in macros.datetime_diff_for_humans(datetime(2024, 1, 1, tzinfo=UTC))


def test_a_macro_whose_package_is_missing_names_it(
    run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "babel", None)
    monkeypatch.setitem(sys.modules, "babel.dates", None)
    with DAG("d") as dag:
        PythonOperator(
            task_id="t",
            python_callable=print,
            op_args=["{{ macros.ds_format_locale(ds, '%Y-%m-%d', 'EEEE', 'de_DE') }}"],
        )
    message = run(dag, "t").message
    assert "macros.ds_format_locale needs the package Babel, which is not installed" in message


def test_a_date_in_another_language(run: Any) -> None:
    text = "{{ macros.ds_format_locale(ds, '%Y-%m-%d', 'EEEE dd MMMM yyyy', 'de_DE') }}"
    assert render(run, text) == "Donnerstag 29 Februar 2024"
