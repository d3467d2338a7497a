"""The workloads' DAGs. This file is submitted as it is, so it imports nothing but Millstream."""

from __future__ import annotations

import os
import time
from typing import Any

from millstream import DAG, PythonOperator, task

# What is measured is the engine, so no limit of its own may hold a task back.
LIMITS: dict[str, Any] = {"max_active_tasks": 100_000, "max_active_runs": 10_000}
COLUMNS = 100
BEHIND = 1000
CLOSED = "closed"
FANOUT = int(os.environ.get("MILLSTREAM_BENCH_FANOUT", "1000"))


def first(**_: Any) -> int:
    return 1


def noop(**_: Any) -> None:
    return None


def take(row: int, column: int) -> None:
    return None


def tell_when(**context: Any) -> None:
    """Into the file of the run's conf, together with when that was due."""
    began = time.monotonic()
    conf = context["dag_run"].conf
    with open(conf["file"], "a") as file:
        file.write(f"{conf['due']!r} {began!r}\n")


def after(previous: str) -> Any:
    def add_one(**context: Any) -> int:
        return int(context["ti"].xcom_pull(task_ids=previous)) + 1

    return add_one


def fib(n: int) -> int:
    return n if n < 2 else fib(n - 1) + fib(n - 2)


def chain_of(dag_id: str, functions: list[Any]) -> None:
    """A DAG of tasks in a row."""
    with DAG(dag_id=dag_id, **LIMITS):
        previous = None
        for index, function in enumerate(functions):
            current = PythonOperator(task_id=f"t{index}", python_callable=function)
            if previous is not None:
                previous >> current
            previous = current


chain_of("chain10", [first] + [after(f"t{index - 1}") for index in range(1, 10)])
chain_of("ml5", [first] + [after(f"t{index - 1}") for index in range(1, 5)])
chain_of("windmill40", [lambda **_: fib(10) for _ in range(40)])
chain_of("windmill10", [lambda **_: fib(33) for _ in range(10)])

with DAG(dag_id="fanout", **LIMITS):
    start = PythonOperator(task_id="start", python_callable=noop)
    end = PythonOperator(task_id="end", python_callable=noop)
    for number in range(FANOUT):
        start >> PythonOperator(task_id=f"t{number}", python_callable=noop) >> end


def mapped(dag_id: str, pool: str = "default_pool") -> None:
    """1 -> as many rows of ``COLUMNS`` instances as the run's conf says -> 1. Every combination of
    two lists, since a list that is mapped over has at most 1024 elements."""
    with DAG(dag_id=dag_id, **LIMITS):

        @task
        def rows(**context: Any) -> list[int]:
            return list(range(int(context["dag_run"].conf["rows"])))

        @task
        def last() -> None:
            return None

        each = task(task_id="each", pool=pool)(take)
        each.expand(row=rows(), column=list(range(COLUMNS))) >> last()


mapped("mapped")
# What waits for a pool that has no slot, and what waits for that.
mapped("waits_for_a_pool", pool=CLOSED)
with DAG(dag_id="behind_a_gate", **LIMITS):
    gate = PythonOperator(task_id="gate", python_callable=noop, pool=CLOSED)
    for number in range(BEHIND):
        gate >> PythonOperator(task_id=f"t{number}", python_callable=noop)

with DAG(dag_id="latency", **LIMITS):
    PythonOperator(task_id="tell", python_callable=tell_when)
