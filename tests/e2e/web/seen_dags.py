"""What there is to look at: DAGs of every kind, with runs that went well and runs that did not."""

from __future__ import annotations

from pathlib import Path

from integration.running_stack import bash
from millstream.client import Client
from millstream.core.spec import DagSpec

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[2] / "examples"
MENDED = "mended"
RELEASE = "release"
SHOP = "shop_orders"
FLAKY = "flaky_import"
SLOW = "slow_report"
FAILED_RUN = "failed-1"
GOOD_RUN = "good-1"


def fill(client: Client, folder: Path) -> None:
    """Submit them and run some; returns when these are over. What a run of the flaky one needs is a
    file of ``folder``, which is not there yet."""
    client.submit_file(HERE / "dags" / "release.py")
    for name in ("taskflow_etl", "task_groups"):
        client.submit_file(EXAMPLES / f"{name}.py", EXAMPLES)
    client.submit_spec(
        DagSpec(
            dag_id=SHOP,
            description="Orders of the shop, cleaned and counted",
            tags=("shop", "daily"),
            tasks=(
                bash("extract", "echo orders: 42"),
                bash("clean", "echo clean", "extract"),
                bash("count", "echo 42", "clean"),
                bash("publish", "echo done", "clean", "count"),
            ),
        )
    )
    client.submit_spec(
        DagSpec(
            dag_id=FLAKY,
            tags=("import",),
            tasks=(
                bash(
                    "fetch",
                    f"echo fetching; test -e '{folder / MENDED}' || (echo no such file; exit 1)",
                ),
                bash("load", "echo loaded", "fetch"),
            ),
        )
    )
    client.submit_spec(
        DagSpec(
            dag_id=SLOW, tasks=(bash("wait", "sleep 2; echo waited"), bash("end", "true", "wait"))
        )
    )
    good = client.trigger(SHOP, run_id=GOOD_RUN)
    failed = client.trigger(FLAKY, run_id=FAILED_RUN)
    assert client.wait(good, timeout_s=60).state == "success"
    assert client.wait(failed, timeout_s=60).state == "failed"
