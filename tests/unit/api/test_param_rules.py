"""The rules of a DAG's params are read once for each of its versions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest

from millstream.core.event_parts import Where
from millstream.core.events import DagPaused, DagVersionSubmitted, Data, Event
from millstream.core.wire import canonical_bytes, published_bytes, to_record
from millstream_api.errors import FieldProblem
from millstream_api.params import ParamRules
from millstream_api.snapshot import Snapshots
from unit.api.local_hub import LocalHub

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Tables:
    """Read tables with the least value of param ``n`` by DAG. ``on_read`` happens meanwhile."""

    submitted = 0

    def __init__(self) -> None:
        self.least: dict[str, int] = {}
        self.position = 0
        self.reads = 0
        self.asked_for = 0
        self.on_read: Callable[[], object] = lambda: None

    @asynccontextmanager
    async def open(self, min_position: int, timeout_s: float) -> AsyncIterator[Tables]:
        self.asked_for = min_position
        yield self

    async def position_in(self, rows: Tables) -> int:
        return self.position

    async def fetchrow(self, query: str, namespace: str, dag_id: str) -> Mapping[str, str] | None:
        self.reads += 1
        least = self.least.get(dag_id)
        self.on_read()
        await asyncio.sleep(0)
        if least is None:
            return None
        schemas = {"n": {"type": "integer", "minimum": least}}
        return {"schemas": msgspec.json.encode(schemas).decode(), "params": '{"n": 100}'}


class Api:
    """The rules, the tables and the hub that they are known from."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.tables = Tables()
        self.hub = LocalHub()
        self.rules = ParamRules(self.hub, cast(Snapshots, self.tables))

    def relay(self, dag_id: str, data: Data | None = None) -> int:
        """The next event of the log, by itself a new version."""
        position = self.hub.position + 1
        data = data or DagVersionSubmitted(version=2, spec=msgspec.Raw(b"{}"))
        where = Where("default", dag_id, "", "", (), 0)
        record = to_record(Event(position, 1, where, data, "api/1", "c", NOW))
        self.hub.relay(position, published_bytes(canonical_bytes(record), bytes(32)))
        return position

    def project(self) -> None:
        """The tables get to where the hub is."""
        self.tables.position = self.hub.position

    def takes(self, n: int, dag_id: str = "etl", min_position: int = 0) -> bool:
        try:
            asked = self.rules.check("default", dag_id, {"n": n}, min_position, 1.0)
            self._runner.run(asked)
        except FieldProblem:
            return False
        return True


@pytest.fixture
def api() -> Iterator[Api]:
    with asyncio.Runner() as runner:
        yield Api(runner)


def test_they_are_read_once(api: Api) -> None:
    api.tables.least = {"etl": 3}
    assert [api.takes(n) for n in (2, 3, 2)] == [False, True, False]
    assert [api.takes(1, "free") for _ in range(3)] == [True] * 3
    assert api.tables.reads == 2


def test_what_is_no_version_changes_nothing(api: Api) -> None:
    assert api.takes(1)
    api.relay("etl", DagPaused())
    assert api.takes(1)
    assert api.tables.reads == 1


def test_a_new_version_has_rules_of_its_own(api: Api) -> None:
    assert api.takes(1)
    assert api.takes(1, "other")
    api.relay("etl")
    api.tables.least = {"etl": 3}
    api.project()
    assert not api.takes(1)
    assert api.takes(1, "other")
    assert api.tables.reads == 3  # of the other DAG no second time


def test_tables_that_lag_are_asked_again(api: Api) -> None:
    assert api.takes(1)
    api.relay("etl")
    assert api.takes(1)  # nobody asked for that version
    api.tables.least = {"etl": 3}
    api.project()
    assert not api.takes(1)
    assert not api.takes(1)
    assert api.tables.reads == 3


def test_a_version_that_comes_while_they_are_read(api: Api) -> None:
    api.tables.on_read = lambda: api.relay("etl")
    assert api.takes(1)
    api.tables.on_read = lambda: None
    api.tables.least = {"etl": 3}
    api.project()
    assert not api.takes(1)


def test_who_asks_for_more_than_the_hub_has_told_reads_them(api: Api) -> None:
    assert api.takes(1)
    api.tables.least = {"etl": 3}
    assert not api.takes(1, min_position=5)
    assert api.tables.asked_for == 5


def test_what_was_submitted_here_is_asked_for(api: Api) -> None:
    assert api.takes(1)
    api.tables.submitted = 7
    api.tables.least = {"etl": 3}
    assert not api.takes(1)
    assert api.tables.asked_for == 7


def test_a_gap_forgets_all(api: Api) -> None:
    assert api.takes(1)
    api.tables.least = {"etl": 3}
    api.tables.position = 9
    where = Where("default", "x", "", "", (), 0)
    record = to_record(Event(9, 1, where, DagPaused(), "api/1", "c", NOW))
    api.hub.relay(9, published_bytes(canonical_bytes(record), bytes(32)))
    assert not api.takes(1)


@pytest.mark.parametrize("is_started", [True, False])
def test_before_the_hub_serves_they_are_read_each_time(api: Api, is_started: bool) -> None:
    if not is_started:
        api.hub._started.clear()
    assert api.takes(1)
    assert api.takes(1)
    assert api.tables.reads == (1 if is_started else 2)


def test_so_many_are_kept(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millstream_api.params.MOST_KEPT", 2)
    for dag_id in ("a", "b", "a", "c", "a"):
        assert api.takes(1, dag_id)
    assert api.tables.reads == 3
    assert api.takes(1, "b")
    assert api.tables.reads == 4
