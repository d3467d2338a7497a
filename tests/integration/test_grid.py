"""The grid and the calendar: what they say, and what Postgres looks at for them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, cast

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from integration.explained import Context, Services, check_plan, services
from integration.many_rows import dag_id, filled_tables, run_id
from millstream.core.errors import InvalidArgument, NotFound
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec, encode_spec
from millstream.embedded.run import RunningServers
from millstream.rpc.v1 import runs_pb2
from millstream_api import grid

DAGS, RUNS, TASKS = 20, 60, 6
CONTEXT = cast(Any, Context())
STATES = runs_pb2.TaskState

_DAG = """
INSERT INTO dag (namespace, dag_id, latest_version, submitted_at, is_paused, pause_reason,
    display_name, description, tags, owners, schedule, file)
VALUES ('default', 'grown', 2, now(), false, '', '', '', '[]', '[]', '', '')
"""
_VERSION = """
INSERT INTO dag_version (namespace, dag_id, version, spec, bundle, submitted_at, submitted_by,
    position)
VALUES ('default', 'grown', $1, $2::text::json, '', now(), '', 1)
"""
_RUN = """
INSERT INTO dag_run (namespace, dag_id, run_id, version, state, run_type, triggered_by, conf,
    logical_date, run_after, created_at, note, reason, asset_events, backfill_id, created_position,
    position, rerun_of, rerun_position, rerun_start)
VALUES ('default', 'grown', $1, $2, $3, 'manual', 'rpc', '{}', $4::text::timestamptz,
    '2025-03-31', '2025-04-01', '', '', '[]', '', $5, $5, '', 0, '')
"""
_TASK = """
INSERT INTO task_instance (namespace, dag_id, run_id, task_id, map_index, state, attempt, queue,
    worker, reason, traceback, map_name, position, pool, pool_slots, taken_from)
VALUES ('default', 'grown', $1, $2, $3, $4, $5, '', '', '', '', '', 1, '', 1, '')
"""
TASK_ROWS: list[tuple[str, str, list[int], str, int]] = [
    ("old", "gone", [], "success", 1),
    ("old", "a", [], "failed", 3),
    # What was before it was expanded; then nine of ten are done.
    ("new", "mapped", [], "none", 0),
    *(("new", "mapped", [n], "success", 1 + n % 2) for n in range(9)),
    ("new", "mapped", [9], "running", 1),
    ("new", "a", [], "success", 1),
    # Done before the run went on with another version.
    ("new", "never listed", [], "skipped", 1),
]


def spec(*task_ids: str) -> str:
    tasks = tuple(TaskSpec(task_id=task_id, action=EmptyAction()) for task_id in task_ids)
    return encode_spec(DagSpec(dag_id="grown", tasks=tasks)).decode()


_RENDERED = """
INSERT INTO rendered_fields (namespace, dag_id, run_id, task_id, map_index, attempt, fields,
    position)
VALUES ('default', 'grown', $1, $2, $3, $4, $5::text::json, 1)
"""


@pytest.fixture(scope="module")
def database(servers: RunningServers) -> str:
    async def fill() -> None:
        async with filled_tables(servers.database_url, DAGS, RUNS, TASKS) as connection:
            await connection.execute(_DAG)
            await connection.execute(_VERSION, 1, spec("gone", "a"))
            await connection.execute(_VERSION, 2, spec("z", "mapped", "a"))
            # Half past ten in the evening in Greenwich, when clocks in Berlin are one hour ahead,
            # and after they were set forward two.
            for number, (run, version, state, date) in enumerate(
                [
                    ("old", 1, "failed", "2025-03-29T22:30:00Z"),
                    ("new", 2, "running", "2025-03-30T22:30:00Z"),
                    ("undated", 2, "queued", None),
                ]
            ):
                await connection.execute(_RUN, run, version, state, date, number)
            for row in TASK_ROWS:
                await connection.execute(_TASK, *row)
            await connection.execute(_RENDERED, "old", "a", [], 1, '{"bash_command":"exit 1"}')
            fields = '{"env":"{}","bash_command":"true"}'
            await connection.execute(_RENDERED, "old", "a", [], 3, fields)
            await connection.execute(_RENDERED, "new", "mapped", [4], 1, '{"op_args":"[4]"}')
            await connection.execute(
                "UPDATE task_instance SET taken_from = 'old', attempt = 0 "
                "WHERE dag_id = 'grown' AND run_id = 'new' AND task_id = 'a'"
            )

    asyncio.run(fill())
    return servers.database_url


def ask(url: str, use: Callable[[Services], Coroutine[Any, Any, Any]]) -> Any:
    async def main() -> Any:
        async with services(url) as made:
            answer = await use(made)
            for plan in made.snapshots.plans:
                check_plan(plan)
            return answer

    return asyncio.run(main())


def read_grid(url: str, **fields: Any) -> runs_pb2.GetGridResponse:
    request = runs_pb2.GetGridRequest(**fields)
    return cast(
        runs_pb2.GetGridResponse, ask(url, lambda made: made.runs.GetGrid(request, CONTEXT))
    )


def test_a_byte_for_each_task_of_each_run(database: str) -> None:
    found = read_grid(database, dag_id=dag_id(10), page_size=400)
    assert list(found.task_ids) == [f"t{n}" for n in range(1, TASKS + 1)]
    assert found.latest_tasks == TASKS
    assert [run.run_id for run in found.runs] == [run_id(RUNS - n) for n in range(RUNS)]
    running, failed = found.runs[0], found.runs[RUNS - 7]
    assert running.states == bytes([STATES.TASK_STATE_RUNNING] * TASKS)
    assert failed.states == bytes([STATES.TASK_STATE_FAILED] * TASKS)
    assert not running.attempts
    assert not running.mapped
    assert not found.next_page_token


def test_runs_of_other_versions_and_mapped_tasks(database: str) -> None:
    found = read_grid(database, dag_id="grown")
    assert list(found.task_ids) == ["z", "mapped", "a", "gone", "never listed"]
    assert found.latest_tasks == 3
    undated, new, old = found.runs
    none, success, running = 1, STATES.TASK_STATE_SUCCESS, STATES.TASK_STATE_RUNNING
    assert list(undated.states) == [none, none, none, 0, 0]
    assert list(new.states) == [none, running, success, 0, STATES.TASK_STATE_SKIPPED]
    assert list(old.states) == [0, 0, STATES.TASK_STATE_FAILED, success, 0]
    assert dict(old.attempts) == {2: 3}
    assert dict(new.attempts) == {1: 2}
    counted = {one.state: one.count for one in new.mapped[1].counts}
    assert counted == {running: 1, success: 9}
    assert not undated.HasField("logical_date")


def flat(pages: list[list[str]]) -> list[str]:
    return [run for page in pages for run in page]


def test_pages_of_a_grid_hold_each_run_once(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def pages(size: int) -> list[list[str]]:
        found, token = [], ""
        while True:
            page = read_grid(database, dag_id=dag_id(3), page_size=size, page_token=token)
            found.append([run.run_id for run in page.runs])
            token = page.next_page_token
            if not token:
                return found

    everything = [run_id(RUNS - n) for n in range(RUNS)]
    assert [len(page) for page in pages(25)] == [25, 25, 10]
    assert flat(pages(25)) == everything
    # A page ends where its runs have too many instances, but has one run at least.
    monkeypatch.setattr(grid, "MOST_INSTANCES", 20 * TASKS)
    assert [len(page) for page in pages(400)] == [20, 20, 20]
    monkeypatch.setattr(grid, "MOST_INSTANCES", 1)
    assert flat(pages(400)) == everything


def test_a_grid_of_some_runs(database: str) -> None:
    failed = read_grid(
        database, dag_id=dag_id(3), states=[runs_pb2.RUN_STATE_FAILED], order_by="logical_date"
    )
    assert [run.run_id for run in failed.runs] == [run_id(7)]
    manual = read_grid(database, dag_id=dag_id(3), run_types=["manual"], page_size=3)
    assert [run.run_id for run in manual.runs] == [run_id(60), run_id(55), run_id(50)]


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"dag_id": "ghost"}, NotFound),
        ({}, InvalidArgument),
        ({"dag_id": "grown", "order_by": "run_id"}, InvalidArgument),
        ({"dag_id": "grown", "page_size": -1}, InvalidArgument),
    ],
    ids=str,
)
def test_what_has_no_grid(database: str, fields: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_grid(database, **fields)


def rendered(url: str, run: str, task: str, *path: int, attempt: int = 0) -> Any:
    request = runs_pb2.GetRenderedFieldsRequest(
        dag_id="grown", run_id=run, task_id=task, map_index=path, attempt=attempt
    )
    found = ask(url, lambda made: made.runs.GetRenderedFields(request, CONTEXT))
    return {field.name: field.value for field in found.fields}, found.attempt, found.taken_from


def test_what_the_templates_of_an_attempt_became(database: str) -> None:
    latest = {"env": "{}", "bash_command": "true"}
    fields, attempt, _ = rendered(database, "old", "a")
    assert (list(fields.items()), attempt) == (list(latest.items()), 3)
    assert rendered(database, "old", "a", attempt=1) == ({"bash_command": "exit 1"}, 1, "")
    assert rendered(database, "old", "a", attempt=2) == ({}, 0, "")
    assert rendered(database, "new", "mapped", 4) == ({"op_args": "[4]"}, 1, "")
    # A result that was taken over was rendered in the run that it comes from.
    assert rendered(database, "new", "a") == (latest, 3, "old")
    assert rendered(database, "undated", "a") == ({}, 0, "")
    with pytest.raises(NotFound):
        rendered(database, "old", "ghost")


def count(url: str, since: str, until: str, **fields: Any) -> dict[str, dict[int, int]]:
    request = runs_pb2.CountRunsRequest(**fields)
    request.logical_from.FromJsonString(since)
    request.logical_until.FromJsonString(until)
    answer = ask(url, lambda made: made.runs.CountRuns(request, CONTEXT))
    return {day.date: {one.state: one.count for one in day.counts} for day in answer.days}


def test_runs_by_day(database: str) -> None:
    year = ("2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z")
    failed, success = runs_pb2.RUN_STATE_FAILED, runs_pb2.RUN_STATE_SUCCESS
    queued, running = runs_pb2.RUN_STATE_QUEUED, runs_pb2.RUN_STATE_RUNNING
    found = count(database, *year, dag_id=dag_id(3))
    assert found == {"2025-01-01": {success: RUNS - 1, failed: 1}}
    assert count(database, *year, dag_id="grown") == {
        "2025-03-29": {failed: 1},
        "2025-03-30": {running: 1},
        "2025-03-31": {queued: 1},
    }
    assert count(database, *year, dag_id="grown", time_zone="Europe/Berlin") == {
        "2025-03-29": {failed: 1},
        "2025-03-31": {running: 1, queued: 1},
    }
    assert count(database, "2025-03-30T00:00:00Z", "2025-03-31T00:00:00Z", dag_id="grown") == {
        "2025-03-30": {running: 1}
    }
    assert count(database, *year, dag_id="ghost") == {}


@pytest.mark.parametrize(
    "fields",
    [
        {"dag_id": "grown", "time_zone": "Mars/Olympus"},
        {"dag_id": "grown", "time_zone": "../etc/passwd"},
        {},
    ],
    ids=str,
)
def test_days_that_cannot_be_counted(database: str, fields: Any) -> None:
    with pytest.raises(InvalidArgument):
        count(database, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", **fields)


def test_days_need_an_end_that_is_not_far(database: str) -> None:
    with pytest.raises(InvalidArgument, match="800 days"):
        count(database, "2021-01-01T00:00:00Z", "2026-01-01T00:00:00Z", dag_id="grown")
    request = runs_pb2.CountRunsRequest(dag_id="grown", logical_from=Timestamp(seconds=1))
    with pytest.raises(InvalidArgument, match="logical_until"):
        ask(database, lambda made: made.runs.CountRuns(request, CONTEXT))
