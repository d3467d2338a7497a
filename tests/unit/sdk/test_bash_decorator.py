"""``@task.bash``: bash runs what the function returns."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import DAG, task


def bash_dag(command: Any, **options: Any) -> DAG:
    with DAG("d") as dag:

        @task.bash(**options)
        def shell(name: str) -> Any:
            return command if name == "given" else name

        shell("given")
    return dag


@pytest.mark.parametrize(
    ("command", "options", "last"),
    [
        ("echo first; echo last", {}, b'"last"'),
        ("echo {{ ds }}", {}, b'"2024-02-29"'),
        ("echo $WHO", {"env": {"WHO": "{{ ds_nodash }}"}}, b'"20240229"'),
        ("pwd", {"cwd": "/"}, b'"/"'),
    ],
)
def test_what_it_returns_is_run(run: Any, command: str, options: Any, last: bytes) -> None:
    outcome = run(bash_dag(command, **options), "shell")
    assert outcome.xcoms.get("return_value") == last, outcome.message


@pytest.mark.parametrize(
    ("command", "options", "kind"),
    [
        ("exit 99", {}, "skipped"),
        ("exit 3", {"skip_on_exit_code": [3, 4]}, "skipped"),
        ("exit 99", {"skip_on_exit_code": None}, "failed"),
        ("exit 1", {}, "failed"),
    ],
)
def test_exit_codes(run: Any, command: str, options: Any, kind: str) -> None:
    assert run(bash_dag(command, **options), "shell").kind == kind


@pytest.mark.parametrize("command", ["", "  ", None, 5, ["ls"]])
def test_what_is_no_command(run: Any, command: Any) -> None:
    outcome = run(bash_dag(command), "shell")
    assert outcome.kind == "failed"
    assert "must return a command" in outcome.message


def test_it_has_one_output() -> None:
    with pytest.raises(ValueError, match="has one output"):
        bash_dag("true", multiple_outputs=True)
