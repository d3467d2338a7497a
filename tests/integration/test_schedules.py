"""Schedules over real services: every instant has its run, once, whatever is killed meanwhile."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
)
from integration.verify import verify_log
from millstream.client import Client
from millstream.client.models import Event
from millstream.core.errors import InvalidArgument
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec

EMPTY = TaskSpec(task_id="tick", action=EmptyAction())
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def every_second(dag_id: str) -> DagSpec:
    start = datetime.now(UTC).replace(microsecond=0) - 20 * SECOND
    return DagSpec(
        dag_id=dag_id,
        tasks=(EMPTY,),
        schedule="* * * * * *",
        start_date=start.isoformat(),
        catchup=True,
        is_paused_upon_creation=False,
    )


def created(client: Client, dag_id: str) -> list[Event]:
    return list(client.events(dag_id=dag_id, types=["RunCreated"]))


def dates(events: list[Event]) -> list[datetime]:
    class Created(msgspec.Struct):
        logical_date: datetime

    return [msgspec.json.decode(event.data_json, type=Created).logical_date for event in events]


class TestEverySecond:
    """A run a second, with twenty seconds to catch up on."""

    def test_no_instant_is_missed_or_doubled_while_the_scheduler_is_killed(
        self, fault_stack: RunningStack
    ) -> None:
        client = fault_stack.client()
        spec = every_second("ticks")
        client.submit_spec(spec)
        eventually("it caught up", lambda: len(created(client, "ticks")) > 20)
        for count in (24, 28, 32):
            fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
            eventually("it goes on", lambda count=count: len(created(client, "ticks")) > count)  # type: ignore[misc]
        assert client.pause_dag("ticks")
        found = dates(created(client, "ticks"))
        assert spec.start_date is not None
        assert found[0] == datetime.fromisoformat(spec.start_date)
        assert {later - earlier for earlier, later in pairwise(found)} == {SECOND}
        verify_log(fault_stack)

    def test_a_pause_stops_it_and_what_was_missed_is_made_up_for(
        self, fault_stack: RunningStack
    ) -> None:
        client = fault_stack.client()
        client.submit_spec(every_second("paused_ticks"))
        eventually("it runs", lambda: len(created(client, "paused_ticks")) > 20)
        client.pause_dag("paused_ticks")
        count = len(created(client, "paused_ticks"))
        dag = client.get_dag("paused_ticks")
        eventually("the row says so", lambda: client.get_dag("paused_ticks").is_paused)
        assert dag.dag_id == "paused_ticks"
        assert client.pause_dag("paused_ticks") is False
        threading.Event().wait(2.5)  # the schedule's own seconds pass
        assert len(created(client, "paused_ticks")) == count
        assert client.unpause_dag("paused_ticks")
        eventually("it made up", lambda: len(created(client, "paused_ticks")) >= count + 3)
        client.pause_dag("paused_ticks")
        found = dates(created(client, "paused_ticks"))
        assert {later - earlier for earlier, later in pairwise(found)} == {SECOND}


@pytest.fixture
def client(stack: RunningStack) -> Client:
    return stack.client()


class TestRuns:
    def test_a_new_dag_with_a_schedule_waits_until_somebody_triggers_it(
        self, client: Client
    ) -> None:
        spec = msgspec.structs.replace(
            bash_dag("nightly", bash("a", "true")),
            schedule="@yearly",
            start_date="2020-01-01T00:00:00+00:00",
        )
        client.submit_spec(spec)
        run = client.trigger("nightly", unpause=False)
        assert not run.unpaused
        assert client.get_run(run).state == "queued"
        dag = client.get_dag("nightly")
        assert (dag.is_paused, dag.pause_reason, dag.next_run) == (True, "new", None)
        second = client.trigger("nightly")
        assert second.unpaused
        assert_success(client, run)
        assert_success(client, second)
        types = {run.run_type for run in client.list_runs("nightly")}
        assert types == {"manual", "scheduled"}
        next_run = client.get_dag("nightly").next_run
        assert next_run is not None
        assert next_run.run_after > datetime.now(UTC)

    def test_a_logical_date_is_used_once_also_when_its_run_is_over(self, client: Client) -> None:
        client.submit_spec(bash_dag("dated", bash("a", "true")))
        date = datetime(2026, 3, 4, 5, 6, 7, 89, tzinfo=UTC)
        assert_success(client, client.trigger("dated", logical_date=date))
        with pytest.raises(Exception, match="already has a run with the logical date 2026-03-04"):
            client.trigger("dated", logical_date=date)
        assert_success(client, client.trigger("dated", has_logical_date=False))
        assert_success(client, client.trigger("dated", has_logical_date=False))
        without = [run for run in client.list_runs("dated") if run.logical_date is None]
        assert len(without) == 2

    def test_a_delayed_run_waits(self, client: Client) -> None:
        client.submit_spec(bash_dag("delayed", bash("a", "true")))
        run_after = datetime.now(UTC) + 2 * SECOND
        run = client.trigger("delayed", run_after=run_after)
        assert client.get_run(run).state == "queued"
        assert_success(client, run)
        started = client.get_run(run).started_at
        assert started is not None
        assert started >= run_after

    def test_no_more_runs_than_allowed_at_once(self, client: Client) -> None:
        spec = msgspec.structs.replace(
            bash_dag("one_by_one", bash("a", "sleep 0.2")), max_active_runs=1
        )
        client.submit_spec(spec)
        runs = [client.trigger("one_by_one") for _ in range(4)]
        for run in runs:
            assert_success(client, run)
        kinds = [
            event.type
            for event in client.events(dag_id="one_by_one")
            if event.type in ("RunStarted", "RunSucceeded")
        ]
        assert kinds == ["RunStarted", "RunSucceeded"] * 4


class TestBackfills:
    def test_dates_that_failed_run_again_and_the_others_are_made(
        self, stack: RunningStack, client: Client, tmp_path: Path
    ) -> None:
        flag = tmp_path / "flag"
        spec = msgspec.structs.replace(
            bash_dag("filled", bash("a", f"test -e {flag}")), schedule="@daily"
        )
        client.submit_spec(spec)
        first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 5, tzinfo=UTC)
        failed = client.trigger("filled", logical_date=first + 2 * DAY)
        client.pause_dag("filled")
        assert client.wait(failed, timeout_s=60).state == "failed"
        flag.touch()
        dates = client.backfills.dry_run("filled", first, last)
        assert [one.reason for one in dates] == ["", "", "a run of this date exists", "", ""]
        dates = client.backfills.dry_run("filled", first, last, reprocess_behavior="failed")
        assert [one.run_id for one in dates] == ["", "", failed.run_id, "", ""]
        client.unpause_dag("filled")
        made = client.backfills.create("filled", first, last, reprocess_behavior="failed")
        eventually("it is completed", lambda: backfill_state(client, "filled") == "completed")
        runs = [run for run in client.list_runs("filled") if run.backfill_id == made.backfill_id]
        assert sorted(run.logical_date for run in runs if run.logical_date) == [
            first + number * DAY for number in range(5)
        ]
        assert {run.state for run in runs} == {"success"}
        assert {run.run_type for run in runs} == {"backfill"}
        assert failed.run_id in {run.run_id for run in runs}

    def test_it_is_paused_and_cancelled_by_command_and_goes_on_after_a_kill(
        self, fault_stack: RunningStack
    ) -> None:
        client = fault_stack.client()
        spec = msgspec.structs.replace(bash_dag("slow", bash("a", "sleep 0.6")), schedule="@hourly")
        client.submit_spec(spec)
        words = ["--from-date", "2026-01-01T00:00", "--to-date", "2026-01-01T11:00"]
        done = fault_stack.run("backfill", "create", "slow", *words, "--max-active-runs", "2")
        assert done.returncode == 0, done.stderr
        assert "Backfill 1 of DAG slow is under way." in done.stdout
        fault_stack.wait_restarted("scheduler", fault_stack.kill("scheduler"))
        assert fault_stack.run("backfill", "pause", "slow").returncode == 0
        assert fault_stack.run("dags", "unpause", "slow").returncode == 0
        assert fault_stack.run("backfill", "unpause", "slow", "1").returncode == 0
        eventually("it is completed", lambda: backfill_state(client, "slow") == "completed", 60)
        runs = [run for run in client.list_runs("slow") if run.backfill_id]
        assert len({run.logical_date for run in runs}) == len(runs) == 12
        done = fault_stack.run("backfill", "create", "slow", *words, "--dry-run")
        assert done.stdout.count("a run of this date exists") == 12
        assert fault_stack.run("dags", "pause", "slow").returncode == 0
        again = fault_stack.run("backfill", "create", "slow", *words, "--reprocess", "completed")
        assert again.returncode == 0, again.stderr
        assert fault_stack.run("backfill", "cancel", "slow").returncode == 0
        eventually("it is cancelled", lambda: backfill_state(client, "slow") == "cancelled")
        done = fault_stack.run("backfill", "cancel", "slow")
        assert done.returncode == 1
        assert "has no backfill that goes on" in done.stderr


def backfill_state(client: Client, dag_id: str) -> str:
    """Of the newest."""
    found = next(iter(client.backfills.list(dag_id)), None)
    return found.state if found is not None else ""


def test_a_run_that_takes_too_long_is_ended(client: Client) -> None:
    spec = msgspec.structs.replace(
        bash_dag("endless", bash("a", "sleep 600"), bash("b", "true", "a")), dagrun_timeout_s=1.0
    )
    client.submit_spec(spec)
    run = client.wait(client.trigger("endless"), timeout_s=30)
    assert run.state == "failed"
    assert "dagrun_timeout" in run.reason
    assert [task.state for task in client.list_task_instances(run)] == ["skipped", "skipped"]


def test_a_conf_that_breaks_a_rule_of_the_params_is_refused(client: Client) -> None:
    spec = msgspec.structs.replace(
        bash_dag("with_params", bash("a", "true")),
        params={"batches": 5},
        param_schemas={"batches": {"type": "integer", "maximum": 10}, "name": {}},
    )
    client.submit_spec(spec)
    with pytest.raises(InvalidArgument, match="Param 'batches' of DAG 'with_params' is 11"):
        client.trigger("with_params", {"name": "x", "batches": 11})
    with pytest.raises(InvalidArgument, match="Param 'name' of DAG 'with_params' has no default"):
        client.trigger("with_params")
    assert_success(client, client.trigger("with_params", {"name": "x"}))
    # The rules are kept, up to the next version.
    later = {"batches": {"type": "integer", "maximum": 3}, "name": {}}
    client.submit_spec(msgspec.structs.replace(spec, params={}, param_schemas=later))
    with pytest.raises(InvalidArgument, match="Param 'batches' of DAG 'with_params' is 5"):
        client.trigger("with_params", {"name": "x", "batches": 5})
