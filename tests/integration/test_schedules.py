"""Schedules over real services: every instant has its run, once, whatever is killed meanwhile."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

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
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec

EMPTY = TaskSpec(task_id="tick", action=EmptyAction())
SECOND = timedelta(seconds=1)


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
        self, class_stack: RunningStack
    ) -> None:
        client = class_stack.client()
        spec = every_second("ticks")
        client.submit_spec(spec)
        eventually("it caught up", lambda: len(created(client, "ticks")) > 20)
        for count in (24, 28, 32):
            class_stack.wait_restarted("scheduler", class_stack.kill("scheduler"))
            eventually("it goes on", lambda count=count: len(created(client, "ticks")) > count)  # type: ignore[misc]
        assert client.pause_dag("ticks")
        found = dates(created(client, "ticks"))
        assert spec.start_date is not None
        assert found[0] == datetime.fromisoformat(spec.start_date)
        assert {later - earlier for earlier, later in pairwise(found)} == {SECOND}
        verify_log(class_stack)

    def test_a_pause_stops_it_and_what_was_missed_is_made_up_for(
        self, class_stack: RunningStack
    ) -> None:
        client = class_stack.client()
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
