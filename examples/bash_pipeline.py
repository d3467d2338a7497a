"""Bash tasks: templates, the last line of output as XCom, and an exit code that skips.

None of these tasks needs this file on the worker: a BashOperator is submitted as plain data.
"""

from datetime import timedelta

import pendulum

from millstream import DAG, BashOperator, EmptyOperator, TriggerRule

with DAG(
    dag_id="bash_pipeline",
    schedule="30 6 * * 1-5",
    start_date=pendulum.datetime(2024, 1, 1, tz="UTC"),
    tags=["example"],
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10)},
) as dag:
    count = BashOperator(
        task_id="count_files",
        bash_command="echo 'counting /etc'; ls /etc | wc -l",
    )
    report = BashOperator(
        task_id="report",
        bash_command='echo "run {{ run_id }} found $FILES files"',
        env={"FILES": "{{ ti.xcom_pull(task_ids='count_files') }}"},
        append_env=True,
    )
    # Skips unless the run was triggered with --conf '{"archive": true}'.
    archive = BashOperator(
        task_id="archive",
        bash_command="{{ 'echo archived' if dag_run.conf.get('archive') else 'exit 99' }}",
        execution_timeout=timedelta(minutes=5),
    )
    done = EmptyOperator(task_id="done", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS)

    count >> [report, archive] >> done
