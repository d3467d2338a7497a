"""The fold into rows: the same whatever the batches, and after a restart at any place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence, Set
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from lent import lend, past
from millstream.core.asset_conditions import AliasRef, AssetRef
from millstream.core.commands import (
    CreateBackfill,
    CreateScheduledRun,
    DeleteConnection,
    DeleteVariable,
    MissDeadline,
    SetBackfillPaused,
    SetConnection,
    SetDagPaused,
    SetVariable,
    SubmitDag,
    TriggerRun,
)
from millstream.core.event_parts import AssetEmission, XCom
from millstream.core.events import Event
from millstream.core.reports import StartAttempt, SucceedAttempt
from millstream.core.spec import DagSpec, DeadlineSpec
from millstream.core.statuses import BEGUN_TASK
from millstream.projection.projection import Projection, reopened
from millstream.projection.rows import (
    ROW_TYPES,
    RUN_ROW_TYPES,
    AssetEventRow,
    AssetRow,
    AttemptRow,
    BackfillRow,
    CallbackRow,
    ConnectionRow,
    DagRow,
    Key,
    MissedDeadlineRow,
    OpenTasksRow,
    RenderedRow,
    Row,
    RunRow,
    TaskRow,
    VariableRow,
    XComRow,
    key_of,
)
from property.test_control import SPECS
from property.test_control import play as play_with_control
from property.test_core import ORDERS, dags, play
from shard import Shard, dag, kinds, task
from world import HOUR, T0, World

OPEN = ("queued", "running")


class Tables:
    """The read tables in memory, written as ``write_changes`` writes them."""

    def __init__(self) -> None:
        self.rows: dict[type[Row], dict[Key, dict[str, Any]]] = {kind: {} for kind in ROW_TYPES}

    def write(self, projection: Projection) -> None:
        changes = projection.take_changes()
        for kind, keys in changes.gone.items():
            for key in keys:
                self.rows[kind].pop(key, None)
        for kind, rows in changes.rows.items():
            for row in rows.values():
                self.rows[kind][key_of(row)] = msgspec.structs.asdict(row)
        assert self.counted_tasks() == self.open_tasks()

    def counted_tasks(self) -> dict[Key, int]:
        """As the projection counted them while it folded."""
        return {key: row["number"] for key, row in self.rows[OpenTasksRow].items()}

    def open_tasks(self) -> dict[Key, int]:
        """The same of the rows of tasks."""
        going_on = {key for key, run in self.rows[RunRow].items() if run["state"] in OPEN}
        return dict(
            Counter(
                (row["namespace"], row["dag_id"], row["queue"], row["state"])
                for key, row in self.rows[TaskRow].items()
                if key[:3] in going_on and row["state"] in BEGUN_TASK
            )
        )

    def open_rows(self) -> list[Row]:
        """What a projector reads when it starts."""
        dags: list[Row] = [DagRow(**values) for values in self.rows[DagRow].values()]
        dags += [
            BackfillRow(**values)
            for values in self.rows[BackfillRow].values()
            if values["state"] in ("running", "paused")
        ]
        callbacks = self.rows[CallbackRow].values()
        dags += [CallbackRow(**values) for values in callbacks if values["ended_at"] is None]
        return dags + self.rows_of(
            key for key, values in self.rows[RunRow].items() if values["state"] in OPEN
        )

    def rows_of(self, keys: Iterable[Key]) -> list[Row]:
        runs = set(keys)
        return [
            kind(**values)
            for kind in RUN_ROW_TYPES
            for key, values in self.rows[kind].items()
            if key[:3] in runs
        ]


def fold(
    log: Sequence[Event], cuts: Set[int] = frozenset(), restarts: Set[int] = frozenset()
) -> Tables:
    tables, projection = Tables(), Projection()
    for event in log:
        for run in reopened([event]):
            if run not in projection.runs:
                projection.restore(tables.rows_of([run]))
        projection.apply(event)
        if event.position in cuts | restarts:
            tables.write(projection)
        if event.position in restarts:
            projection = Projection()
            projection.restore(tables.open_rows())
    tables.write(projection)
    return tables


@given(dags(), st.integers(0, 2**32), ORDERS, ORDERS)
def test_batches_and_restarts_change_no_row(
    spec: DagSpec, seed: int, order: Random, cutting: Random
) -> None:
    log = play(spec, seed, order, with_noise=True).log
    whole = fold(log)
    positions = [event.position for event in log]
    assert fold(log, cuts=set(positions)).rows == whole.rows
    cuts = {p for p in positions if cutting.random() < 0.3}
    restarts = {p for p in positions if cutting.random() < 0.2}
    assert fold(log, cuts, restarts).rows == whole.rows


@given(SPECS, ORDERS, ORDERS)
def test_runs_that_come_back_are_the_same_after_a_restart(
    spec: DagSpec, order: Random, cutting: Random
) -> None:
    shard = play_with_control(spec, order)
    whole = fold(shard.log)
    positions = [event.position for event in shard.log]
    cuts = {p for p in positions if cutting.random() < 0.3}
    restarts = {p for p in positions if cutting.random() < 0.2}
    assert fold(shard.log, cuts, restarts).rows == whole.rows
    (run,) = whole.rows[RunRow].values()
    assert run["state"] == ("success" if kinds(shard.log)[-1] == "RunSucceeded" else "failed")
    made = {e.where for e in shard.log if e.where.attempt}
    assert len(whole.rows[AttemptRow]) == len(made), "a clear forgets no attempt"


def test_a_cleared_run_and_its_attempts() -> None:
    shard = Shard()
    shard.begin(dag(task("a"), task("b", "a", retries=1)))
    shard.start("a")
    shard.clear("a")
    shard.succeed("a", 2)
    shard.fail("b")
    shard.mark("b", "success", note="fine")
    tables = fold(shard.log)
    attempts = {key[3:]: row["state"] for key, row in tables.rows[AttemptRow].items()}
    assert attempts == {
        ("a", (), 1): "stopped",
        ("a", (), 2): "success",
        ("b", (), 1): "failed",
    }
    b = next(row for row in tables.rows[TaskRow].values() if row["task_id"] == "b")
    assert (b["state"], b["reason"], b["retry_at"]) == ("success", "marked success: fine", None)
    shard.clear("b")
    (run,) = fold(shard.log).rows[RunRow].values()
    assert (run["state"], run["ended_at"], run["reason"]) == ("running", None, "")


@given(dags(), st.integers(0, 2**32), ORDERS)
def test_the_rows_say_what_the_state_says(spec: DagSpec, seed: int, order: Random) -> None:
    log = play(spec, seed, order, with_noise=True).log
    tables = fold(log)
    (run,) = tables.rows[RunRow].values()
    assert run["state"] in ("success", "failed")
    assert run["ended_at"] == log[-1].recorded_at
    ended = {values["task_id"]: values for values in tables.rows[TaskRow].values()}
    assert set(ended) == {t.task_id for t in spec.tasks}
    for values in ended.values():
        attempts = [
            a for a in tables.rows[AttemptRow].values() if a["task_id"] == values["task_id"]
        ]
        assert [a["attempt"] for a in attempts] == list(range(1, values["attempt"] + 1))
        assert values["state"] in ("success", "failed", "skipped", "upstream_failed")


def xcoms(**values: object) -> dict[str, XCom]:
    return {
        key: XCom(value=msgspec.Raw(msgspec.json.encode(value))) for key, value in values.items()
    }


def visible(log: Sequence[Event]) -> dict[str, str]:
    return {str(key[5]): row["value"] for key, row in fold(log).rows[XComRow].items()}


def test_a_new_attempt_takes_the_xcoms_of_the_one_before_away() -> None:
    shard = Shard()
    shard.begin(dag(task("t", retries=1, retry_delay_s=0.0)))
    shard.fail("t", xcoms=xcoms(first=1, both=1))
    assert visible(shard.log) == {"first": "1", "both": "1"}
    shard.retry("t")
    assert visible(shard.log) == {}
    shard.succeed("t", attempt=2, xcoms=xcoms(both=2))
    assert visible(shard.log) == {"both": "2"}
    for event in shard.log:
        cut = {event.position}
        assert fold(shard.log, cut).rows == fold(shard.log).rows
        assert fold(shard.log, restarts=cut).rows == fold(shard.log).rows


def test_a_dag_s_row_says_what_comes_next_and_whether_it_is_paused() -> None:
    shard = Shard()
    spec = dag(task("t"), schedule="@daily", start_date="2026-01-01T00:00:00+00:00")
    shard.handle(SubmitDag(id="s", namespace="default", spec=spec, is_paused_if_new=True))

    def row() -> dict[str, Any]:
        restarts = set(range(1, len(shard.log) + 1))
        assert fold(shard.log).rows == fold(shard.log, restarts=restarts).rows
        (values,) = fold(shard.log).rows[DagRow].values()
        return values

    assert (row()["is_paused"], row()["pause_reason"]) == (True, "new")
    assert row()["next_run_after"] is None
    shard.handle(SetDagPaused(id="u", namespace="default", dag_id="etl", is_paused=False))
    assert row()["is_paused"] is False
    due = row()["next_run_after"]
    assert due == row()["next_logical_date"] == datetime(2026, 1, 2, tzinfo=UTC)
    shard.handle(CreateScheduledRun(id="c", namespace="default", dag_id="etl", run_after=due))
    assert row()["next_run_after"] == due + timedelta(days=1)
    shard.handle(SetDagPaused(id="p", namespace="default", dag_id="etl", is_paused=True))
    assert (row()["is_paused"], row()["pause_reason"]) == (True, "")


def test_a_backfill_s_row_says_how_far_it_has_come() -> None:
    world = World(T0 + 10 * HOUR)
    world.submit(dag(task("t"), schedule="@hourly", end_date="2025-01-01T00:00:00+00:00"))
    world.trigger("r1", logical_date=T0)
    world.finish("r1")

    def row() -> dict[str, Any]:
        restarts = set(range(1, len(world.log) + 1))
        assert fold(world.log).rows == fold(world.log, restarts=restarts).rows
        (values,) = fold(world.log).rows[BackfillRow].values()
        return values

    world.do(
        CreateBackfill(
            id="b", namespace="default", dag_id="etl", from_date=T0, to_date=T0 + 2 * HOUR
        )
    )
    world.go_on(world.now)
    assert [row()[name] for name in ("state", "total", "number", "skipped")] == ["running", 3, 3, 1]
    world.do(SetBackfillPaused(id="p", namespace="default", dag_id="etl", is_paused=True))
    assert row()["state"] == "paused"
    world.do(SetBackfillPaused(id="u", namespace="default", dag_id="etl", is_paused=False))
    for run_id in world.started()[1:]:
        world.finish(run_id)
    assert (row()["state"], row()["ended_at"]) == ("completed", world.log[-1].recorded_at)
    runs = fold(world.log).rows[RunRow].values()
    assert [run["backfill_id"] for run in runs] == ["", "1", "1"]


def test_a_lost_attempt_is_lost_and_its_task_is_queued_again() -> None:
    shard = Shard()
    shard.begin(dag(task("t")))
    shard.start("t")
    shard.lose("t")
    tables = fold(shard.log)
    (row,) = tables.rows[TaskRow].values()
    assert (row["state"], row["attempt"], row["worker"]) == ("queued", 2, "")
    assert [a["state"] for a in tables.rows[AttemptRow].values()] == ["lost", "queued"]


def test_no_text_of_a_row_holds_what_postgres_cannot() -> None:
    shard = Shard()
    nul = "a\0b"
    spec = dag(task("t"))
    shard.handle(SubmitDag(id="s", namespace="default", spec=spec, bundle=nul))
    shard.handle(TriggerRun(id="r", namespace="default", dag_id="etl", run_id="r1", note=nul))
    shard.fail("t", error_type=nul, message=nul, traceback=nul, xcoms={nul: XCom(blob="0" * 64)})
    for table in fold(shard.log).rows.values():
        for values in table.values():
            assert not any("\0" in text for text in values.values() if isinstance(text, str))


def test_events_of_unknown_runs_change_nothing() -> None:
    shard = Shard()
    shard.begin(dag(task("t")))
    shard.succeed("t")
    about_run = [event for event in shard.log if event.where.run_id][1:]
    tables = fold(about_run)
    assert not any(tables.rows.values())


def test_callbacks_have_rows_of_their_own_and_a_missed_deadline_is_one() -> None:
    shard = Shard()
    shard.submit(
        dag(
            task("a", callbacks=("failure",)),
            file="f",
            deadlines=(DeadlineSpec(name="soon", reference="queued_at", interval_s=60.0),),
        ),
        bundle="b1",
    )
    where = shard.trigger()[0].where
    shard.handle(MissDeadline(id="d", where=where, name="soon"))
    shard.fail("a")
    shard._report(StartAttempt, "a@on_failure_callback.1", 1, "cb")
    rows = fold(shard.log, restarts={event.position for event in shard.log}).rows
    callbacks = rows[CallbackRow]
    assert [(r["callback_id"], r["task_id"], r["state"]) for r in callbacks.values()] == [
        ("@deadline.soon", "", "queued"),
        ("a@on_failure_callback.1", "a", "running"),
    ]  # fmt: skip
    assert [row["task_id"] for row in rows[TaskRow].values()] == ["a"]
    shard._report(SucceedAttempt, "a@on_failure_callback.1", 1, "cb")
    key = ("default", "etl", "r1", "a@on_failure_callback.1", ())
    assert fold(shard.log).rows[CallbackRow][key]["state"] == "success"
    (missed,) = rows[MissedDeadlineRow].values()
    assert (missed["run_id"], missed["name"]) == ("r1", "soon")


def test_what_templates_became_is_kept_by_attempt() -> None:
    shard = Shard()
    shard.begin(dag(task("a", retries=1), task("b"), task("c")))
    shard.fail("a", rendered={"bash_command": "exit 1"})
    shard.retry("a")
    shard.succeed("a", 2, rendered={"bash_command": "exit 0"})
    shard.skip("b", rendered={"op_args": "[1]"})
    shard.succeed("c")
    whole = fold(shard.log)
    found = {key[3:]: row["fields"] for key, row in whole.rows[RenderedRow].items()}
    assert found == {
        ("a", (), 1): '{"bash_command":"exit 1"}',
        ("a", (), 2): '{"bash_command":"exit 0"}',
        ("b", (), 1): '{"op_args":"[1]"}',
    }
    shard.clear("a")
    assert fold(shard.log).rows[RenderedRow] == whole.rows[RenderedRow]
    (plain,) = [event.data for event in shard.log if event.where.task_id == "c"][-1:]
    assert b"rendered" not in msgspec.json.encode(plain)


def test_tasks_that_wait_and_run_are_counted() -> None:
    def counted(shard: Shard) -> dict[str, int]:
        return {str(key[3]): number for key, number in fold(shard.log).counted_tasks().items()}

    shard = Shard()
    shard.begin(dag(task("a"), task("b", retries=1), task("c", "a")))
    assert counted(shard) == {"queued": 2}
    shard.start("a")
    assert counted(shard) == {"queued": 1, "running": 1}
    shard.fail("b")
    assert counted(shard) == {"up_for_retry": 1, "running": 1}
    shard.succeed("a")
    assert counted(shard) == {"up_for_retry": 1, "queued": 1}
    shard.mark_run("failed")
    assert counted(shard) == {}


def test_variables_and_connections_come_and_go() -> None:
    shard = Shard()
    for command in (
        SetVariable(id="1", namespace="default", key="a", sealed="x", description="d"),
        SetVariable(id="2", namespace="default", key="a", sealed="x"),
        SetVariable(id="3", namespace="default", key="b", sealed="x"),
        DeleteVariable(id="4", namespace="default", key="b"),
        SetVariable(id="5", namespace="default", key="b", sealed="x"),
        SetConnection(id="6", namespace="default", conn_id="c", sealed="x"),
        DeleteConnection(id="7", namespace="default", conn_id="c"),
    ):
        shard.handle(command)
    whole = fold(shard.log)
    for cut in range(1, 8):
        assert fold(shard.log, {cut}).rows == whole.rows
    variables = whole.rows[VariableRow].values()
    assert [(row["key"], row["version"], row["description"]) for row in variables] == [
        ("a", 2, ""),
        ("b", 1, ""),
    ]
    assert whole.rows[ConnectionRow] == {}


def test_assets_and_their_updates() -> None:
    shard = Shard()
    orders = AssetRef(name="orders", uri="s3://lake/orders", group="lake")
    shard.begin(dag(task("write", outlets=(orders, AliasRef(name="daily")))))
    part = AssetEmission(name="part", uri="s3://lake/part", extra={"n": 1}, alias="daily")
    shard.succeed("write", assets=(part,))
    rows = fold(shard.log).rows
    groups = {row["name"]: row["asset_group"] for row in rows[AssetRow].values()}
    assert groups == {"orders": "lake", "part": ""}
    events = [
        (row["name"], row["extra"], row["aliases"], row["task_id"])
        for row in rows[AssetEventRow].values()
    ]
    assert events == [
        ("orders", "{}", "[]", "write"),
        ("part", '{"n":1}', '["daily"]', "write"),
    ]


class TestReruns:
    """A run that was made from another one has its results, by reference to the log."""

    def _log(self) -> Shard:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a"), task("c", "b")))
        shard.succeed("a", xcoms={"return_value": XCom(value=msgspec.Raw(b"1"), size=1)})
        shard.fail("b")
        shard.rerun()
        return shard

    def _tables(self, log: Sequence[Event], batch: int = 1) -> Tables:
        projection, tables = Projection(), Tables()
        for start in range(0, len(log), batch):
            events = log[start : start + batch]
            for run in reopened(events):
                if run not in projection.runs:
                    projection.restore(tables.rows_of([run]))
            lend(projection, events, log)
            for event in events:
                projection.apply(event)
            tables.write(projection)
        return tables

    def _row(self, tables: Tables, task_id: str) -> dict[str, Any]:
        return tables.rows[TaskRow]["default", "etl", "r2", task_id, ()]

    def test_tasks_stand_as_they_were_left(self) -> None:
        tables = self._tables(self._log().log)
        row = self._row(tables, "a")
        before = tables.rows[TaskRow]["default", "etl", "r1", "a", ()]
        assert (row["state"], row["taken_from"], row["attempt"]) == ("success", "r1", 0)
        assert (row["started_at"], row["ended_at"]) == (before["started_at"], before["ended_at"])
        assert self._row(tables, "b")["taken_from"] == ""
        run = tables.rows[RunRow]["default", "etl", "r2"]
        assert (run["rerun_of"], run["rerun_start"]) == ("r1", "failed")

    def test_what_was_handed_on_is_there(self) -> None:
        tables = self._tables(self._log().log)
        xcom = tables.rows[XComRow]["default", "etl", "r2", "a", (), "return_value"]
        assert xcom["value"] == "1"

    def test_however_the_log_is_cut(self) -> None:
        log = self._log().log
        first = self._tables(log).rows
        assert all(self._tables(log, size).rows == first for size in range(2, len(log) + 1))

    def test_later_changes_of_the_run_it_is_made_from_change_nothing(self) -> None:
        """`a` runs again in r1 and hands on another value: r2 has the one of its time."""
        shard = self._log()
        shard.clear("a")
        shard.succeed("a", 2, xcoms={"return_value": XCom(value=msgspec.Raw(b"2"), size=1)})
        shard.fail("b", run_id="r2")
        shard.rerun("r2", new_run_id="r3")
        tables = self._tables(shard.log)
        for run_id, value in (("r1", "2"), ("r2", "1"), ("r3", "1")):
            xcom = tables.rows[XComRow]["default", "etl", run_id, "a", (), "return_value"]
            assert xcom["value"] == value
        assert tables.rows[TaskRow]["default", "etl", "r3", "a", ()]["taken_from"] == "r1"
        kept = past(shard.log, ("default", "etl", "r3"), len(shard.log))
        assert kept.tasks["a", ()].taken_from == "r1"

    def test_what_runs_again_has_its_own_results(self) -> None:
        shard = self._log()
        shard.clear("a", run_id="r2")
        tables = self._tables(shard.log)
        assert self._row(tables, "a")["taken_from"] == ""
