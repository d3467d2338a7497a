"""The recorded cases as a DAG file: it lies in a bundle beside ``cases.jsonl``."""

from __future__ import annotations

import functools
import json
import time
from pathlib import Path
from typing import Any

from millstream import (
    DAG,
    AirflowException,
    AirflowSkipException,
    BranchPythonOperator,
    EmptyOperator,
    PythonOperator,
    ShortCircuitOperator,
    get_current_context,
)

# Airflow decided when all that ran at the same time had ended. So tasks end just after a tick of
# the clock, those that began before it together; and since failures count more than skips for all
# rules, and these more than successes, they end in this order. Only what is mapped over by a rule
# that does not wait for it ends before all others.
TICK_S = 0.7
DELAYS_S = {"fail": 0.1, "skip": 0.2, "success": 0.3}
EARLY_RULES = ("one_success", "one_failed", "one_done")


def perform(task: dict[str, Any], is_first: bool, item: Any = None) -> Any:
    """What the case says of this try."""
    ti = get_current_context()["ti"]
    scripted = task.get("outcomes", ["success"])
    if task["kind"] == "mapped":
        scripted = task["element_outcomes"][ti.map_index]
    outcome = scripted[min(ti.try_number, len(scripted)) - 1]
    delay_s = 0.0 if is_first else DELAYS_S[outcome]
    time.sleep(TICK_S - time.time() % TICK_S + delay_s)
    match outcome:
        case "fail":
            raise AirflowException("as scripted")
        case "skip":
            raise AirflowSkipException("as scripted")
    if task["kind"] == "branch":
        return task["choose"]
    if task["kind"] == "short_circuit":
        return task["condition"]
    return list(range(task["returns_list"])) if "returns_list" in task else "ok"


def build(case: dict[str, Any]) -> DAG:
    made: dict[str, Any] = {}
    first = {
        task["over"].get("xcom")
        for task in case["tasks"]
        if task["kind"] == "mapped" and task["trigger_rule"] in EARLY_RULES
    }
    with DAG(case["id"], schedule=None) as dag:
        for task in case["tasks"]:
            options: dict[str, Any] = {
                "task_id": task["id"],
                "retries": task["retries"],
                "retry_delay": 0.0,
            }
            if not task.get("teardown"):
                options["trigger_rule"] = task["trigger_rule"]
            work = functools.partial(perform, task, task["id"] in first)
            match task["kind"]:
                case "empty":
                    made[task["id"]] = EmptyOperator(**options)
                case "branch":
                    made[task["id"]] = BranchPythonOperator(python_callable=work, **options)
                case "short_circuit":
                    made[task["id"]] = ShortCircuitOperator(
                        python_callable=work,
                        ignore_downstream_trigger_rules=task["ignore_downstream_trigger_rules"],
                        **options,
                    )
                case "mapped":
                    over = task["over"]
                    items = (
                        made[over["xcom"]].output.map(lambda item: {"item": item})
                        if "xcom" in over
                        else [{"item": index} for index in range(over["literal"])]
                    )
                    made[task["id"]] = PythonOperator.partial(
                        python_callable=work, **options
                    ).expand(op_kwargs=items)
                case _:
                    made[task["id"]] = PythonOperator(python_callable=work, **options)
        for task in case["tasks"]:
            for parent in task["upstream"]:
                made[parent] >> made[task["id"]]
        for task in case["tasks"]:
            if task.get("setup"):
                made[task["id"]].as_setup()
            if task.get("teardown"):
                of = task.get("teardown_of") or []
                made[task["id"]].as_teardown(
                    setups=[made[name] for name in ([of] if isinstance(of, str) else of)],
                    on_failure_fail_dagrun=task.get("on_failure_fail_dagrun", False),
                )
    return dag


with (Path(__file__).parent / "cases.jsonl").open(encoding="utf-8") as lines:
    for number, line in enumerate(lines):
        if line.strip():
            globals()[f"dag_{number}"] = build(json.loads(line))
