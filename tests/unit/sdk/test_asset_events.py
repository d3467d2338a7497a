"""What a running task says and asks about assets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from millstream import DAG, Asset, AssetAlias, Metadata, PythonOperator, asset, task
from millstream.core.asset_events import AssetEventRecord, AssetEventsQuestion
from millstream.core.event_parts import AssetEmission, RunInfo
from millstream.sdk.assets import AssetRef
from millstream.sdk.attempts import Outcome

A, B, ALIAS = Asset("a", "s3://lake/a"), Asset("b", "s3://lake/b"), AssetAlias("daily")
NOON = datetime(2024, 2, 29, 12, tzinfo=UTC)
RECORD = AssetEventRecord(
    position=7,
    name="a",
    uri="s3://lake/a",
    extra={"rows": 3},
    aliases=("daily",),
    dag_id="writer",
    run_id="r1",
    task_id="write",
    map_index=(2,),
    recorded_at=NOON,
)


@pytest.fixture
def perform(run: Callable[..., Outcome]) -> Callable[..., Outcome]:
    """Runs a function as the only task of a DAG."""

    def perform(
        function: Callable[..., Any], outlets: Any = (), inlets: Any = (), **more: Any
    ) -> Any:
        with DAG("d") as dag:
            PythonOperator(
                task_id="t", python_callable=function, outlets=list(outlets), inlets=list(inlets)
            )
        return run(dag, "t", **more)

    return perform


def test_extras_and_aliases_go_with_the_success(perform: Any) -> None:
    def write(outlet_events: Any) -> int:
        outlet_events[A].extra["rows"] = 3
        outlet_events[ALIAS].add(B, extra={"n": 1})
        outlet_events[2].add(Asset("c"))
        assert list(outlet_events) == [A, B, ALIAS]
        return 5

    done = perform(write, [A, B, ALIAS])
    assert done.assets == (
        AssetEmission(name="a", uri="s3://lake/a", extra={"rows": 3}),
        AssetEmission(name="b", uri="s3://lake/b", extra={"n": 1}, alias="daily"),
        AssetEmission(name="c", uri="c", alias="daily"),
    )
    assert done.xcoms["return_value"] == b"5"


def test_only_the_function_itself_yields_metadata(perform: Any) -> None:
    def write() -> Iterator[Metadata]:
        return (Metadata(A, {"rows": n}) for n in (1, 2))

    done = perform(write, [A])
    assert (done.kind, done.assets) == ("failed", ())
    assert "returned" in done.message, "like any result that no JSON can be made of"


def test_metadata_is_yielded_and_the_result_returned(perform: Any) -> None:
    def write() -> Iterator[Metadata]:
        yield Metadata(A, {"rows": 3})
        yield Metadata(B, alias=ALIAS)
        return "done"

    done = perform(write, [A, ALIAS])
    assert done.assets == (
        AssetEmission(name="a", uri="s3://lake/a", extra={"rows": 3}),
        AssetEmission(name="b", uri="s3://lake/b", alias="daily"),
    )
    assert done.xcoms["return_value"] == b'"done"'


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        (lambda events: events[B], "is not among the task's outlets; they are: Asset"),
        (lambda events: events[A].add(B), "is no AssetAlias"),
        (lambda events: events[A].extra.update(x=object()), "is no JSON"),
        (lambda events: events[ALIAS].add("b"), "takes an Asset"),
    ],
)
def test_what_is_wrong_fails_the_task(perform: Any, what: Any, problem: str) -> None:
    def write(outlet_events: Any) -> None:
        what(outlet_events)

    done = perform(write, [A, ALIAS])
    assert done.kind == "failed"
    assert problem in done.message


def test_only_metadata_may_be_yielded(perform: Any) -> None:
    def write() -> Iterator[int]:
        yield 5

    assert "yielded 5; it may yield Metadata" in perform(write).message


def test_updates_of_inlets_are_asked_for_when_they_are_looked_at(
    perform: Any, channel: Any
) -> None:
    channel.asset_events = [RECORD]

    def read(inlet_events: Any) -> dict[str, Any]:
        events = inlet_events[A]
        assert channel.asked_assets == []
        event = events[-1]
        assert (event.asset, event.extra, event.timestamp, event.id) == (A, {"rows": 3}, NOON, 7)
        assert (event.source_dag_id, event.source_task_id) == ("writer", "write")
        assert (event.source_map_index, event.source_aliases) == (2, (ALIAS,))
        assert len(inlet_events.after(NOON).limit(2)[1]) == 1
        return {"rows": event.extra["rows"], "uri": event.uri}

    done = perform(read, inlets=[A, ALIAS])
    assert msgspec.json.decode(done.xcoms["return_value"]) == {"rows": 3, "uri": A.uri}
    assert channel.asked_assets == [
        AssetEventsQuestion(name="a", uri="s3://lake/a"),
        AssetEventsQuestion(alias="daily", after=NOON, limit=2),
    ]
    assert "is not among the task's inlets" in perform(lambda inlet_events: inlet_events[B]).message


def test_what_led_to_the_run(perform: Any, channel: Any, run_info: RunInfo) -> None:
    channel.asset_events = [RECORD, msgspec.structs.replace(RECORD, position=9, name="b", uri="x")]

    def read(triggering_asset_events: Any) -> list[Any]:
        found = triggering_asset_events
        by_ref = [found[AssetRef(name="a")], found["a"], found[A]]
        assert by_ref == [found[A]] * 3
        return [len(found), found[A][0].extra, [event.id for event in found[ALIAS]]]

    run = msgspec.structs.replace(run_info, run_type="asset_triggered")
    done = perform(read, run=run)
    assert msgspec.json.decode(done.xcoms["return_value"]) == [2, {"rows": 3}, [7, 9]]
    assert channel.asked_assets == [AssetEventsQuestion()]
    done = perform(lambda triggering_asset_events: len(triggering_asset_events))
    assert done.xcoms["return_value"] == b"0"
    assert len(channel.asked_assets) == 1


def test_the_function_of_an_asset_gets_the_assets_it_names(run: Any) -> None:
    @asset(schedule=None)
    def orders(self: Asset, context: Any, customers: Any, ds: str) -> list[str]:
        assert context["outlets"] == [self]
        return [self.name, customers.name, ds]

    done = run(orders.dag, "orders")
    assert msgspec.json.decode(done.xcoms["return_value"]) == ["orders", "customers", "2024-02-29"]


def test_a_local_run_updates_assets(capsys: pytest.CaptureFixture[str]) -> None:
    with DAG("d") as dag:

        @task(outlets=[A])
        def write(outlet_events: Any) -> None:
            outlet_events[A].extra["rows"] = 3

        @task(inlets=[A])
        def read(inlet_events: Any) -> int:
            rows: int = inlet_events[A][-1].extra["rows"]
            return rows

        write() >> read()
    done = dag.test()
    assert (done.state, done.xcom("read")) == ("success", 3)
