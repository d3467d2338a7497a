"""What makes a DAG acceptable: one bad input each, and the sentence that names it."""

from __future__ import annotations

import pytest

from millstream.core.errors import InvalidArgument, InvalidDag
from millstream.core.spec import (
    BashAction,
    DagSpec,
    EmptyAction,
    GroupSpec,
    PythonAction,
    TriggerRule,
)
from millstream.core.validate import MAX_ID_LENGTH, MAX_TASKS, check_dag, check_run_id
from shard import dag, task

GOOD = dag(
    task("extract", retries=3, retry_delay_s=0.5, line=4),
    task("load.it", "extract", action=PythonAction(), execution_timeout_s=60.0),
    task("ünïcode-1", "load.it", action=EmptyAction()),
    schedule="30 6 * * 1-5",
    start_date="2026-01-01T00:00:00+01:00",
    timezone="Europe/Berlin",
    catchup=True,
    file="dags/etl.py",
)

BAD: list[tuple[DagSpec, str]] = [
    (dag(dag_id=""), "dag_id is empty"),
    (dag(dag_id="a b/c"), "dag_id 'a b/c' contains ' ', '/'"),
    (dag(dag_id="a\x00b"), "contains '\\x00'"),
    (dag(dag_id="a\n"), "contains '\\n'"),
    (dag(dag_id="x" * (MAX_ID_LENGTH + 1)), "has 251 characters"),
    (dag(task("")), "task_id is empty"),
    (dag(task("a>b", line=12)), "line 12: task_id 'a>b'"),
    (dag(timezone="Mars/Olympus"), "time zone 'Mars/Olympus' is unknown"),
    (dag(timezone="../../etc/passwd"), "time zone"),
    (dag(timezone=""), "time zone"),
    (dag(start_date="2026-01-01"), "has no time zone"),
    (dag(start_date="soon"), "not an ISO 8601 instant"),
    (dag(schedule="@sometimes"), "no known preset"),
    (dag(schedule="* * * *"), "not a cron expression"),
    (dag(schedule="99 * * * *"), "not a cron expression"),
    (dag(schedule=""), "not a cron expression"),
    (dag(catchup=True), "catchup=True needs a start_date"),
    (dag(task("a", retries=-1)), "retries is -1"),
    (dag(task("a", retry_delay_s=-1.0)), "retry_delay_s is -1.0"),
    (dag(task("a", retry_delay_s=float("nan"))), "retry_delay_s is nan"),
    (dag(task("a", max_retry_delay_s=float("inf"))), "max_retry_delay_s is inf"),
    (dag(task("a", execution_timeout_s=1e9)), "execution_timeout_s is"),
    (dag(task("a", retry_multiplier=-2.0)), "retry_multiplier is -2.0"),
    (dag(task("a", queue="a.b")), "queue 'a.b'"),
    (dag(task("a", queue="")), "queue ''"),
    (dag(task("a", queue="gpu>")), "queue 'gpu>'"),
    (dag(task("a", action=PythonAction())), "needs a bundle"),
    (dag(task("a", action=BashAction(command=" \n"))), "bash_command is empty"),
    (dag(task("a", line=1), task("a", line=7)), "used 2 times (lines 1, 7)"),
    (dag(task("a", resources={"GPU": 1})), "task 'a': resources names 'GPU'"),
    (dag(task("a", resources={"gpu": 0})), "task 'a': resources asks for 0 gpu; 1 to 2147483647"),
    (dag(task("a", resources={f"r{n}": 1 for n in range(9)})), "names 9 resources; at most 8"),
    (dag(task("a", queue="q" * 199, resources={"gpu": 1})), "have more than 200 characters"),
    (
        dag(*(task(f"t{n}", resources={"memory": n + 1}) for n in range(65))),
        "ask for 65 different combinations of queue and resources; at most 64",
    ),
    (dag(task("a"), task("a")), "used 2 times; each"),
    (dag(task("a", "ghost", line=3)), "line 3: task 'a' names the unknown upstream task 'ghost'"),
    (dag(task("a", "b"), task("b", "a")), "form a cycle: a >> b >> a"),
    (dag(task("a", "a")), "form a cycle: a >> a"),
    (dag(groups=(GroupSpec(group_id="g x"),)), "group_id 'g x' contains ' '"),
    (dag(groups=(GroupSpec(group_id="g"), GroupSpec(group_id="g"))), "group_id 'g' is used 2"),
    (dag(groups=(GroupSpec(group_id="g", parent="h"),)), "the unknown parent 'h'"),
    (
        dag(groups=(GroupSpec(group_id="g", parent="h"), GroupSpec(group_id="h", parent="g"))),
        "the groups form a cycle",
    ),
    (
        dag(task("a", returns_dag_result=True), task("b", returns_dag_result=True, line=4)),
        "line 4: tasks 'a', 'b' return the result of the DAG",
    ),
    (dag(task("a", group="g", line=2)), "line 2: task 'a' is in the unknown group 'g'"),
    (dag(task("a", edge_labels={"b": "x"})), "a label on an edge from 'b', which is not upstream"),
    (dag(*(task(f"t{index}") for index in range(MAX_TASKS + 1))), "it has 10001 tasks"),
]


def test_a_good_dag() -> None:
    check_dag(GOOD)
    check_dag(dag())
    check_dag(dag(schedule="@once"))


@pytest.mark.parametrize(("spec", "text"), BAD, ids=[text for _, text in BAD])
def test_a_bad_dag(spec: DagSpec, text: str) -> None:
    with pytest.raises(InvalidDag) as caught:
        check_dag(spec)
    assert len(caught.value.problems) == 1
    assert text in caught.value.problems[0]
    assert text in str(caught.value)


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(InvalidDag) as caught:
        check_dag(dag(task("a b"), task("c", "d", retries=-1), dag_id="?", schedule="x"))
    assert len(caught.value.problems) == 5


@pytest.mark.parametrize("value", ["manual__2026-01-02T03:04:05+00:00", "a", "A.b_c~d-e:f", "é"])
def test_a_good_run_id(value: str) -> None:
    check_run_id(value)


@pytest.mark.parametrize("value", ["", "a b", "a/b", "a\x00", "x" * 251, "a\n", "💥", "*", ">"])
def test_a_bad_run_id(value: str) -> None:
    with pytest.raises(InvalidArgument):
        check_run_id(value)


def test_fail_fast_allows_no_rule_that_waits_for_failures() -> None:
    rule = TriggerRule.ALL_DONE
    with pytest.raises(InvalidDag, match="'all_done' is not allowed in a DAG with fail_fast"):
        check_dag(dag(task("a"), task("b", "a", trigger_rule=rule), fail_fast=True))
    check_dag(dag(task("a"), task("b", "a"), fail_fast=True))
