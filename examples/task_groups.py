"""Task groups: a prefix for ids, defaults of their own, and edges that mean all of their tasks."""

import pendulum

from millstream import DAG, EmptyOperator, Label, PythonOperator, TaskGroup, task, task_group


@task
def rows_of(table: str) -> int:
    """How many rows came in; an example needs no database."""
    return {"orders": 1200, "items": 4100, "customers": 310}[table]


@task
def check(table: str, rows: int) -> str:
    if rows == 0:
        raise ValueError(f"{table} came in empty")
    print(f"{table}: {rows} rows")
    return table


@task_group
def load(table: str):
    """Loads one table. The second and third call become the groups load__1 and load__2."""
    return check(table, rows_of(table))


with DAG(
    dag_id="task_groups",
    schedule=None,
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    tags=["example"],
) as dag:
    start = EmptyOperator(task_id="start")

    with TaskGroup("tables", default_args={"retries": 2, "retry_delay": 5}) as tables:
        loaded = [load(table) for table in ("orders", "items", "customers")]

    with TaskGroup("report", tooltip="what people read") as report:
        PythonOperator(task_id="summary", python_callable=print, op_args=["loaded:", loaded])
        EmptyOperator(task_id="archive")

    done = EmptyOperator(task_id="done")

    start >> tables >> Label("all loaded") >> report >> done
