"""Why a task has not run, through the real services and on the command line."""

from __future__ import annotations

import signal
import time

import msgspec
import pytest

from integration.running_stack import RunningStack, bash, bash_dag, eventually, wait_for_event
from millstream.core.errors import NotFound

MOST_S = 5.0


@pytest.mark.integration
def test_a_task_is_explained_until_it_is_over(stack: RunningStack) -> None:
    client = stack.client()
    spec = bash_dag(
        "why", bash("a", "echo 1", pool="why"), bash("b", "exit 3", "a"), bash("c", "true", "b")
    )
    client.submit_spec(spec)
    run = client.trigger("why")

    missing = client.why(run, "a")
    assert (missing.state, missing.run_state) == ("scheduled", "running")
    assert [blocker.code for blocker in missing.blockers] == ["POOL_MISSING"]
    assert missing.sentence == "There is no pool 'why'; nobody has made it."

    upstream = client.why(run, "b")
    assert upstream.blockers[0].code == "UPSTREAM_NOT_FINISHED"
    (named,) = upstream.blockers[0].subjects
    assert (named.task_id, named.state) == ("a", "scheduled")
    (event,) = upstream.blockers[0].events
    assert (event.type, event.task_id) == ("TaskScheduled", "a")
    assert upstream.position >= run.position

    client.pause_dag("why")
    paused = client.why(run, "a")
    assert [blocker.code for blocker in paused.blockers] == ["DAG_PAUSED", "POOL_MISSING"]
    assert paused.blockers[0].since is not None
    client.unpause_dag("why")
    client.pools.set("why", 1)

    client.wait(run, timeout_s=60)
    done = client.why(run.run_id, "a")
    assert (done.state, done.blockers[0].code) == ("success", "SUCCEEDED")
    failed = client.why(run, "c")
    assert (failed.state, failed.run_state) == ("upstream_failed", "failed")
    assert "The cause: 'b' failed at" in failed.sentence
    assert [event.type for event in failed.blockers[0].events] == [
        "TaskFailed",
        "TaskUpstreamFailed",
    ]


@pytest.mark.integration
def test_on_the_command_line(stack: RunningStack) -> None:
    client = stack.client()
    client.submit_spec(bash_dag("why-cli", bash("a", "true", queue="nobody"), bash("b", "true")))
    run = client.trigger("why-cli")
    wait_for_event(client, run, "TaskSucceeded", "b")

    def is_told() -> bool:  # a scheduler that has just begun has not heard all workers yet
        return client.why(run, "a").blockers[0].code == "NO_WORKER"

    eventually("nobody serves the queue", is_told, timeout_s=40)
    shown = stack.run("why", run.run_id, "a", "--dag", "why-cli")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "No worker serves the queue 'nobody'" in shown.stdout
    assert "TaskReady  a  by" in shown.stdout
    as_json = msgspec.json.decode(stack.run("why", run.run_id, "a", "--json").stdout)
    assert as_json["blockers"][0]["code"] == "NO_WORKER"

    wrong = stack.run("why", run.run_id, "aa")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "has no task 'aa'. Did you mean 'a'?" in wrong.stderr
    with pytest.raises(NotFound, match=r"'nix'.* does not exist") as caught:
        client.why("nix", "a", dag_id="why-cli")
    assert caught.value.reason == "RUN_NOT_FOUND"
    client.cancel(run)


@pytest.mark.integration
def test_while_the_scheduler_stands_still(fault_stack: RunningStack) -> None:
    client = fault_stack.client()
    client.submit_spec(
        bash_dag("why-stopped", bash("a", "true", queue="nobody"), bash("b", "true"))
    )
    run = client.trigger("why-stopped")
    wait_for_event(client, run, "TaskSucceeded", "b")
    process = fault_stack.identity("scheduler")
    process.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        found = client.why(run, "a")
        assert time.monotonic() - began < MOST_S
        assert [blocker.code for blocker in found.blockers] == ["SCHEDULER_SILENT", "NOT_CLAIMED"]
        assert client.why(run, "b").blockers[0].code == "SUCCEEDED"
    finally:
        process.send(signal.SIGCONT)
    client.cancel(run)
    eventually("it is answered again", lambda: client.why(run, "a").state == "skipped")
