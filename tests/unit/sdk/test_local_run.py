"""dag.test(): one run in this process, by the rules of the core."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pendulum
import pytest

from millstream import (
    DAG,
    AirflowFailException,
    AirflowSkipException,
    BaseOperator,
    BashOperator,
    EmptyOperator,
    PythonOperator,
    TaskGroup,
    dag,
    task,
)
from millstream.core.errors import InvalidDag
from millstream.sdk.errors import AirflowException, DagFileError, NotSupportedYet

REPOSITORY = Path(__file__).parents[3]


def python(task_id: str, function: Any, **more: Any) -> PythonOperator:
    return PythonOperator(task_id=task_id, python_callable=function, **more)


def failing(error: BaseException) -> Any:
    def fail() -> None:
        raise error

    return fail


def test_values_flow_and_the_result_knows_them(capsys: Any) -> None:
    @dag(params={"factor": 3})
    def flow() -> None:
        @task
        def make() -> dict[str, int]:
            print("making")
            return {"n": 5}

        @task
        def scale(n: int, params: Any = None, ti: Any = None) -> int:
            ti.xcom_push("seen", n)
            return int(n * params["factor"])

        result = scale(make()["n"])
        result >> BashOperator(task_id="show", bash_command="echo {{ ti.xcom_pull('scale') }}")

    run = flow().test(run_conf={"factor": 4})
    assert (run.state, run.dag_id) == ("success", "flow")
    assert run.task_states == {"make": "success", "scale": "success", "show": "success"}
    assert (run.xcom("make"), run.xcom("make", "n"), run.xcom("scale")) == ({"n": 5}, 5, 20)
    assert (run.xcom("scale", "seen"), run.xcom("show")) == (5, "20")
    assert (run.xcom("make", "zzz"), run.xcom("make", "zzz", default=1)) == (None, 1)
    with pytest.raises(AirflowException, match="'zzz' is no task of DAG 'flow'; it has 'make'"):
        run.xcom("zzz")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("--- flow: run manual__")
    assert lines[1:3] == ["--- make: started", "making"]
    assert lines[3].startswith("--- make: success in ")
    assert lines[3].endswith(' s, returned {"n":5}')
    assert lines[-1] == "--- flow: success"


def test_a_failure_shows_its_traceback_and_stops_what_depends_on_it(capsys: Any) -> None:
    with DAG("d") as made:
        bad = python("bad", failing(ValueError("no rows")))
        bad >> EmptyOperator(task_id="after")
        bad >> EmptyOperator(task_id="always", trigger_rule="all_done")
    run = made.test()
    assert run.state == "failed"
    assert run.task_states == {"bad": "failed", "after": "upstream_failed", "always": "success"}
    out = capsys.readouterr().out
    assert "s: ValueError: no rows\nTraceback (most recent call last):\n" in out
    assert "test_local_run.py" in out
    assert "--- after: upstream_failed: trigger rule all_success: of 1 upstream tasks" in out
    assert out.splitlines()[-1] == "--- d: failed: after did not succeed"


def test_retries_are_honoured_and_not_waited_for(capsys: Any) -> None:
    tries: list[int] = []

    def flaky(ti: Any) -> int:
        tries.append(ti.try_number)
        ti.xcom_push("mark", ti.try_number)
        if ti.try_number < 3:
            raise RuntimeError("not yet")
        return ti.max_tries

    with DAG("d") as made:
        python("flaky", flaky, retries=3, retry_delay=3600)
    began = time.monotonic()
    run = made.test()
    assert time.monotonic() - began < 60
    assert (run.state, tries, run.xcom("flaky"), run.xcom("flaky", "mark")) == (
        "success",
        [1, 2, 3],
        3,
        3,
    )
    out = capsys.readouterr().out
    assert "--- flaky: started, attempt 3 of 4" in out
    assert "--- flaky: up_for_retry; the delay of 3600 s is not waited for here" in out


def test_what_else_is_ready_goes_before_a_retry() -> None:
    order: list[str] = []

    def note(ti: Any) -> None:
        order.append(f"{ti.task_id}{ti.try_number}")
        if ti.task_id == "a" and ti.try_number == 1:
            raise RuntimeError

    with DAG("d") as made:
        python("a", note, retries=1, retry_delay=100)
        python("b", note) >> python("c", note)
    assert made.test().state == "success"
    assert order == ["a1", "b1", "c1", "a2"]


def test_failing_for_good_and_running_out_of_retries() -> None:
    tries: list[str] = []

    def fail(ti: Any) -> None:
        tries.append(ti.task_id)
        raise AirflowFailException("x") if ti.task_id == "good" else RuntimeError("x")

    with DAG("d") as made:
        python("good", fail, retries=2)
        python("tired", fail, retries=2)
    assert made.test().state == "failed"
    assert (tries.count("good"), tries.count("tired")) == (1, 3)


def test_skips(capsys: Any) -> None:
    with DAG("d") as made:
        skip = python("skip", failing(AirflowSkipException("nothing new")))
        work = python("work", lambda: 1)
        skip >> EmptyOperator(task_id="after")
        [skip, work] >> EmptyOperator(task_id="join", trigger_rule="none_failed")
    run = made.test()
    assert run.state == "success"
    assert run.task_states == {
        "skip": "skipped", "work": "success", "after": "skipped", "join": "success",
    }  # fmt: skip
    assert "--- skip: skipped: nothing new" in capsys.readouterr().out


def test_branches_and_short_circuits() -> None:
    @dag
    def flow() -> None:
        @task.branch
        def choose() -> str:
            return "group"

        @task.short_circuit
        def stop() -> bool:
            return False

        with TaskGroup("group") as group:
            EmptyOperator(task_id="a")
        join = EmptyOperator(task_id="join", trigger_rule="none_failed_min_one_success")
        choose() >> [EmptyOperator(task_id="left"), group] >> join
        stop() >> EmptyOperator(task_id="cut") >> EmptyOperator(task_id="off")

    run = flow().test()
    assert run.state == "success"
    assert run.task_states == {
        "group.a": "success", "join": "success", "choose": "success", "left": "skipped",
        "stop": "success", "cut": "skipped", "off": "skipped",
    }  # fmt: skip


@pytest.mark.parametrize(
    "logical_date",
    ["2024-02-29T13:00:00+01:00", datetime(2024, 2, 29, 12), pendulum.datetime(2024, 2, 29, 12)],
)
def test_the_logical_date(logical_date: Any) -> None:
    with DAG("d") as made:
        python("t", lambda ts, dag_run: [ts, str(dag_run.data_interval_end), dag_run.run_type])
    assert made.test(logical_date=logical_date).xcom("t") == [
        "2024-02-29T12:00:00+00:00",
        "2024-02-29 12:00:00+00:00",
        "manual",
    ]


def test_wrong_arguments() -> None:
    made = DAG("d")
    with pytest.raises(ValueError, match="logical_date 'zzz' is not an ISO 8601 date"):
        made.test(logical_date="zzz")
    with pytest.raises(AirflowException, match=r"run_conf is .* which is no JSON object"):
        made.test(run_conf={"at": datetime(2024, 1, 1, tzinfo=UTC)})
    with pytest.raises(AirflowException, match="which is no JSON object"):
        made.test(run_conf={"n": float("nan")})


def test_a_dag_that_is_not_valid() -> None:
    with DAG("d") as made:
        a, b = EmptyOperator(task_id="a"), EmptyOperator(task_id="b")
        a >> b >> a
    with pytest.raises(InvalidDag, match="cycle"):
        made.test()


def test_no_tasks_and_a_large_conf() -> None:
    assert DAG("d").test().state == "success"
    with DAG("e") as made:
        python("t", lambda params: len(params["x"]))
    assert made.test(run_conf={"x": "y" * 100_000}).xcom("t") == 100_000


def test_a_dag_can_be_tested_again() -> None:
    class Count(BaseOperator):
        template_fields = ("value",)

        def __init__(self, value: str, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.value = value

        def execute(self, context: Any) -> str:
            return self.value

    with DAG("d") as made:
        Count(task_id="t", value="{{ params.n }}")
    assert [made.test(run_conf={"n": n}).xcom("t") for n in (1, 2)] == ["1", "2"]


def test_the_time_limit_of_a_task(capsys: Any) -> None:
    def stuck() -> None:
        try:
            threading.Event().wait(60)
        except Exception:
            print("swallowed")

    with DAG("d") as made:
        python("stuck", stuck, execution_timeout=0.05)
        BashOperator(task_id="bash", bash_command="sleep 60", execution_timeout=0.05)
        python("fine", lambda: 1, execution_timeout=60)
    began = time.monotonic()
    run = made.test()
    assert time.monotonic() - began < 30
    assert run.task_states == {"stuck": "failed", "bash": "failed", "fine": "success"}
    out = capsys.readouterr().out
    assert "AirflowTaskTimeout: execution_timeout of 0.05 s is over" in out
    assert "swallowed" not in out


def test_outside_of_the_main_thread_there_is_no_limit_and_that_is_said(capsys: Any) -> None:
    with DAG("d") as made:
        python("t", lambda: 1, execution_timeout=60)
    states: list[str] = []
    thread = threading.Thread(target=lambda: states.append(made.test().state))
    thread.start()
    thread.join()
    assert states == ["success"]
    assert "execution_timeout of 60 s is not enforced" in capsys.readouterr().out


def test_an_interrupt_ends_the_run_and_not_the_task_alone() -> None:
    with DAG("d") as made:
        python("t", failing(KeyboardInterrupt()), retries=3)
    with pytest.raises(KeyboardInterrupt):
        made.test()


def test_a_task_may_change_the_directory_or_end_the_process(tmp_path: Path) -> None:
    home = os.getcwd()
    with DAG("d") as made:
        python("moves", lambda: os.chdir(tmp_path))
        python("ends", lambda: sys.exit(3))
    assert made.test().task_states == {"moves": "success", "ends": "failed"}
    assert os.getcwd() == home


def test_log_lines_are_shown_and_handlers_are_taken_back(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    before = root.level
    with DAG("d") as made:
        python("t", lambda task: task.log.info("at work"))
    made.test()
    assert "INFO millstream.task.PythonOperator: at work" in capsys.readouterr().out
    assert (root.handlers, root.level) == ([], before)


def test_a_long_value_is_shown_in_part(capsys: Any) -> None:
    with DAG("d") as made:
        python("t", lambda: "x" * 500)
    made.test()
    assert f'returned "{"x" * 119}... (502 bytes)' in capsys.readouterr().out


def test_a_file_that_tests_its_dag_whenever_it_is_loaded_is_refused(load: Any) -> None:
    source = 'with DAG("d") as d:\n    EmptyOperator(task_id="t")\n'
    with pytest.raises(DagFileError, match=r'put it under: if __name__ == "__main__":') as caught:
        load(f"{source}d.test()\n")
    assert caught.value.line == 4
    load(f'{source}if __name__ == "__main__":\n    d.test()\n')


def test_cli_names_the_command() -> None:
    with pytest.raises(NotSupportedYet, match=r"use the millstream command .* trigger d"):
        DAG("d").cli()


def test_the_example_runs_as_a_script() -> None:
    done = subprocess.run(
        [sys.executable, "examples/taskflow_etl.py"],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY / "libs")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nnet: 1236.7 (manual__" in done.stdout
    assert done.stdout.endswith("--- taskflow_etl: success\n")
    assert json.loads(done.stdout.split("returned ")[1].split("\n")[0])["1001"] == 301.27


def test_fail_fast_ends_what_has_not_begun(capsys: pytest.CaptureFixture[str]) -> None:
    def breaks() -> None:
        raise ValueError("broken")

    def never() -> None:
        raise AssertionError("it ran")

    with DAG("fast", fail_fast=True) as fast:
        PythonOperator(task_id="a", python_callable=breaks) >> PythonOperator(
            task_id="b", python_callable=never
        )
        setup = PythonOperator(task_id="s", python_callable=lambda: None).as_setup()
        work = PythonOperator(task_id="w", python_callable=never)
        ends = PythonOperator(task_id="t", python_callable=lambda: print("cleaned up"))
        setup >> work >> ends.as_teardown(setups=setup)
    run = fast.test()
    assert run.state == "failed"
    assert run.task_states == {
        "a": "failed", "b": "skipped", "s": "skipped", "w": "skipped", "t": "skipped",
    }  # fmt: skip
    assert "--- fast: failed: fail_fast: task 'a' failed" in capsys.readouterr().out
