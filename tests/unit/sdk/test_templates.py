"""Templates: what they can name, where they are looked for, and how they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from millstream import DAG, BaseOperator, PythonOperator
from millstream.core.events import RunInfo


class Show(BaseOperator):
    """Returns its rendered text."""

    template_fields = ("text",)
    template_ext = (".sql",)

    def __init__(self, text: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.text = text

    def execute(self, context: Any) -> Any:
        return self.text


def show(run: Any, text: Any, task_params: Any = None, **dag_arguments: Any) -> Any:
    with DAG("d", **dag_arguments) as dag:
        Show(task_id="t", text=text, params=task_params)
    outcome = run(dag, "t")
    assert dag.get_task("t").text == text, "the DAG's own task must stay as it was written"
    return outcome.xcoms.get("return_value", b"").decode() or outcome.message


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ ds }} {{ ds_nodash }}", "2024-02-29 20240229"),
        ("{{ ts }} {{ ts_nodash }}", "2024-02-29T12:00:00+00:00 20240229T120000"),
        ("{{ ts_nodash_with_tz }}", "20240229T120000+0000"),
        ("{{ logical_date.add(days=1) | ds }}", "2024-03-01"),
        (
            "{{ data_interval_start | ts }} {{ data_interval_end | ds }}",
            "2024-02-29T12:00:00+00:00 2024-03-01",
        ),
        (
            "{{ run_id }} {{ dag_run.run_type }} {{ dag_run.conf.size }}",
            "scheduled__2024 scheduled 3",
        ),
        ("{{ dag.dag_id }}.{{ task.task_id }} {{ ti.try_number }}", "d.t 1"),
        ("{{ task_instance_key_str }} {{ test_mode }}", "d__t__20240229 False"),
        ("{{ macros.ds_add(ds, -29) }}", "2024-01-31"),
        ("{{ macros.ds_format(ds, '%Y-%m-%d', '%d.%m.%y') }}", "29.02.24"),
        (
            "{{ macros.timedelta(days=2) }} {{ macros.datetime(2024, 1, 1).year }}",
            "2 days, 0:00:00 2024",
        ),
        ("{{ macros.json.dumps([1]) }} {{ macros.random() < 1 }}", "[1] True"),
        (
            "{{ macros.uuid.UUID(int=0) }} {{ macros.time.time() > 0 }}",
            "00000000-0000-0000-0000-000000000000 True",
        ),
        ("{% set x = [1] %}{% do x.append(2) %}{{ x }}", "[1, 2]"),
        ("no template", "no template"),
    ],
)
def test_what_a_template_can_name(template: str, text: str, run: Any) -> None:
    assert show(run, template) == f'"{text}"'


def test_params_are_beaten_by_the_tasks_and_those_by_conf(run: Any) -> None:
    text = "{{ params.a }}{{ params.size }}{{ params.b }}"
    assert show(run, text, {"b": 2, "size": 2}, params={"a": 1, "b": 1, "size": 1}) == '"132"'


class Pair(NamedTuple):
    left: str
    right: int


def test_nested_values_are_rendered_and_keys_are_not(run: Any) -> None:
    nested = {"{{ ds }}": ["{{ ds }}", ("{{ ds }}", 1)], "p": Pair("{{ ds }}", 2)}
    day = "2024-02-29"
    assert show(run, nested) == f'{{"{{{{ ds }}}}":["{day}",["{day}",1]],"p":["{day}",2]}}'


def test_native_objects(run: Any) -> None:
    assert show(run, "{{ [1, 2] }}", render_template_as_native_obj=True) == "[1,2]"
    assert show(run, "{{ [1, 2] }}") == '"[1, 2]"'


def test_macros_and_filters_of_the_dag(run: Any) -> None:
    given = {
        "user_defined_macros": {"twice": lambda x: x * 2},
        "user_defined_filters": {"up": str.upper},
    }
    assert show(run, "{{ twice('a') | up }}", **given) == '"AA"'


def test_template_files(run: Any, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("select '{{ ds }}'\n")
    assert show(run, "q.sql", template_searchpath=str(tmp_path)) == "\"select '2024-02-29'\""
    assert "there is no template file 'zzz.sql'" in show(run, "zzz.sql")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("one\n{{ dss }}", "template of text, line 2: 'dss' is undefined"),
        (
            {"k": "{{ params.zzz }}"},
            "template of text['k'], line 1: 'dict object' has no attribute 'zzz'",
        ),
        ("\n\n{{ 1 +", "template of text, line 3: unexpected 'end of template'"),
        ("a\n\n{{ 1 / 0 }}", "template of text, line 3: ZeroDivisionError('division by zero')"),
        ("{{ ds | zzz }}", "line 1: No filter named 'zzz'"),
    ],
)
def test_a_broken_template_names_the_field_and_the_line(text: Any, message: str, run: Any) -> None:
    assert message in show(run, text)


def test_without_a_logical_date_its_spellings_are_absent(run: Any, run_info: RunInfo) -> None:
    manual = RunInfo(run_type="manual", run_after=run_info.run_after)
    with DAG("d") as dag:
        Show(task_id="t", text="{{ ds }}")
        PythonOperator(task_id="keys", python_callable=lambda **kwargs: "ts" in kwargs)
    assert run(dag, "t", run=manual).message == "template of text, line 1: 'ds' is undefined"
    assert run(dag, "keys", run=manual).xcoms["return_value"] == b"false"


def test_a_template_field_that_does_not_exist(run: Any) -> None:
    class Wrong(Show):
        template_fields = ("zzz",)

    with DAG("d") as dag:
        Wrong(task_id="t", text="")
    assert "Wrong names it in template_fields and has no such attribute" in run(dag, "t").message
