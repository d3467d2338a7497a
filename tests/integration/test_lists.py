"""Lists on large tables: the database filters, sorts and cuts them, and looks at no more than it
must. The services themselves, on a Postgres without the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, NamedTuple, cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from integration.explained import Context, Services, check_plan, services
from integration.many_rows import dag_id, filled_tables, run_id
from millstream.core.errors import InvalidArgument, NotFound
from millstream.embedded.run import RunningServers
from millstream.rpc.v1 import (
    assets_pb2,
    backfills_pb2,
    connections_pb2,
    dags_pb2,
    human_input_pb2,
    pools_pb2,
    runs_pb2,
    variables_pb2,
)

DAGS, RUNS, TASKS = 120, 60, 6
PAGE = 7


@pytest.fixture(scope="module")
def database(servers: RunningServers) -> str:
    async def fill() -> None:
        async with filled_tables(servers.database_url, DAGS, RUNS, TASKS):
            pass

    asyncio.run(fill())
    return servers.database_url


class List(NamedTuple):
    """A request, whom it is for, and what its answer consists of."""

    name: str
    request: Any
    items: str
    key: Callable[[Any], Any]
    length: int
    # Sorted by the key: None if the database decides.
    descends: bool | None = False

    def method(self, services: Services) -> Any:
        service, method = self.name.split(".")
        return getattr(getattr(services, service), method)


def at(second: int) -> Timestamp:
    stamp = Timestamp()
    stamp.FromJsonString("2025-01-01T00:00:00Z")
    stamp.seconds += second
    return stamp


def created(run: Any) -> Any:
    return run.created_position


def by_id(dag: Any) -> Any:
    return dag.dag_id


def name_of(item: Any) -> Any:
    return item.name


Dags, Runs, Tasks = (
    dags_pb2.ListDagsRequest,
    runs_pb2.ListRunsRequest,
    runs_pb2.ListTaskInstancesRequest,
)
ONE: dict[str, Any] = {"dag_id": dag_id(10), "run_id": run_id(RUNS)}
ALL = DAGS * RUNS
STATES = runs_pb2.RunState
LISTS = [
    List("dags.ListDags", Dags(), "dags", by_id, DAGS),
    List("dags.ListDags", Dags(order_by="dag_id desc"), "dags", by_id, DAGS, True),
    List("dags.ListDags", Dags(tags=["t3"]), "dags", by_id, DAGS // 10),
    List("dags.ListDags", Dags(tags=["t3", "all"], all_tags=True), "dags", by_id, DAGS // 10),
    List("dags.ListDags", Dags(owners=["team 1"]), "dags", by_id, (DAGS + 6) // 7),
    List("dags.ListDags", Dags(search="NUMBER 11"), "dags", by_id, 11),
    List("dags.ListDags", Dags(is_paused=True), "dags", by_id, DAGS // 4),
    List("dags.ListDags", Dags(last_run_states=[STATES.RUN_STATE_RUNNING]), "dags", by_id, 12),
    List("dags.ListDags", Dags(order_by="last_run_at desc"), "dags", by_id, DAGS, True),
    List("dags.ListDags", Dags(order_by="submitted_at"), "dags", by_id, DAGS),
    List("dags.ListDags", Dags(order_by="next_run_after"), "dags", by_id, DAGS, None),
    List("dags.ListDagVersions", dags_pb2.ListDagVersionsRequest(dag_id=dag_id(3)), "dag_versions",
         lambda version: version.version, 2, True),
    List("runs.ListRuns", Runs(), "runs", created, ALL, True),
    List("runs.ListRuns", Runs(order_by="created_at"), "runs", created, ALL),
    List("runs.ListRuns", Runs(dag_id=dag_id(7)), "runs", created, RUNS, True),
    List("runs.ListRuns", Runs(states=[STATES.RUN_STATE_FAILED]), "runs", created, DAGS, True),
    List("runs.ListRuns", Runs(states=[STATES.RUN_STATE_FAILED, STATES.RUN_STATE_RUNNING]), "runs",
         created, DAGS + 12, True),
    List("runs.ListRuns", Runs(dag_id=dag_id(7), order_by="logical_date"), "runs", created, RUNS),
    List("runs.ListRuns", Runs(dag_id=dag_id(7), run_types=["manual"]), "runs", created, 12, True),
    List("runs.ListRuns", Runs(dag_id=dag_id(7), run_id_prefix="manual__00001"), "runs", created,
         10, True),
    List("runs.ListRuns", Runs(created_from=at(DAGS * 3), created_until=at(DAGS * 3 + 50)), "runs",
         created, 50, True),
    List("runs.ListRuns", Runs(dag_id=dag_id(7), logical_from=at(DAGS * 10)), "runs", created,
         RUNS - 9, True),
    List("runs.ListTaskInstances", Tasks(**ONE), "task_instances", lambda t: t.task_id, TASKS),
    List("runs.ListTaskInstances", Tasks(**ONE, order_by="started_at desc"), "task_instances",
         lambda t: t.task_id, TASKS, True),
    List("runs.ListTaskInstances", Tasks(**ONE, task_ids=["t2", "t5"]), "task_instances",
         lambda t: t.task_id, 2),
    List("runs.ListTaskInstances", Tasks(dag_id=dag_id(10), task_ids=["t2"]), "task_instances",
         lambda t: t.run_id, RUNS, True),
    List("runs.ListTaskInstances", Tasks(dag_id=dag_id(10)), "task_instances",
         lambda t: (t.run_id, t.task_id), RUNS * TASKS, True),
    List("runs.ListTaskInstances",
         Tasks(dag_id=dag_id(10), states=[runs_pb2.TaskState.TASK_STATE_FAILED]), "task_instances",
         lambda t: (t.run_id, t.task_id), TASKS, True),
    List("runs.ListAttempts", runs_pb2.ListAttemptsRequest(**ONE, task_id="t1"), "attempts",
         lambda a: a.attempt, 1),
    List("runs.ListXComs", runs_pb2.ListXComsRequest(dag_id=dag_id(10), run_id=run_id(11)), "xcoms",
         lambda x: x.task_id, TASKS),
    List("runs.ListXComs",
         runs_pb2.ListXComsRequest(dag_id=dag_id(10), run_id=run_id(11), task_id="t2"), "xcoms",
         lambda x: x.task_id, 1),
    List("assets.ListAssets", assets_pb2.ListAssetsRequest(), "assets", name_of, 50),
    List("assets.ListAssets", assets_pb2.ListAssetsRequest(search="ASSET 4", group="g"), "assets",
         name_of, 11),
    List("assets.ListAssetEvents", assets_pb2.ListAssetEventsRequest(), "events",
         lambda e: e.position, ALL, True),
    List("assets.ListAssetEvents", assets_pb2.ListAssetEventsRequest(name="asset 7"), "events",
         lambda e: e.position, ALL // 50, True),
    List("assets.ListAssetEvents", assets_pb2.ListAssetEventsRequest(**ONE, order_by="position"),
         "events", lambda e: e.position, 1),
    List("inputs.ListInputRequests", human_input_pb2.ListInputRequestsRequest(), "requests",
         lambda r: (r.run_id, r.dag_id), ALL, True),
    List("inputs.ListInputRequests",
         human_input_pb2.ListInputRequestsRequest(state="INPUT_STATE_WAITING"), "requests",
         lambda r: (r.run_id, r.dag_id), ALL // 20, True),
    List("inputs.ListInputRequests",
         human_input_pb2.ListInputRequestsRequest(dag_id=dag_id(5), order_by="asked_at"),
         "requests", lambda r: r.run_id, RUNS),
    List("backfills.ListBackfills", backfills_pb2.ListBackfillsRequest(), "backfills",
         lambda b: (b.dag_id, b.backfill_id), 2 * DAGS, True),
    List("backfills.ListBackfills",
         backfills_pb2.ListBackfillsRequest(dag_id=dag_id(5), states=["running"]), "backfills",
         lambda b: b.backfill_id, 1),
    List("pools.ListPools", pools_pb2.ListPoolsRequest(), "pools", name_of, 201),
    List("pools.ListPools", pools_pb2.ListPoolsRequest(search="NAME 19", order_by="name desc"),
         "pools", name_of, 11, True),
    List("variables.ListVariables", variables_pb2.ListVariablesRequest(search="described"),
         "variables", lambda v: v.key, 200),
    List("variables.ListVariables", variables_pb2.ListVariablesRequest(order_by="updated_at desc"),
         "variables", lambda v: v.key, 200, True),
    List("connections.ListConnections", connections_pb2.ListConnectionsRequest(), "connections",
         lambda c: c.conn_id, 200),
]  # fmt: skip


@pytest.mark.parametrize(
    "case", LISTS, ids=lambda case: f"{case.name} {case.request!s:.60}".strip()
)
def test_a_list(database: str, case: List) -> None:
    items, plans = asyncio.run(all_pages(database, case, 1000))
    keys = [case.key(item) for item in items]
    assert len(keys) == case.length
    assert len(set(keys)) == case.length
    if case.descends is not None:
        assert keys == sorted(keys, reverse=case.descends)
    if case.length <= 300:
        again, more = asyncio.run(all_pages(database, case, PAGE))
        assert again == items
        plans += more
    for plan in plans:
        check_plan(plan)


async def all_pages(url: str, case: List, size: int) -> tuple[list[Any], list[Any]]:
    """The items of all pages, and the plans of the statements."""
    items: list[Any] = []
    async with services(url) as made:
        request = type(case.request)()
        request.CopyFrom(case.request)
        request.page_size = size
        while True:
            answer = await case.method(made)(request, cast(Any, Context()))
            found = list(getattr(answer, case.items))
            assert 0 < len(found) <= size
            items += found
            request.page_token = answer.next_page_token
            if not request.page_token:
                return items, made.snapshots.plans


@pytest.mark.parametrize(
    "request_",
    [
        Runs(order_by="position"),
        Runs(order_by="created_at; DROP TABLE dag_run"),
        Runs(order_by="created_at descending"),
        Runs(order_by="logical_date"),
        Runs(run_id_prefix="x"),
        Runs(page_size=-1),
        Runs(created_from=Timestamp(seconds=10**12)),
        Runs(dag_id="a\0b"),
        Runs(page_token="e30"),
    ],
    ids=str,
)
def test_what_cannot_be_listed_is_said(database: str, request_: Any) -> None:
    async def ask() -> None:
        async with services(database) as made:
            with pytest.raises(InvalidArgument):
                await made.runs.ListRuns(request_, cast(Any, Context()))

    asyncio.run(ask())


def test_a_token_is_good_for_its_own_list_alone(database: str) -> None:
    async def ask() -> None:
        async with services(database) as made:
            context = cast(Any, Context())
            token = (await made.runs.ListRuns(Runs(page_size=3), context)).next_page_token
            assert (await made.runs.ListRuns(Runs(page_size=9, page_token=token), context)).runs
            for other in (Runs(dag_id=dag_id(1)), Runs(order_by="created_at")):
                other.page_token = token
                with pytest.raises(InvalidArgument, match="page_token"):
                    await made.runs.ListRuns(other, context)

    asyncio.run(ask())


def test_a_dag_comes_with_its_recent_runs(database: str) -> None:
    async def ask() -> None:
        async with services(database) as made:
            request = Dags(recent_runs=3, search=dag_id(10))
            (dag,) = (await made.dags.ListDags(request, cast(Any, Context()))).dags
            assert [run.run_id for run in dag.recent_runs] == [run_id(RUNS - n) for n in range(3)]
            assert dag.recent_runs[0].state == STATES.RUN_STATE_RUNNING
            assert (list(dag.tags), list(dag.owners)) == (["t0", "all"], ["team 3"])
            for plan in made.snapshots.plans:
                check_plan(plan)

    asyncio.run(ask())


def test_one_task_and_one_version(database: str) -> None:
    async def ask() -> None:
        async with services(database) as made:
            context = cast(Any, Context())
            get = runs_pb2.GetTaskInstanceRequest(**ONE, task_id="t2")
            found = (await made.runs.GetTaskInstance(get, context)).task_instance
            assert (found.task_id, found.run_id, found.attempt) == ("t2", ONE["run_id"], 1)
            for missing in ("ghost", "t2"):
                get.task_id = missing
                get.map_index[:] = [3]
                with pytest.raises(NotFound):
                    await made.runs.GetTaskInstance(get, context)
            wanted = dags_pb2.GetDagVersionRequest(dag_id=dag_id(1), version=1, with_source=True)
            version = await made.dags.GetDagVersion(wanted, context)
            assert version.dag_version.submitted_by == "api/1"
            assert json.loads(version.spec_json)["dag_id"] == dag_id(1)
            wanted.version = 3
            with pytest.raises(NotFound):
                await made.dags.GetDagVersion(wanted, context)
            for plan in made.snapshots.plans:
                check_plan(plan)

    asyncio.run(ask())
