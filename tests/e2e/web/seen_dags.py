"""What there is to look at: DAGs of every kind, with runs that went well and runs that did not."""

from __future__ import annotations

from integration.running_stack import bash
from millstream.client import Client
from millstream.core.spec import DagSpec

SHOP = "shop_orders"
FLAKY = "flaky_import"
SLOW = "slow_report"
FAILED_RUN = "failed-1"
GOOD_RUN = "good-1"


def fill(client: Client) -> None:
    """Submit them and run some; returns when these are over."""
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
                    "fetch", "echo fetching; echo the disk is full >&2; test -e /tmp/no-such-file"
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
