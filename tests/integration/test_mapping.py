"""Mapped tasks and groups through the real services, and the same DAGs in one process."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from integration.running_stack import RunningStack
from integration.verify import verify_log

SOURCE = """
from millstream import DAG, BaseOperator, task, task_group
from millstream.sdk.errors import AirflowSkipException
from millstream.sdk.operators.bash import BashOperator

# In the spirit of Airflow's example_dynamic_task_mapping.
with DAG("with_taskflow") as with_taskflow:

    @task
    def get_nums():
        return [1, 2, 3]

    @task
    def add_one(x):
        return x + 1

    @task
    def times_2(num):
        return num * 2

    @task
    def add_10(num):
        return num + 10

    @task
    def sum_it(values):
        return sum(values)

    sum_it(add_one.expand(x=[1, 2, 3]))
    sum_it(times_2.expand(num=add_one.override(task_id="second_order").expand(x=get_nums())))

    @task_group
    def op(num):
        return add_10(times_2(num))

    sum_it(op.expand(num=get_nums()))


# In the spirit of example_dynamic_task_mapping_with_no_taskflow_operators.
class AddOneOperator(BaseOperator):
    def __init__(self, value, **kwargs):
        super().__init__(**kwargs)
        self.value = value

    def execute(self, context):
        return self.value + 1


class SumItOperator(BaseOperator):
    template_fields = ("values",)

    def __init__(self, values, **kwargs):
        super().__init__(**kwargs)
        self.values = values

    def execute(self, context):
        return sum(self.values)


with DAG("without_taskflow") as without_taskflow:
    added = AddOneOperator.partial(task_id="add_one").expand(value=[1, 2, 3])
    SumItOperator(task_id="sum_it", values=added.output)


with DAG("shapes") as shapes:

    @task
    def letters():
        return ["a", "b", "c"]

    @task
    def numbers():
        return [1, 2]

    @task(map_index_template="{{ name }}")
    def show(x, y="", **context):
        context["name"] = f"{x}{y}"
        from millstream import get_current_context
        get_current_context()["name"] = f"{x}{y}"
        return [x, y]

    def but_b(x):
        if x == "b":
            raise AirflowSkipException("not b")
        return x.upper()

    show.override(task_id="product").expand(x=letters(), y=numbers())
    show.override(task_id="kwargs").expand_kwargs([{"x": 1}, {"x": 2, "y": 3}])
    show.override(task_id="mapped").expand(x=letters().map(but_b))
    show.override(task_id="zipped").expand(x=letters().zip(numbers(), fillvalue=0))
    show.override(task_id="joined").expand(x=letters().concat(numbers()))
    BashOperator.partial(task_id="bash").expand(bash_command=["echo {{ ti.map_index }}", "echo x"])

    @task
    def nothing():
        return []

    show.override(task_id="empty").expand(x=nothing())


with DAG("nested") as nested:

    @task
    def batches():
        return [[1, 2], [], [3]]

    @task
    def work(x, *, ti=None):
        return [x * 10, list(ti.map_index)]

    @task
    def gather(found):
        return found

    @task_group
    def batch(items):
        return gather(work.expand(x=items))

    @task(trigger_rule="all_done")
    def total(found):
        return found

    total(batch.expand(items=batches()))
    total.override(task_id="all_work")(nested.get_task("batch.work").output)


with DAG("no_list") as no_list:

    @task
    def text():
        return "abc"

    @task
    def each(x):
        return x

    each.expand(x=text())
"""

Found = dict[str, dict[tuple[int, ...], Any]]

SHAPES: Found = {
    "product": {(2 * i + j,): [x, y] for i, x in enumerate("abc") for j, y in enumerate((1, 2))},
    "kwargs": {(0,): [1, ""], (1,): [2, 3]},
    "mapped": {(0,): ["A", ""], (1,): "skipped", (2,): ["C", ""]},
    "zipped": {(0,): [("a", 1), ""], (1,): [("b", 2), ""], (2,): [("c", 0), ""]},
    "joined": {(i,): [x, ""] for i, x in enumerate(["a", "b", "c", 1, 2])},
    "bash": {(0,): "0", (1,): "x"},
    "empty": {(): "skipped"},
}
EXPECTED: dict[str, tuple[str, Found]] = {
    "with_taskflow": (
        "success",
        {
            "sum_it": {(): 9},
            "times_2": {(0,): 4, (1,): 6, (2,): 8},
            "sum_it__1": {(): 18},
            "op.add_10": {(0,): 12, (1,): 14, (2,): 16},
            "sum_it__2": {(): 42},
        },
    ),
    "without_taskflow": (
        "success",
        {"add_one": {(0,): 2, (1,): 3, (2,): 4}, "sum_it": {(): 9}},
    ),
    "shapes": ("success", SHAPES),
    "nested": (
        "success",
        {
            "batch.work": {
                (0, 0): [10, [0, 0]],
                (0, 1): [20, [0, 1]],
                (1,): "skipped",
                (2, 0): [30, [2, 0]],
            },
            "batch.gather": {
                (0,): [[10, [0, 0]], [20, [0, 1]]],
                (1,): "skipped",
                (2,): [[30, [2, 0]]],
            },
            "total": {(): [[[10, [0, 0]], [20, [0, 1]]], [[30, [2, 0]]]]},
            "all_work": {(): [[[10, [0, 0]], [20, [0, 1]]], [[30, [2, 0]]]]},
        },
    ),
    "no_list": ("failed", {"text": {(): "failed"}, "each": {(): "upstream_failed"}}),
}


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_in_one_process(tmp_path: Path, dag_id: str) -> None:
    file = tmp_path / "mapped.py"
    file.write_text(SOURCE)
    home = os.getcwd()
    run = runpy.run_path(str(file))[dag_id].test()
    os.chdir(home)
    state, tasks = EXPECTED[dag_id]
    assert run.state == state
    for task_id, expected in tasks.items():
        got = {
            path: run.xcom(task_id, map_index=path) if ended == "success" else ended
            for path, ended in run.instance_states[task_id].items()
        }
        assert got == expected, task_id


@pytest.mark.integration
@pytest.mark.parametrize("dag_id", EXPECTED)
def test_through_the_services(stack: RunningStack, tmp_path: Path, dag_id: str) -> None:
    file = tmp_path / "mapped.py"
    file.write_text(SOURCE)
    client = stack.client()
    client.submit_file(file)
    run = client.wait(client.trigger(dag_id), timeout_s=120)
    state, tasks = EXPECTED[dag_id]
    ended: Found = {}
    for each in client.list_task_instances(run):
        ended.setdefault(each.task_id, {})[each.map_index] = each
    reasons = {t: {p: e.reason for p, e in found.items()} for t, found in ended.items()}
    assert run.state == state, reasons
    for task_id, expected in tasks.items():
        got = {
            path: client.xcom(run, task_id, map_index=path)
            if each.state == "success"
            else each.state
            for path, each in ended[task_id].items()
        }
        assert got == expected, (task_id, reasons[task_id])
    if dag_id == "shapes":
        assert [each.map_name for each in ended["product"].values()] == [
            "a1", "a2", "b1", "b2", "c1", "c2",
        ]  # fmt: skip
        shown = stack.run("runs", "show", run.run_id).stdout
        assert "product[5] (c2)" in shown
    if dag_id == "no_list":
        assert "it must be a list or a dict" in ended["text"][()].reason
    verify_log(stack)


@pytest.mark.integration
def test_a_list_that_comes_back_shorter(stack: RunningStack, tmp_path: Path) -> None:
    lines = tmp_path / "lines.txt"
    file = tmp_path / "shrinks.py"
    file.write_text(
        f"""
from millstream import DAG, task

with DAG("shrinks") as dag:

    @task
    def source():
        return open({str(lines)!r}).read().split()

    @task
    def each(x):
        return x

    @task
    def total(found):
        return found

    total(each.expand(x=source()))
"""
    )
    client = stack.client()
    client.submit_file(file)
    lines.write_text("a b c")
    run = client.wait(client.trigger("shrinks"), timeout_s=60)
    assert client.xcom(run, "total") == ["a", "b", "c"]
    lines.write_text("d")
    client.clear(run, ["source"], downstream=True, only_failed=False)
    run = client.wait(run, timeout_s=60)
    assert run.state == "success"
    assert client.xcom(run, "total") == ["d"]
    states = {t.map_index: t.state for t in client.list_task_instances(run) if t.task_id == "each"}
    assert states == {(0,): "success", (1,): "removed", (2,): "removed"}
    verify_log(stack)
