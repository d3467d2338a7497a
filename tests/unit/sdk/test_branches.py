"""Branches and short circuits: what they choose, and what is no choice."""

from __future__ import annotations

from typing import Any

import pytest

from millstream import (
    DAG,
    BaseBranchOperator,
    BranchPythonOperator,
    EmptyOperator,
    ShortCircuitOperator,
    TaskGroup,
    task,
)
from millstream.core.event_parts import Choice


def branching(chosen: object) -> DAG:
    with DAG("d") as dag:
        fork = BranchPythonOperator(task_id="fork", python_callable=lambda: chosen)
        with TaskGroup("group"):
            first, second = EmptyOperator(task_id="first"), EmptyOperator(task_id="second")
            first >> EmptyOperator(task_id="third")
        fork >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right"), first, second]
    return dag


@pytest.mark.parametrize(
    ("chosen", "followed"),
    [
        ("left", ("left",)),
        (["left", "right", "left"], ("left", "right")),
        (("right",), ("right",)),
        (None, ()),
        ([], ()),
        ("group", ("group.first", "group.second")),
        ("group.first", ("group.first",)),
    ],
)
def test_what_a_branch_follows(run: Any, chosen: object, followed: tuple[str, ...]) -> None:
    outcome = run(branching(chosen), "fork")
    assert outcome.kind == "success", outcome.message
    assert outcome.choice == Choice(follow=followed)
    assert b"followed" in outcome.xcoms["skipmixin_key"]


@pytest.mark.parametrize("chosen", ["nowhere", 7, ["left", 7]])
def test_what_is_no_choice_fails_the_attempt(run: Any, chosen: object) -> None:
    outcome = run(branching(chosen), "fork")
    assert outcome.kind == "failed"
    assert "'fork'" in outcome.message


def test_an_operator_of_ones_own(run: Any) -> None:
    class Weekday(BaseBranchOperator):
        def choose_branch(self, context: Any) -> str:
            return "left"

    with DAG("d") as dag:
        Weekday(task_id="fork") >> [EmptyOperator(task_id="left"), EmptyOperator(task_id="right")]
    assert run(dag, "fork").choice == Choice(follow=("left",))


@pytest.mark.parametrize(
    ("condition", "is_everything", "choice"),
    [
        (False, True, Choice(skip="all")),
        (0, False, Choice(skip="direct")),
        (True, True, None),
        ("yes", False, None),
    ],
)
def test_a_short_circuit(
    run: Any, condition: object, is_everything: bool, choice: Choice | None
) -> None:
    with DAG("d") as dag:
        ShortCircuitOperator(
            task_id="gate",
            python_callable=lambda: condition,
            ignore_downstream_trigger_rules=is_everything,
        ) >> EmptyOperator(task_id="after")
    assert run(dag, "gate").choice == choice


def test_the_decorators(run: Any) -> None:
    with DAG("d") as dag:

        @task.branch
        def fork() -> str:
            return "left"

        @task.short_circuit(ignore_downstream_trigger_rules=False)
        def gate() -> bool:
            return False

        fork() >> [EmptyOperator(task_id="left"), gate()]
    assert run(dag, "fork").choice == Choice(follow=("left",))
    assert run(dag, "gate").choice == Choice(skip="direct")
    assert fork.override(task_id="x").operator_class is fork.operator_class
