"""Pools through the real services: who holds slots, who waits, and the command line."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from integration.running_stack import RunningStack
from integration.verify import verify_log
from millstream.core.errors import MillstreamError, NotFound

SOURCE = """
from millstream import DAG, task

with DAG("cards") as cards:
    @task(pool="gpu")
    def train(number):
        return number

    @task
    def most(numbers):
        return max(numbers)

    most([train.override(task_id=f"train{n}")(n) for n in range(6)])
"""


@pytest.mark.integration
def test_tasks_wait_for_their_pool_and_go_through_it(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "cards.py"
    file.write_text(SOURCE)
    client = stack.client()
    client.submit_file(file)
    run = client.trigger("cards")
    scheduled = next(
        event
        for event in client.events(dag_id="cards", follow=True, timeout_s=30)
        if event.type == "TaskScheduled"
    )
    with pytest.raises(NotFound, match="'gpu' does not exist"):
        client.pools.get("gpu", min_position=scheduled.position)
    assert {one.state for one in client.list_task_instances(run) if one.task_id != "most"} == {
        "scheduled"
    }
    position = client.pools.set("gpu", 1, description="one card", request_id="set-once")
    assert client.pools.set("gpu", 1, description="one card", request_id="set-once") == position
    assert client.wait(run, timeout_s=60).state == "success"
    assert client.xcom(run, "most") == 5
    _at_most_one_at_a_time(stack)
    pools = {pool.name: pool for pool in client.pools.list(min_position=position)}
    assert {"default_pool", "gpu"} <= set(pools)  # others of this stack may be there
    assert (pools["default_pool"].slots, pools["default_pool"].occupied_slots) == (128, 0)
    assert (pools["gpu"].slots, pools["gpu"].open_slots) == (1, 1)
    assert pools["gpu"].description == "one card"
    verify_log(stack)


def _at_most_one_at_a_time(stack: RunningStack) -> None:
    is_open = False
    for event in stack.client().events(dag_id="cards"):
        if not event.task_id.startswith("train"):
            continue
        if event.type == "TaskReady":
            assert not is_open, event.position
            is_open = True
        elif event.type == "TaskSucceeded":
            is_open = False


@pytest.mark.integration
def test_pools_on_the_command_line(stack: RunningStack) -> None:
    done = stack.run("pools", "set", "net", "3", "to the outside", "--include-deferred")
    assert done.stdout == "Pool net has 3 slots.\n"
    assert "unlimited" in stack.run("pools", "set", "net", "-1").stdout.replace(
        "as many slots as anybody wants", "unlimited"
    )
    got = msgspec.json.decode(stack.run("pools", "get", "net", "--json").stdout)
    assert (got["slots"], got["open_slots"], got["include_deferred"]) == (-1, -1, False)
    assert "default_pool" in stack.run("pools", "list").stdout
    assert stack.run("pools", "delete", "net").stdout == "Pool net is gone.\n"
    assert stack.run("pools", "delete", "net").returncode != 0
    client = stack.client()
    with pytest.raises(MillstreamError, match="cannot be deleted"):
        client.pools.delete("default_pool")
    with pytest.raises(MillstreamError, match="slots is -2"):
        client.pools.set("net", -2)
