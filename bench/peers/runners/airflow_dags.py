"""The workloads as Airflow DAGs: the same Python operators and the same shapes as in
``bench/dags.py``. Airflow reads this file from its folder of DAGs."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from bench.peers.runners.shapes import CHAIN10, FIB_OF, ML5, WINDMILL40, fib

LIMITS: dict[str, Any] = {"schedule": None, "max_active_tasks": 10_000, "max_active_runs": 1000}
WIDTH = int(os.environ["PEERS_FANOUT"])


def first() -> int:
    return 1


def after(previous: str) -> Callable[..., int]:
    def add_one(ti: Any) -> int:
        return int(ti.xcom_pull(task_ids=previous)) + 1

    return add_one


def windmill_step() -> int:
    return fib(FIB_OF)


def noop() -> None:
    return None


def chain_of(dag_id: str, functions: list[Callable[..., int]]) -> None:
    with DAG(dag_id=dag_id, **LIMITS):
        previous = None
        for index, function in enumerate(functions):
            task = PythonOperator(task_id=f"t{index}", python_callable=function)
            if previous is not None:
                previous >> task
            previous = task


chain_of("chain10", [first] + [after(f"t{index - 1}") for index in range(1, CHAIN10)])
chain_of("ml5", [first] + [after(f"t{index - 1}") for index in range(1, ML5)])
chain_of("windmill40", [windmill_step] * WINDMILL40)

with DAG(dag_id="fanout", **LIMITS):
    start = PythonOperator(task_id="start", python_callable=noop)
    end = PythonOperator(task_id="end", python_callable=noop)
    for number in range(WIDTH):
        start >> PythonOperator(task_id=f"t{number}", python_callable=noop) >> end
