"""Assets as a DAG's author writes them."""

from __future__ import annotations

import re
from typing import Any

import pytest

from millstream import (
    DAG,
    Asset,
    AssetAlias,
    AssetAll,
    AssetAny,
    AssetOrTimeSchedule,
    AssetWatcher,
    CronTriggerTimetable,
    Dataset,
    EmptyOperator,
    PythonOperator,
    asset,
)
from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetRef
from millstream.core.timetable import AssetSchedule
from millstream.core.validate import check_dag
from millstream.sdk.asset_decorator import AssetDefinition
from millstream.sdk.triggers.file import FileDeleteTrigger

A, B = Asset("a", "s3://lake/a"), Asset("b", "s3://lake/b")
A_REF, B_REF = (AssetRef(name=n, uri=f"s3://lake/{n}", group="asset") for n in "ab")


@pytest.mark.parametrize(
    ("made", "name", "uri"),
    [
        (Asset("orders"), "orders", "orders"),
        (Asset("orders", "s3://lake/o"), "orders", "s3://lake/o"),
        (Asset(uri="s3://lake/o"), "s3://lake/o", "s3://lake/o"),
        (Dataset("s3://lake/o"), "s3://lake/o", "s3://lake/o"),
        (Asset("x", "ftp://me:secret@host/o"), "x", "ftp://host/o"),
    ],
)
def test_a_name_and_a_uri(made: Asset, name: str, uri: str) -> None:
    assert (made.name, made.uri) == (name, uri)
    assert made == Asset(name, uri)
    assert hash(made) == hash(Asset(name, uri))


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (lambda: Asset(), "needs a name or a uri"),
        (lambda: Asset(" "), "name of an asset is ' '|uri of an asset is ' '"),
        (lambda: Asset("a", "airflow://x"), "scheme 'airflow' is reserved"),
        (lambda: Asset("a\nb"), "printable"),
        (lambda: Asset("x" * 1501), "1 to 1500"),
        (lambda: Asset(5), "must be a str"),  # type: ignore[arg-type]
        (lambda: Asset("a", extra={"x": object()}), "extra of asset 'a' is no JSON"),
        (lambda: Asset("a", extra=[1]), "must be a dict"),  # type: ignore[arg-type]
        (lambda: Asset.ref(), "a name or a uri"),
        (lambda: A & 5, "&: 5 is no asset"),  # type: ignore[operator]
        (lambda: AssetAny(), "needs at least one asset"),
        (lambda: EmptyOperator(task_id="t", outlets="s3://x"), "list of assets"),
        (lambda: EmptyOperator(task_id="t", inlets=[5]), "inlets of task 't' holds 5"),
        (lambda: EmptyOperator(task_id="t", outlets=[A | B]), "only Asset"),
    ],
)
def test_what_is_wrong_is_said(wrong: Any, problem: str) -> None:
    with pytest.raises((TypeError, ValueError, Exception), match=problem):
        wrong()


@pytest.mark.parametrize(
    ("schedule", "condition"),
    [
        (A, A_REF),
        ([A, B], AllOf(parts=(A_REF, B_REF))),
        ((A,), AllOf(parts=(A_REF,))),
        (A & B & AssetAlias("x"), AllOf(parts=(A_REF, B_REF, AliasRef(name="x")))),
        (A | B, AnyOf(parts=(A_REF, B_REF))),
        ((A | B) & A, AllOf(parts=(AnyOf(parts=(A_REF, B_REF)), A_REF))),
        (AssetAll(A, B), AllOf(parts=(A_REF, B_REF))),
        (Asset.ref(name="a"), AssetRef(name="a")),
        (Asset.ref(uri="s3://lake/a"), AssetRef(uri="s3://lake/a")),
    ],
)
def test_a_schedule_of_assets(schedule: Any, condition: Any) -> None:
    with DAG("d", schedule=schedule) as dag:
        EmptyOperator(task_id="t", inlets=[A], outlets=[B, AssetAlias("x")])
    spec = dag.to_spec("d.py")
    check_dag(spec)
    assert spec.schedule == AssetSchedule(condition=condition)
    assert spec.tasks[0].inlets == (A_REF,)
    assert spec.tasks[0].outlets == (B_REF, AliasRef(name="x"))


def test_the_decorator_makes_an_asset_and_its_dag() -> None:
    @asset(schedule="@daily", uri="s3://lake/orders", group="lake", tags=["lake"])
    def orders(self: Asset, context: Any, customers: Asset, ds: str) -> None:
        """All orders."""

    assert isinstance(orders, AssetDefinition)
    assert (orders.name, orders.uri, orders.group) == ("orders", "s3://lake/orders", "lake")
    spec = orders.dag.to_spec("d.py")
    check_dag(spec)
    assert (spec.dag_id, spec.schedule, spec.doc) == ("orders", "@daily", "All orders.")
    (task,) = spec.tasks
    assert (task.task_id, task.operator) == ("orders", "@asset")
    assert task.inlets == (AssetRef(name="customers"),)
    assert task.outlets == (AssetRef(name="orders", uri="s3://lake/orders", group="lake"),)
    with DAG("reader", schedule=orders) as reader:
        EmptyOperator(task_id="t")
    assert reader.schedule == AssetSchedule(condition=orders.condition())


def test_one_function_makes_several_assets() -> None:
    @asset.multi(outlets=[A, B], schedule=None)
    def both() -> None: ...

    assert [task.outlets for task in both.to_spec("d.py").tasks] == [(A_REF, B_REF)]
    with pytest.raises(ValueError, match="needs outlets"):
        asset.multi(outlets=[])
    with pytest.raises(TypeError, match="@asset needs a function, not 5"):
        asset()(5)
    with pytest.raises(TypeError, match="name the assets that it reads"):

        @asset
        def anything(**kwargs: Any) -> None: ...


def test_an_operator_keeps_its_assets() -> None:
    with DAG("d"):
        task = PythonOperator(task_id="t", python_callable=print, outlets=A)
    assert task.outlets == [A]
    assert task.inlets == []


def test_a_watched_asset_brings_a_dag(load: Any) -> None:
    trigger = "FileDeleteTrigger('/in/*.csv', poke_interval=1)"
    source = (
        "from millstream.sdk.triggers.file import FileDeleteTrigger\n"
        f"w = AssetWatcher(name='new files', trigger={trigger})\n"
        "inbox = Asset('in box', watchers=[w])\n"
        "with DAG('reads', schedule=[inbox, Asset('other')]):\n"
        "    EmptyOperator(task_id='t')\n"
    )
    reads, watches = load(source)
    assert reads.dag_id == "reads"
    spec = watches.to_spec("d.py")
    check_dag(spec)
    assert re.fullmatch(r"watch__in_box__new_files_[0-9a-f]{8}", spec.dag_id)
    assert (spec.schedule, spec.is_paused_upon_creation) == ("@continuous", False)
    assert spec.tasks[0].outlets == (AssetRef(name="in box", uri="in box", group="asset"),)


@pytest.mark.parametrize(
    "schedule",
    [
        lambda w: Asset("a", watchers=[w]),
        lambda w: Asset("a", watchers=[w]) & (B | Asset("a", watchers=[w])),
        lambda w: AssetOrTimeSchedule(
            timetable=CronTriggerTimetable("@daily", timezone="UTC"),
            assets=[Asset("a", watchers=[w])],
        ),
    ],
)
def test_each_watcher_watches_once(schedule: Any) -> None:
    watcher = AssetWatcher("w", FileDeleteTrigger("/in/x"))
    dag = DAG("d", schedule=schedule(watcher))
    assert [watching.dag_id for watching in dag.watching_dags] == ["watch__a__w"]


def test_what_is_no_watcher() -> None:
    with pytest.raises(TypeError, match="trigger is 5; it must be a trigger"):
        AssetWatcher("w", 5)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="name is ''"):
        AssetWatcher("", FileDeleteTrigger("/in/x"))
    with pytest.raises(TypeError, match="asset 'a': 5 is no AssetWatcher"):
        Asset("a", watchers=[5])  # type: ignore[list-item]
