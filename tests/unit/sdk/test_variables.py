"""Variables: where they come from, how templates reach them, and what is said of a missing one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from millstream import DAG, AirflowException, AirflowNotFoundException, PythonOperator, Variable
from millstream.sdk.errors import VariableNotFound
from millstream.sdk.masking import masker
from millstream.sdk.stores import asking


@pytest.fixture(autouse=True)
def _asked(channel: Any) -> Any:
    with asking(channel):
        yield


def rendered(run: Any, text: str) -> str:
    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=lambda text: text, op_args=[text])
    outcome = run(dag, "t")
    return str(outcome.xcoms.get("return_value", b"").decode() or outcome.message)


def test_the_environment_comes_first(channel: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    channel.variables["my_key"] = "store"
    assert Variable.get("my_key") == "store"
    monkeypatch.setenv("AIRFLOW_VAR_MY_KEY", "airflow")
    assert Variable.get("my_key") == "airflow"
    monkeypatch.setenv("MILLSTREAM_VAR_MY_KEY", "")
    assert Variable.get("my_key") == "", "one that is set to nothing is set"


def test_json_and_defaults(channel: Any) -> None:
    channel.variables["j"] = '{"a": [1]}'
    assert Variable.get("j", deserialize_json=True) == {"a": [1]}
    assert Variable.get("j") == '{"a": [1]}'
    assert Variable.get("zzz", 5) == 5
    assert Variable.get("zzz", default_var=None) is None
    assert Variable.get("zzz", default={"as": "it is"}, deserialize_json=True) == {"as": "it is"}
    with pytest.raises(TypeError, match="both default and default_var"):
        Variable.get("zzz", 1, default_var=2)


def test_a_missing_one_says_where_it_was_looked_for() -> None:
    with pytest.raises(VariableNotFound) as caught:
        Variable.get("a.b")
    assert str(caught.value) == (
        "there is no variable 'a.b'; it is neither in the environment (MILLSTREAM_VAR_A.B, "
        "AIRFLOW_VAR_A.B) nor in the store; set it with: millstream variables set a.b VALUE"
    )
    for kind in (KeyError, AirflowNotFoundException, AirflowException):
        with pytest.raises(kind):
            Variable.get("zzz")
    with pytest.raises(TypeError, match="the key of a variable must be a str"):
        Variable.get("")


def test_what_is_no_json_is_an_error_without_the_value(channel: Any) -> None:
    channel.variables["x"] = "{hunter22"
    with pytest.raises(AirflowException, match="variable 'x' is no JSON") as caught:
        Variable.get("x", deserialize_json=True)
    assert "hunter22" not in str(caught.value)
    with pytest.raises(AirflowException):
        Variable.get("x", 1, deserialize_json=True)


def test_set_update_setdefault_delete(channel: Any) -> None:
    Variable.set("a", "x", description="d")
    Variable.set("n", 5)
    Variable.set("j", {"k": 1}, serialize_json=True)
    assert channel.variables == {"a": "x", "n": "5", "j": '{\n  "k": 1\n}'}
    with pytest.raises(TypeError, match="value of variable 'j' is a dict; pass a str, or"):
        Variable.set("j", {})
    assert Variable.setdefault("a", "y") == "x"
    assert Variable.setdefault("b", [1], deserialize_json=True) == [1]
    assert Variable.get("b", deserialize_json=True) == [1]
    Variable.update("a", "z")
    assert channel.variables["a"] == "z"
    with pytest.raises(VariableNotFound):
        Variable.update("zzz", "z")
    assert (Variable.delete("a"), Variable.delete("a")) == (1, 0)


def test_outside_of_a_task_nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    import millstream.sdk.stores as stores

    monkeypatch.setattr(stores, "_store", None)
    with pytest.raises(AirflowException, match="cannot be set here: that works inside a running"):
        Variable.set("a", "b")
    with pytest.raises(VariableNotFound, match="nor is there a store to ask"):
        Variable.get("a")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("{{ var.value.greeting }}", '"hello"'),
        ("{{ var.value['greeting'] }}", '"hello"'),
        ("{{ var.value.get('greeting') }} {{ var.value.get('zzz', 'none') }}", '"hello none"'),
        ("{{ var.json.settings.size }} {{ var.json['settings']['size'] }}", '"3 3"'),
        ("{{ var.json.get('zzz', {'a': 1})['a'] }}", '"1"'),
    ],
)
def test_templates(text: str, result: str, run: Any, channel: Any) -> None:
    channel.variables |= {"greeting": "hello", "settings": '{"size": 3}'}
    assert rendered(run, text) == result


def test_a_template_with_a_missing_variable(run: Any) -> None:
    for text in ("{{ var.value.zzz }}", "{{ var.json.zzz.a }}", "{{ var.value.get('zzz') }}"):
        message = rendered(run, text)
        assert message.startswith("task 't': template of op_args, line 1: there is no variable")


def test_a_task_reads_what_it_has_set(run: Any, channel: Any) -> None:
    def work(var: Any) -> list[str]:
        Variable.set("a", "1")
        return [Variable.get("a"), var.value.a]

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=work)
    assert run(dag, "t").xcoms["return_value"] == b'["1","1"]'


def test_those_with_the_name_of_a_secret_are_masked(run: Any, channel: Any) -> None:
    channel.variables |= {
        "db_password": "hunter22",
        "plain": "nothing-secret",
        "settings": '{"region": "eu-west-77", "api_key": {"id": "deep-and-secret"}}',
        "tokens": '["first-token-value"]',
    }

    def work() -> None:
        for key in ("db_password", "plain"):
            Variable.get(key)
        for key in ("settings", "tokens"):
            Variable.get(key, deserialize_json=True)
        raise ValueError("hunter22 nothing-secret eu-west-77 deep-and-secret first-token-value")

    with DAG("d") as dag:
        PythonOperator(task_id="t", python_callable=work)
    outcome = run(dag, "t")
    assert outcome.message == "*** nothing-secret eu-west-77 *** ***"
    assert "hunter22" not in outcome.traceback
    assert masker.mask("hunter22") == "***"


def test_a_local_run_keeps_what_its_tasks_set() -> None:
    with DAG("d") as dag:
        first = PythonOperator(task_id="a", python_callable=lambda: Variable.set("k", "v"))
        second = PythonOperator(
            task_id="b", python_callable=lambda text: text, op_args=["{{ var.value.k }}"]
        )
        first >> second
    assert dag.test().xcom("b") == "v"


def test_files_come_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_VAR_A", "environment")
    monkeypatch.setenv("AIRFLOW_CONN_C", "a://environment")
    (tmp_path / "v.json").write_text('{"a": "file", "b": {"x": [1]}}')
    (tmp_path / "c.yaml").write_text("c: a://file\nd: {conn_type: t, extra: {k: 1}}\n")
    with DAG("d") as dag:
        PythonOperator(
            task_id="t",
            python_callable=lambda var, conn: [
                var.value.a,
                var.json.b.get("x"),
                conn.c.host,
                conn.d.extra_dejson,
            ],
        )
    files = {"variable_file_path": tmp_path / "v.json", "conn_file_path": tmp_path / "c.yaml"}
    assert dag.test(**files).xcom("t") == ["file", [1], "file", {"k": 1}]
    assert Variable.get("a") == "environment"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("v.json", '{"k": "hunter22"', "'.*v.json', which is no JSON"),
        ("v.yml", "k: [hunter22", "'.*v.yml', which is no YAML"),
        ("v.json", '["hunter22"]', "'.*v.json', which must hold an object of names"),
        ("", "", "which cannot be read: No such file"),
    ],
)
def test_files_that_cannot_be_used(name: str, text: str, message: str, tmp_path: Path) -> None:
    if name:
        (tmp_path / name).write_text(text)
    with DAG("d") as dag, pytest.raises(AirflowException, match=message) as caught:
        dag.test(variable_file_path=tmp_path / (name or "zzz"))
    assert "hunter22" not in str(caught.value)
