"""Params with rules: what a run may be given, and what is refused before a task does any work.

Try `millstream trigger params --conf '{"rows": 50, "day": "2024-02-29"}'`, or run this file.
"""

from millstream import DAG, BashOperator, Param, task

with DAG(
    dag_id="params",
    schedule=None,
    tags=["example"],
    params={
        "rows": Param(10, type="integer", minimum=1, maximum=1000, title="How many rows"),
        "day": Param(None, type=["null", "string"], format="date", description="None: all days"),
        "mode": Param("append", enum=["append", "replace"]),
        "note": "plain values are params too",
    },
) as dag:

    @task
    def make_rows(params=None):
        return [{"id": number, "day": params["day"]} for number in range(params["rows"])]

    @task
    def count(rows: list) -> int:
        return len(rows)

    count(make_rows()) >> BashOperator(
        task_id="report", bash_command="echo '{{ params.mode }}: {{ params.note }}'"
    )

if __name__ == "__main__":
    dag.test(run_conf={"rows": 50, "day": "2024-02-29"})
