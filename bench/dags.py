"""The workloads' DAGs. This file is submitted as it is, so it imports nothing but Millstream."""

from __future__ import annotations

import os
from typing import Any

from millstream import DAG, PythonOperator

# What is measured is the engine, so no limit of its own may hold a task back.
LIMITS: dict[str, Any] = {"max_active_tasks": 100_000, "max_active_runs": 10_000}
FANOUT = int(os.environ.get("MILLSTREAM_BENCH_FANOUT", "1000"))


def first(**_: Any) -> int:
    return 1


def noop(**_: Any) -> None:
    return None


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
            task = PythonOperator(task_id=f"t{index}", python_callable=function)
            if previous is not None:
                previous >> task
            previous = task


chain_of("chain10", [first] + [after(f"t{index - 1}") for index in range(1, 10)])
chain_of("ml5", [first] + [after(f"t{index - 1}") for index in range(1, 5)])
chain_of("windmill40", [lambda **_: fib(10) for _ in range(40)])
chain_of("windmill10", [lambda **_: fib(33) for _ in range(10)])

with DAG(dag_id="fanout", **LIMITS):
    start = PythonOperator(task_id="start", python_callable=noop)
    end = PythonOperator(task_id="end", python_callable=noop)
    for number in range(FANOUT):
        start >> PythonOperator(task_id=f"t{number}", python_callable=noop) >> end
