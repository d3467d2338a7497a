"""Templates: what they can name, where they are looked for, and how they fail."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import pytest

from millstream import DAG, AirflowSkipException, BaseOperator, PythonOperator, literal
from millstream.core.event_parts import RunInfo
from millstream.sdk.codecs import readable


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
    if "return_value" in outcome.coded:
        coded = outcome.coded["return_value"]
        return readable(coded.codec, coded.value)
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
    shown = show(run, nested)
    assert shown["{{ ds }}"] == [day, (day, 1)]
    assert list(shown["p"]["fields"].values()) == [day, 2]


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


def test_a_broken_template_names_the_task_and_shows_the_line(run: Any, tmp_path: Path) -> None:
    assert show(run, "one\n{{ dss }}\nthree") == (
        "task 't': template of text, line 2: 'dss' is undefined (in {{ dss }})"
    )
    (tmp_path / "q.sql").write_text("select\n'{{ dss }}'\n")
    assert show(run, "q.sql", template_searchpath=str(tmp_path)) == (
        "task 't': template of text, line 2: 'dss' is undefined (in q.sql)"
    )


@pytest.mark.parametrize(
    ("text", "may_retry"),
    [
        ("{{ dss }}", True),
        ("{{ 1 / 0 }}", True),
        ("{{ var.value.zzz }}", True),
        ("{{ 1 +", False),
        ("{{ ds | zzz }}", False),
        ("zzz.sql", False),
    ],
)
def test_what_can_never_be_rendered_is_not_tried_again(
    text: str, may_retry: bool, run: Any
) -> None:
    with DAG("d") as dag:
        Show(task_id="t", text=text)
    outcome = run(dag, "t")
    assert (outcome.kind, outcome.may_retry) == ("failed", may_retry)


def test_a_macro_may_skip_its_task(run: Any) -> None:
    def nothing_new() -> None:
        raise AirflowSkipException("nothing new")

    with DAG("d", user_defined_macros={"skip": nothing_new}) as dag:
        Show(task_id="t", text="{{ skip() }}")
    assert (run(dag, "t").kind, run(dag, "t").message) == ("skipped", "nothing new")


def test_a_template_that_does_not_parse_is_found_at_submit() -> None:
    from millstream.core.errors import InvalidDag

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=print, op_kwargs={"a": ["x", "{% if %}"]})
    with pytest.raises(InvalidDag, match=r"task 't': template of op_kwargs, line 1: Expected"):
        dag.to_spec("d.py")
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=print, op_args=[literal("{% if %}")])
        Show(task_id="u", text="{% zzz.sql")
    dag.to_spec("d.py")


def test_a_literal_is_not_rendered(run: Any) -> None:
    assert show(run, {"a": literal("{{ ds }}")}) == '{"a":"{{ ds }}"}'


def test_what_is_undefined_may_be_empty(run: Any) -> None:
    assert show(run, "a{{ zzz }}", template_undefined=jinja2.Undefined) == '"a"'
    assert show(run, "{{ z }}", template_undefined=jinja2.DebugUndefined) == '"{{ z }}"'
    with pytest.raises(TypeError, match="template_undefined is 'x'; pass a class"):
        DAG("d", template_undefined="x")  # type: ignore[arg-type]


def test_options_of_the_environment(run: Any) -> None:
    options = {"variable_start_string": "<<", "variable_end_string": ">>"}
    assert show(run, "<<ds>> {{ ds }}", jinja_environment_kwargs=options) == (
        '"2024-02-29 {{ ds }}"'
    )
    with pytest.raises(TypeError, match=r"jinja_environment_kwargs is {'zzz': 1}"):
        DAG("d", jinja_environment_kwargs={"zzz": 1})


def test_no_way_out_of_a_template(run: Any) -> None:
    assert "access to attribute '__class__' of 'str' object is unsafe" in show(
        run, "{{ ds.__class__ }}"
    )


def test_files_for_the_arguments_of_a_function(run: Any, tmp_path: Path) -> None:
    (tmp_path / "q.sql").write_text("select '{{ ds }}'")
    with DAG("d", template_searchpath=[str(tmp_path)]) as dag:
        PythonOperator(
            task_id="t", python_callable=str.upper, op_args=["q.sql"], templates_exts=[".sql"]
        )
    assert run(dag, "t").xcoms["return_value"] == b"\"SELECT '2024-02-29'\""
    with pytest.raises(TypeError, match=r"templates_exts is '.sql'; pass \['.sql'\]"):
        PythonOperator(task_id="t", python_callable=print, templates_exts=".sql")


class Query:
    """Has template fields of its own."""

    template_fields = ("sql",)

    def __init__(self, sql: str) -> None:
        self.sql = sql


def test_fields_of_objects_in_fields_are_rendered_on_a_copy(run: Any) -> None:
    class Run(Show):
        def execute(self, context: Any) -> Any:
            return self.text[0].sql

    query = Query("{{ ds }}")
    with DAG("d") as dag:
        Run(task_id="t", text=[query])
    assert run(dag, "t").xcoms["return_value"] == b'"2024-02-29"'
    assert query.sql == "{{ ds }}"
    query.sql = "{{ zzz }}"
    assert "template of text.sql, line 1" in run(dag, "t").message


def test_a_field_may_be_a_function_of_the_context(run: Any) -> None:
    assert show(run, lambda context, jinja_env: context["ds"] + "!") == '"2024-02-29!"'


def test_an_operator_prepares_its_templates(run: Any, tmp_path: Path) -> None:
    class Prepared(Show):
        def prepare_template(self) -> None:
            self.text = self.text.replace("{{ ds }}", "{{ ds_nodash }}")

    (tmp_path / "q.sql").write_text("select '{{ ds }}'")
    with DAG("d", template_searchpath=str(tmp_path)) as dag:
        Prepared(task_id="t", text="q.sql")
        Prepared(task_id="u", text="zzz.sql")
    assert run(dag, "t").xcoms["return_value"] == b"\"select '20240229'\""
    assert "there is no template file 'zzz.sql'" in run(dag, "u").message


def test_an_operator_renders_by_itself(run: Any) -> None:
    class Late(Show):
        template_fields = ()

        def execute(self, context: Any) -> Any:
            jinja = self.get_template_env()
            return [
                self.render_template(self.text, context),
                self.render_template("{{ ds_nodash }}", context, jinja),
            ]

    with DAG("d") as dag:
        Late(task_id="t", text=["{{ ds }}"])
    assert run(dag, "t").xcoms["return_value"] == b'[["2024-02-29"],"20240229"]'


def test_template_fields_are_a_list() -> None:
    with pytest.raises(TypeError, match=r"template_fields is the str 'text'; .*\('text',\)"):

        class Wrong(Show):
            template_fields = "text"


def test_without_a_logical_date_its_spellings_are_absent(run: Any, run_info: RunInfo) -> None:
    manual = RunInfo(run_type="manual", run_after=run_info.run_after)
    with DAG("d") as dag:
        Show(task_id="t", text="{{ ds }}")
        PythonOperator(task_id="keys", python_callable=lambda **kwargs: "ts" in kwargs)
    message = "task 't': template of text, line 1: 'ds' is undefined (in {{ ds }})"
    assert run(dag, "t", run=manual).message == message
    assert run(dag, "keys", run=manual).xcoms["return_value"] == b"false"


def test_a_template_field_that_does_not_exist(run: Any) -> None:
    class Wrong(Show):
        template_fields = ("zzz",)

    with DAG("d") as dag:
        Wrong(task_id="t", text="")
    assert "Wrong names it in template_fields and has no such attribute" in run(dag, "t").message
