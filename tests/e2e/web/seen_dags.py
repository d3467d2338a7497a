"""What there is to look at: DAGs of every kind, with runs that went well and runs that did not."""

from __future__ import annotations

from pathlib import Path

from integration.running_stack import bash
from millstream import Connection
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


def show(client: Client) -> None:
    """More of everything, for pictures: some runs are over, one runs, one waits for a person."""
    client.submit_spec(
        DagSpec(
            dag_id="nightly_train",
            description="Trains the ranking model on the orders of the day",
            tags=("ml", "daily"),
            schedule="0 3 * * *",
            is_paused_upon_creation=False,
            tasks=(
                bash("features", "sleep 0.2; echo 1200 rows"),
                *(bash(f"train_{part}", "sleep 0.4", "features") for part in "abcd"),
                bash("choose", "true", *(f"train_{part}" for part in "abcd")),
                bash("publish", "sleep 120", "choose"),
            ),
        )
    )
    client.pools.set("gpu", 4, description="The cards of the second rack")
    client.variables.set("threshold", "0.75", description="Below it no model is published")
    client.connections.set(Connection("orders", "postgres", host="db.example", port=5432))
    over = [client.trigger(SHOP) for _ in range(12)]
    over += [client.trigger(FLAKY) for _ in range(3)]
    over += [client.trigger(name) for name in ("taskflow_etl", "task_groups")]
    for run in over:
        client.wait(run, timeout_s=90)
    client.trigger(RELEASE, {"version": "2.5"}, run_id="release-2.5")
    client.trigger("nightly_train", run_id="by-hand")
