"""Setups and teardowns: their marks, the edges of ``with`` blocks, and what the run makes of it."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import (
    DAG,
    EmptyOperator,
    PythonOperator,
    TaskGroup,
    TriggerRule,
    setup,
    task,
    task_group,
    teardown,
)
from millstream.core.errors import InvalidDag
from millstream.sdk.errors import AirflowException


def empty(task_id: str, **more: Any) -> EmptyOperator:
    return EmptyOperator(task_id=task_id, **more)


def edges(dag: DAG) -> set[tuple[str, str]]:
    return {(task.task_id, below) for task in dag.tasks for below in task.downstream_task_ids}


def test_the_marks_reach_the_spec() -> None:
    with DAG("d") as dag:
        made = empty("made").as_setup()
        gone = empty("gone").as_teardown(setups=made, on_failure_fail_dagrun=True)
        made >> empty("work") >> gone
    specs = {spec.task_id: spec for spec in dag.to_spec("f.py").tasks}
    assert specs["made"].is_setup
    assert not specs["made"].is_teardown
    assert specs["gone"].is_teardown
    assert specs["gone"].on_failure_fail_dagrun
    assert specs["gone"].trigger_rule is TriggerRule.ALL_DONE_SETUP_SUCCESS
    assert set(specs["gone"].upstream) == {"made", "work"}
    assert not specs["work"].is_setup


def test_setups_of_a_teardown_may_be_several_and_become_setups() -> None:
    with DAG("d"):
        one, two = empty("one"), empty("two")
        gone = empty("gone").as_teardown(setups=[one, two])
    assert one.is_setup
    assert two.is_setup
    assert gone.upstream_task_ids == {"one", "two"}


def test_a_block_of_a_teardown_stands_between_its_setups_and_itself() -> None:
    with DAG("d") as dag:
        made, gone = empty("made").as_setup(), empty("gone").as_teardown()
        with made >> gone:
            first, last = empty("first"), empty("last")
            first >> last
            empty("alone")
    assert edges(dag) == {
        ("made", "gone"), ("made", "first"), ("first", "last"), ("last", "gone"),
        ("made", "alone"), ("alone", "gone"),
    }  # fmt: skip


def test_a_block_of_a_setup_finds_its_teardown() -> None:
    with DAG("d") as dag:
        made = empty("made").as_setup()
        empty("gone").as_teardown(setups=made)
        with made:
            empty("work")
    assert edges(dag) == {("made", "gone"), ("made", "work"), ("work", "gone")}


def test_blocks_in_blocks_are_torn_down_inside_out() -> None:
    with DAG("d") as dag:
        outer = empty("outer_gone").as_teardown(setups=empty("outer"))
        inner = empty("inner_gone").as_teardown(setups=empty("inner"))
        with outer:
            empty("before")
            with inner:
                empty("work")
    assert {("outer", "inner"), ("inner_gone", "outer_gone")} <= edges(dag)
    assert {("inner", "work"), ("work", "inner_gone")} <= edges(dag)
    assert ("outer", "before") in edges(dag)
    assert ("before", "inner") not in edges(dag)


def test_a_task_made_before_is_added_to_the_block() -> None:
    with DAG("d") as dag:
        work = empty("work")
        with empty("gone").as_teardown(setups=empty("made")) as scope:
            scope.add_task(work)
    assert {("made", "work"), ("work", "gone")} <= edges(dag)
    with pytest.raises(AirflowException, match="'work' cannot be added"):
        scope.add_task(work)


def test_decorated_functions_and_values() -> None:
    with DAG("d") as dag:

        @setup
        def make() -> str:
            return "cluster"

        @teardown(on_failure_fail_dagrun=True)
        def clear(name: str) -> None:
            del name

        @teardown
        @task(retries=2)
        def other() -> None: ...

        @task
        def work(name: str) -> None:
            del name

        name = make()
        with clear(name) as scope:
            scope.add_task(work(name))
        other().as_teardown(setups=name)
    by_id = {task.task_id: task for task in dag.tasks}
    assert by_id["make"].is_setup
    assert by_id["clear"].is_teardown
    assert by_id["clear"].on_failure_fail_dagrun
    assert by_id["other"].is_teardown
    assert by_id["other"].retries == 2
    assert edges(dag) == {
        ("make", "clear"), ("make", "work"), ("work", "clear"), ("make", "other"),
    }  # fmt: skip
    assert clear.override(task_id="again").is_teardown


def test_what_comes_after_a_group_does_not_wait_for_its_teardown() -> None:
    with DAG("d") as dag:
        with TaskGroup("group") as group:
            made, work = empty("made"), empty("work")
            made >> work >> empty("gone").as_teardown(setups=made)
        group >> empty("after")
    assert ("group.work", "after") in edges(dag)
    assert ("group.gone", "after") not in edges(dag)
    assert ("group.made", "after") not in edges(dag)


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_clears_away_whatever_the_work_does(
    fails: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    def work() -> None:
        if fails:
            raise ValueError("broken")

    with DAG("d") as dag, empty("gone").as_teardown(setups=empty("made")):
        PythonOperator(task_id="work", python_callable=work)
    run = dag.test()
    assert run.task_states["gone"] == "success"
    assert run.state == ("failed" if fails else "success")


def test_what_cannot_be() -> None:
    with DAG("d"):
        with pytest.raises(ValueError, match="'a' is a setup, so it cannot be a teardown"):
            empty("a").as_setup().as_teardown()
        with pytest.raises(ValueError, match="'b' is a teardown, so it cannot be a setup"):
            empty("b").as_teardown().as_setup()
        with pytest.raises(ValueError, match="'c' has trigger_rule 'all_done'"):
            empty("c", trigger_rule="all_done").as_teardown()
        with pytest.raises(AirflowException, match="'d' is neither"):
            empty("d").__enter__()
        with pytest.raises(AirflowException, match="@setup cannot mark the task group 'group'"):

            @setup
            @task_group
            def group() -> None: ...


def test_a_task_after_a_setup_has_the_default_rule() -> None:
    with DAG("d") as dag:
        empty("made").as_setup() >> empty("work", trigger_rule="all_done")
    with pytest.raises(InvalidDag, match="after the setup 'made' only 'all_success'"):
        dag.to_spec("f.py")


def test_a_block_that_raises_leaves_no_open_scope() -> None:
    with DAG("d"):
        with pytest.raises(RuntimeError), empty("made").as_setup():
            raise RuntimeError
        later = empty("later")
    assert later.upstream_task_ids == set()
