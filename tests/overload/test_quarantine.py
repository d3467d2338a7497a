"""A real scheduler whose core fails on some DAGs: they are put aside, people see why and get them
out again, and the others go on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log
from millstream.core.errors import MillstreamError
from millstream.core.spec import DagSpec
from overload.good_caller import GoodCaller, good_dag, run_good

BROKEN_CORE = Path(__file__).parent / "broken_core"


def scheduled(dag_id: str, schedule: str = "@hourly") -> DagSpec:
    return msgspec.structs.replace(
        good_dag(dag_id),
        schedule=schedule,
        start_date="2026-01-01T00:00:00+00:00",
        catchup=False,
        is_paused_upon_creation=False,
    )


@pytest.fixture(scope="module")
def fault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The core is broken as long as it exists."""
    path = tmp_path_factory.mktemp("fault") / "broken"
    path.touch()
    return path


@pytest.fixture(scope="module")
def broken_stack(tmp_path_factory: pytest.TempPathFactory, fault: Path) -> Iterator[RunningStack]:
    paths = f"{BROKEN_CORE}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"
    stack = RunningStack(
        tmp_path_factory.mktemp("broken") / "a stack",
        {"PYTHONPATH": paths, "BROKEN_CORE": str(fault), "MILLSTREAM_LEASE_S": "3"},
    )
    with stack.running():
        run_good(stack)
        yield stack


def test_a_request_that_ends_schedulers_is_refused_in_the_end(broken_stack: RunningStack) -> None:
    """Each scheduler that gets it ends at its commit, and the next one gets it again."""
    client = broken_stack.client()
    client.submit_spec(good_dag("fails_commit"))
    before = broken_stack.identity("scheduler")
    with pytest.raises(MillstreamError) as caught:
        client.trigger("fails_commit", request_id="poison")
    assert (caught.value.reason, "OurFault" in str(caught.value)) == ("INTERNAL", True)
    assert broken_stack.identity("scheduler") != before
    assert_success(client, client.trigger("good"), 30.0)
    assert list(client.list_runs("fails_commit")) == []
    said = broken_stack.log("scheduler")
    assert said.count('"event": "poison"') == 1, "it was sent more than once, and known then"


def test_what_fails_is_put_aside_and_gets_out_again(
    broken_stack: RunningStack, fault: Path
) -> None:
    stack = broken_stack
    client = stack.client()
    scheduler = stack.identity("scheduler")
    with GoodCaller(stack) as good:
        # A run, in what follows from its start.
        client.submit_spec(good_dag("fails_react"))
        failed = client.trigger("fails_react")
        ended = client.wait(failed, timeout_s=30)
        assert (ended.state, ended.reason) == ("failed", "quarantined: OurFault('react')")
        # A schedule that cannot be reckoned, whose timer cannot be set, whose run cannot be made.
        client.submit_spec(scheduled("fails_plan"))
        client.submit_spec(scheduled("fails_timer"))
        client.submit_spec(scheduled("fails_decide", "* * * * * *"))
        for place in ("plan", "timer", "decide"):
            expected = f"quarantined: OurFault('{place}')"
            eventually(
                f"fails_{place} is paused",
                lambda place=place, expected=expected: (  # type: ignore[misc]
                    (f"fails_{place}", expected)
                    in {(dag.dag_id, dag.pause_reason) for dag in client.list_dags()}
                ),
            )
        assert stack.identity("scheduler") == scheduler
        eventually("a run of somebody else went well", lambda: bool(good.runs or good.errors))
    assert good.errors == []
    # An event in the log that the next scheduler cannot fold.
    client.submit_spec(bash_dag("fails_fold", bash("a", "sleep 60")))
    run = client.trigger("fails_fold")
    wait_for_event(client, run, "TaskStarted")
    stack.wait_restarted("scheduler", stack.kill("scheduler"))
    assert client.wait(run, timeout_s=30).reason == "quarantined: OurFault('fold')"
    assert '"event": "event_not_folded"' in stack.log("scheduler")
    assert_success(client, client.trigger("good"))
    shown = stack.run("dags", "list")
    assert "paused (quarantined" in " ".join(shown.stdout.split()), shown.stdout
    # Another release, which has no fault.
    fault.unlink()
    client.clear(failed, ["only"], only_failed=False)
    assert_success(client, failed)
    for place in ("plan", "timer"):
        assert client.unpause_dag(f"fails_{place}")
        eventually(
            f"fails_{place} has a next run",
            lambda place=place: client.get_dag(f"fails_{place}").next_run is not None,  # type: ignore[misc]
        )
    assert client.unpause_dag("fails_decide")
    eventually(
        "it makes runs",
        lambda: bool(list(client.events(dag_id="fails_decide", types=["RunSucceeded"]))),
    )
    client.pause_dag("fails_decide")
    verify_log(stack)
