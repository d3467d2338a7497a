"""Assets through the real services: from an outlet, an alias and from outside to runs and what
their tasks see."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest

from integration.running_stack import RunningStack, eventually
from integration.verify import verify_log
from millstream.client import Client, Run
from millstream.core.errors import NotFound

SOURCE = """
from millstream import DAG, Asset, AssetAlias, Metadata, asset, task

orders = Asset("orders", "s3://lake/orders")
daily = AssetAlias("daily")
awake = {"is_paused_upon_creation": False}

with DAG("writer") as writer:
    @task(outlets=[orders, daily])
    def write():
        yield Metadata(orders, {"rows": 3})
        yield Metadata(Asset("part", "s3://lake/part"), {"n": 1}, alias=daily)
        return "written"

    write()

with DAG("reader", schedule=orders & Asset.ref(name="customers"), **awake) as reader:
    @task(inlets=[orders])
    def read(triggering_asset_events, inlet_events):
        found = {a.name: [e.extra for e in es] for a, es in triggering_asset_events.items()}
        event = inlet_events[orders][-1]
        return [found, event.extra, event.source_dag_id]

    read()

with DAG("of_alias", schedule=daily, **awake) as of_alias:
    @task
    def read(triggering_asset_events):
        return [a.name for a in triggering_asset_events]

    read()

@asset(uri="s3://lake/customers", schedule=None)
def customers(self):
    return self.uri
"""


@pytest.mark.integration
def test_updates_lead_to_runs_that_know_them(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "lake.py"
    file.write_text(SOURCE)
    client = stack.client()
    client.submit_file(file)
    wrote = client.wait(client.trigger("writer"), timeout_s=60)
    assert client.xcom(wrote, "write") == "written"
    assert client.xcom(_run_of(client, "of_alias"), "read") == ["part"]
    assert not list(client.list_runs("reader"))
    client.wait(client.trigger("customers"), timeout_s=60)
    read = _run_of(client, "reader")
    assert (read.run_type, read.logical_date) == ("asset_triggered", None)
    assert client.xcom(read, "read") == [
        {"orders": [{"rows": 3}], "customers": [{}]},
        {"rows": 3},
        "writer",
    ]
    verify_log(stack)


@pytest.mark.integration
def test_an_update_from_outside(stack: RunningStack, tmp_path: Path) -> None:
    file = tmp_path / "outside.py"
    file.write_text(
        "from millstream import DAG, Asset, EmptyOperator\n"
        "with DAG('waits', schedule=Asset('sensor'), is_paused_upon_creation=False):\n"
        "    EmptyOperator(task_id='t')\n"
    )
    client = stack.client()
    client.submit_file(file)
    position = client.assets.emit("sensor", extra={"degrees": 21.5}, request_id="emit-once")
    again = client.assets.emit("sensor", extra={"degrees": 21.5}, request_id="emit-once")
    assert again == position
    assert _run_of(client, "waits").state == "success"
    assert len(list(client.list_runs("waits"))) == 1
    (event,) = client.assets.events("sensor", min_position=position)
    assert (event.extra, event.task_id) == ({"degrees": 21.5}, "")
    known = {one.name: one for one in client.assets.list(min_position=position)}
    assert known["sensor"].last_event == event.position
    with pytest.raises(NotFound, match="did you mean 'sensor'"):
        client.assets.emit("sensors")
    listed = stack.run("assets", "events", "sensor", "--json").stdout
    assert msgspec.json.decode(listed)["extra"] == {"degrees": 21.5}
    assert "sensor" in stack.run("assets", "list").stdout


@pytest.mark.integration
def test_a_watcher_updates_its_asset(stack: RunningStack, tmp_path: Path) -> None:
    inbox = tmp_path / "in box"
    inbox.mkdir()
    file = tmp_path / "watched.py"
    file.write_text(f"""
from millstream import DAG, Asset, AssetWatcher, task
from millstream.sdk.triggers.file import FileDeleteTrigger

trigger = FileDeleteTrigger({str(inbox / "*.csv")!r}, poke_interval=0.1)
files = Asset("files", watchers=[AssetWatcher("inbox", trigger)])

with DAG("takes", schedule=files, is_paused_upon_creation=False):
    @task
    def take(triggering_asset_events):
        return [event.extra["payload"] for event in triggering_asset_events[files]]

    take()
""")
    client = stack.client()
    client.submit_file(file)
    taken = []
    for number, name in enumerate(("a.csv", "b.csv"), 1):
        (inbox / name).write_text("x")
        eventually("a run", partial(_has_runs, client, "takes", number))
        taken += client.xcom(client.wait(next(client.list_runs("takes")), timeout_s=60), "take")
    assert taken == [str(inbox / "a.csv"), str(inbox / "b.csv")]
    client.pause_dag("watch__files__inbox")
    verify_log(stack)


def _has_runs(client: Client, dag_id: str, number: int) -> bool:
    return len(list(client.list_runs(dag_id))) == number


def _run_of(client: Client, dag_id: str) -> Run:
    """The one run of a DAG, when it is over."""
    for event in client.events(dag_id=dag_id, follow=True, timeout_s=60):
        if event.type == "RunCreated":
            return client.wait(event.run_id, dag_id, timeout_s=60)
    raise AssertionError(f"{dag_id} has no run")
