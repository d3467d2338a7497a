"""Functions that run in another Python: what goes there, what comes back, and the environments."""

from __future__ import annotations

import json
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from millstream import (
    DAG,
    BranchExternalPythonOperator,
    BranchPythonVirtualenvOperator,
    EmptyOperator,
    ExternalPythonOperator,
    PythonVirtualenvOperator,
    task,
)
from millstream.core.event_parts import Choice
from millstream.sdk.environments import DIRECTORY, INSTALLER, MOST_MB, Recipe, environment
from millstream.sdk.errors import AirflowException


def external(function: Any, **arguments: Any) -> DAG:
    with DAG("d", params={"size": 3}) as dag:
        ExternalPythonOperator(
            task_id="t", python=sys.executable, python_callable=function, **arguments
        )
    return dag


def add(a: int, b: int = 0) -> int:
    return a + b


def show(ds: str, logical_date: Any, params: Any, run_id: str, extra: str) -> list[Any]:
    import datetime

    assert isinstance(logical_date, datetime.datetime)
    return [ds, logical_date.isoformat(), params["size"], run_id, extra]


def strings() -> list[str]:
    return virtualenv_string_args  # type: ignore[name-defined]  # noqa: F821


def exits() -> None:
    import sys

    print("going", file=sys.stderr)
    sys.exit(7)


def fails() -> None:
    raise ValueError("no such thing")


def variable() -> list[str | None]:
    import os

    return [os.environ.get("PLANTED"), os.environ.get("GIVEN")]


def test_arguments_and_the_result(run: Any) -> None:
    outcome = run(external(add, op_args=["{{ 1 }}"], op_kwargs={"b": "2"}), "t")
    assert outcome.xcoms["return_value"] == b'"12"'
    outcome = run(external(add, op_args=[1], op_kwargs={"b": 2}), "t")
    assert outcome.xcoms["return_value"] == b"3", outcome.message


def test_the_context_as_far_as_it_can_be_handed_on(run: Any) -> None:
    outcome = run(external(show, op_kwargs={"extra": "{{ ds_nodash }}"}), "t")
    assert outcome.kind == "success", outcome.message
    assert outcome.xcoms["return_value"] == (
        b'["2024-02-29","2024-02-29T12:00:00+00:00",3,"scheduled__2024","20240229"]'
    )


def test_string_args(run: Any) -> None:
    outcome = run(external(strings, string_args=["a", "b c"]), "t")
    assert outcome.xcoms["return_value"] == b'["a","b c"]'


@pytest.mark.parametrize(
    ("codes", "kind"), [(None, "failed"), (7, "skipped"), ([6, 7], "skipped"), (8, "failed")]
)
def test_exit_codes(run: Any, capfd: Any, codes: Any, kind: str) -> None:
    outcome = run(external(exits, skip_on_exit_code=codes), "t")
    assert outcome.kind == kind
    assert "7" in outcome.message


def test_what_the_function_raises_and_prints(run: Any, capsys: Any) -> None:
    outcome = run(external(fails), "t")
    assert outcome.kind == "failed"
    assert outcome.message == "the function failed: ValueError: no such thing"
    printed = capsys.readouterr().out
    assert "Traceback" in printed
    assert 'raise ValueError("no such thing")' in printed, "with the line of the source"


def test_the_environment_variables(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", "yes")
    outcome = run(external(variable, env_vars={"GIVEN": "g"}), "t")
    assert outcome.xcoms["return_value"] == b'["yes","g"]'
    outcome = run(external(variable, inherit_env=False), "t")
    assert outcome.xcoms["return_value"] == b"[null,null]", outcome.message


def test_cloudpickle_carries_what_pickle_cannot(run: Any) -> None:
    def call(f: Any) -> int:
        return f(20) + 1  # type: ignore[no-any-return]

    outcome = run(external(call, op_args=[lambda x: x * 2]), "t")
    assert outcome.kind == "failed"
    assert "pickle cannot hand on 'op_args[0]'" in outcome.message
    outcome = run(external(call, op_args=[lambda x: x * 2], serializer="cloudpickle"), "t")
    assert outcome.xcoms["return_value"] == b"41", outcome.message


def test_bad_arguments_are_refused_in_the_dag_file() -> None:
    with pytest.raises(ValueError, match="only a function made with def"):
        external(lambda: 1)
    with pytest.raises(AirflowException, match="serializer is 'json'; use one of pickle"):
        external(add, serializer="json")
    with pytest.raises(AirflowException, match=r"python_version is 3\.11; pass a str"):
        PythonVirtualenvOperator(task_id="t", python_callable=add, python_version=3.11)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="python is ''"):
        ExternalPythonOperator(task_id="t", python_callable=add, python="")
    with pytest.raises(TypeError, match="requirements is 5"):
        PythonVirtualenvOperator(task_id="t", python_callable=add, requirements=5)  # type: ignore[arg-type]

    def wants(ti: Any) -> None: ...

    with pytest.raises(AirflowException, match=r"wants\(\) takes 'ti', which cannot be handed on"):
        external(wants)

    def yields() -> Any:
        yield 1

    with pytest.raises(ValueError, match="must return its result"):
        external(yields)


def test_an_interpreter_that_is_not_there(run: Any) -> None:
    with DAG("d") as dag:
        ExternalPythonOperator(task_id="t", python="/no/python", python_callable=add)
    assert "'/no/python' is no interpreter on this worker" in run(dag, "t").message


def prefix() -> str:
    import sys

    return sys.prefix


def test_the_interpreter_that_is_named_runs_it(run: Any, tmp_path: Path) -> None:
    with environment(Recipe(), str(tmp_path)) as python:
        with DAG("d") as dag:
            ExternalPythonOperator(task_id="t", python=str(python), python_callable=prefix)
        outcome = run(dag, "t")
    assert json.loads(outcome.xcoms["return_value"]) == str(python.parent.parent), outcome.message


def wheel(folder: Path) -> str:
    """A package with a number in it, as a wheel that needs no index."""
    file = folder / "tinynumber-1.0-py3-none-any.whl"
    info = "tinynumber-1.0.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tinynumber.py", "NUMBER = 42\n")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinynumber\nVersion: 1.0\n"
        )
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return f"tinynumber @ {file.as_uri()}"


def number() -> int:
    import tinynumber  # type: ignore[import-not-found]

    return tinynumber.NUMBER  # type: ignore[no-any-return]


@pytest.mark.parametrize("installer", ["auto", "pip"])
def test_requirements_are_installed(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, installer: str
) -> None:
    monkeypatch.setenv(INSTALLER, installer)
    with DAG("d") as dag:
        PythonVirtualenvOperator(
            task_id="t",
            python_callable=number,
            requirements=[wheel(tmp_path)],
            pip_install_options=["--no-index"],
            system_site_packages=False,
        )
    outcome = run(dag, "t")
    assert outcome.xcoms.get("return_value") == b"42", outcome.message


def test_requirements_in_a_template_file(run: Any, tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text(f"# what it needs\n{wheel(tmp_path)}\n")
    with DAG("d") as dag:
        PythonVirtualenvOperator(
            task_id="t",
            python_callable=number,
            requirements="needs.txt",
            pip_install_options=["--no-index"],
            venv_cache_path="{{ params.cache }}",
            params={"cache": str(tmp_path / "cache")},
        )
    dag.folder = str(tmp_path)
    outcome = run(dag, "t")
    assert outcome.xcoms.get("return_value") == b"42", outcome.message
    assert len(list((tmp_path / "cache").glob("venv-*.json"))) == 1


def test_an_environment_is_made_once_however_many_wait(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    recipe = Recipe()

    def use(_: int) -> str:
        with environment(recipe, str(tmp_path)) as python:
            return str(python)

    with ThreadPoolExecutor(4) as pool:
        paths = set(pool.map(use, range(8)))
    assert len(paths) == 1
    assert sum("Made the environment" in line for line in caplog.messages) == 1


def test_the_worker_says_where_they_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "of the worker"
    monkeypatch.setenv(DIRECTORY, str(kept))
    monkeypatch.setenv(MOST_MB, "1")
    with environment(Recipe(), None) as python:
        assert python.is_relative_to(kept)
        with environment(Recipe(), None) as again:
            assert again == python
        (first,) = kept.glob("*.json")
        first.write_bytes(first.read_bytes().replace(b'"size":', b'"size":9999'))
        with environment(Recipe(install_options=("--pre",)), None) as other:
            assert python.exists(), "too large, but in use"
    assert other.exists()
    with environment(Recipe(install_options=("--quiet",)), None):
        assert not python.exists(), "the least recently used went"
    of_a_file = Recipe(requirements=(wheel(tmp_path),), install_options=("--no-index",))
    with environment(of_a_file, None) as own:
        assert not own.is_relative_to(kept), "the file may be another one tomorrow"
    assert not own.exists()


def test_what_a_killed_maker_left_is_made_again(tmp_path: Path) -> None:
    half = tmp_path / f"venv-{Recipe().digest()}"
    half.mkdir()
    (half / "pyvenv.cfg").write_text("half")
    with environment(Recipe(), str(tmp_path)) as python:
        assert python.exists()


def test_recipes_that_differ_have_environments_of_their_own() -> None:
    recipes = [
        Recipe(),
        Recipe(requirements=("a",)),
        Recipe(system_site_packages=False),
        Recipe(python_version="3.12"),
        Recipe(install_options=("--pre",)),
        Recipe(index_urls=("https://example.org/simple",)),
    ]
    assert len({recipe.digest() for recipe in recipes}) == len(recipes)


def test_an_environment_that_cannot_be_made(run: Any, tmp_path: Path) -> None:
    with DAG("d") as dag:
        PythonVirtualenvOperator(
            task_id="t",
            python_callable=number,
            requirements=[f"missing @ file://{tmp_path}/missing-1.0-py3-none-any.whl"],
            pip_install_options=["--no-index"],
            venv_cache_path=str(tmp_path / "cache"),
        )
    outcome = run(dag, "t")
    assert outcome.kind == "failed"
    assert "the virtual environment could not be filled: exit code" in outcome.message
    assert not list((tmp_path / "cache").glob("venv-*/")), "nothing half made is left"


def test_a_password_in_an_index_url_is_not_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    recipe = Recipe(
        requirements=("./nowhere",), index_urls=("https://me:planted@127.0.0.1:1/simple",)
    )
    with pytest.raises(AirflowException) as raised, environment(recipe, None):
        pass
    assert "planted" not in str(raised.value) + caplog.text
    assert "https://***@127.0.0.1:1/simple" in str(raised.value)


def test_branches(run: Any) -> None:
    def choose() -> str:
        return "left"

    with DAG("d") as dag:
        forks = [
            BranchExternalPythonOperator(
                task_id="outer", python=sys.executable, python_callable=choose
            ),
            BranchPythonVirtualenvOperator(task_id="venv", python_callable=choose),
        ]
        for fork in forks:
            fork >> EmptyOperator(task_id=f"{fork.task_id}_right")
            fork >> (left := EmptyOperator(task_id=f"{fork.task_id}_left")) and left
        EmptyOperator(task_id="left")
    for fork in forks:
        assert run(dag, fork.task_id).choice == Choice(follow=("left",))


def test_the_decorators(run: Any) -> None:
    with DAG("d") as dag:

        @task.external_python(python=sys.executable, multiple_outputs=True)
        def outer(a: int) -> dict[str, int]:
            return {"twice": a * 2}

        @task.virtualenv
        def venv() -> int:
            return 1

        @task.branch_virtualenv(system_site_packages=False)
        def fork_venv() -> str:
            return "left"

        @task.branch_external_python(python=sys.executable)
        def fork_outer() -> list[str]:
            return ["left"]

        outer(4)
        venv()
        [fork_venv(), fork_outer()] >> EmptyOperator(task_id="left")
    assert run(dag, "outer").xcoms["twice"] == b"8"
    assert run(dag, "venv").xcoms["return_value"] == b"1"
    assert run(dag, "fork_venv").choice == Choice(follow=("left",))
    assert run(dag, "fork_outer").choice == Choice(follow=("left",))
