"""A spec that travels as a message is the spec that was sent."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.asset_conditions import AliasRef, AllOf, AnyOf, AssetCondition, AssetRef
from millstream.core.errors import InvalidArgument
from millstream.core.spec import (
    BashAction,
    DagSpec,
    DeadlineSpec,
    EmptyAction,
    GroupSpec,
    MapSource,
    MarkedTask,
    PythonAction,
    TaskSpec,
    TriggerRule,
    WeightRule,
    decode_spec,
    encode_spec,
)
from millstream.core.timetable import (
    AssetOrTimeSchedule,
    AssetSchedule,
    ContinuousSchedule,
    CronIntervalSchedule,
    CronTriggerSchedule,
    DeltaIntervalSchedule,
    DeltaTriggerSchedule,
    EventsSchedule,
    ListedSchedule,
    NoSchedule,
    OnceSchedule,
    Schedule,
    TimeSchedule,
)
from millstream.core.timetables.delta import Delta
from millstream.core.timetables.run_times import RunTimes
from millstream.rpc.convert import dict_from, struct_from
from millstream.rpc.specs import REFERENCES, spec_from_proto, spec_to_proto
from millstream.rpc.v1 import dags_pb2

texts = st.text(st.characters(codec="utf-8"), max_size=12)
seconds = st.floats(0, 1e6)
whole = st.integers(-(2**53), 2**53)
scalars = st.none() | st.booleans() | whole | texts | st.floats(-1e300, 1e300)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
actions = st.one_of(
    st.just(PythonAction()),
    st.just(EmptyAction()),
    st.builds(
        BashAction,
        command=texts,
        env=st.none() | st.dictionaries(texts, texts, max_size=3),
        append_env=st.booleans(),
        cwd=st.none() | texts,
        skip_exit_codes=st.lists(st.integers(0, 255), max_size=3).map(tuple),
    ),
)
instants = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))
assets = st.builds(AssetRef, name=texts, uri=texts, group=texts)
aliases = st.builds(AliasRef, name=texts)
conditions: st.SearchStrategy[AssetCondition] = st.recursive(
    assets | aliases,
    lambda inner: (
        st.builds(AllOf, parts=st.lists(inner, max_size=3).map(tuple))
        | st.builds(AnyOf, parts=st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
deltas = st.builds(Delta, seconds=seconds, months=st.integers(0, 20))
times: st.SearchStrategy[TimeSchedule] = st.one_of(
    st.builds(
        CronTriggerSchedule,
        crons=st.lists(texts, max_size=2).map(tuple),
        timezone=texts.filter(bool),
        interval=deltas,
        run_immediately=st.booleans() | seconds,
    ),
    st.builds(CronIntervalSchedule, cron=texts, timezone=texts.filter(bool)),
    st.builds(DeltaTriggerSchedule, every=deltas, interval=deltas),
    st.builds(DeltaIntervalSchedule, every=deltas),
    st.builds(
        EventsSchedule,
        events=st.lists(instants, max_size=2).map(tuple),
        restrict_to_events=st.booleans(),
    ),
    st.just(OnceSchedule()),
    st.just(ContinuousSchedule()),
    st.just(NoSchedule()),
    st.builds(
        ListedSchedule,
        runs=st.lists(st.builds(RunTimes, instants, instants, instants, instants), max_size=2).map(
            tuple
        ),
    ),
)
schedules: st.SearchStrategy[Schedule] = st.one_of(
    times,
    st.builds(AssetSchedule, condition=conditions),
    st.builds(AssetOrTimeSchedule, time=times, condition=conditions),
)
sources = st.lists(
    st.recursive(
        st.builds(MapSource, task_id=texts, length=st.integers(0, 1024)),
        lambda inner: st.builds(
            MapSource,
            how=st.sampled_from(["zip", "zip_longest", "concat"]),
            of=st.lists(inner, max_size=2).map(tuple),
        ),
        max_leaves=3,
    ),
    max_size=2,
).map(tuple)
tasks = st.builds(
    TaskSpec,
    task_id=texts,
    action=actions,
    operator=texts,
    upstream=st.lists(texts, max_size=3).map(tuple),
    trigger_rule=st.sampled_from(TriggerRule),
    retries=st.integers(0, 2**31 - 1),
    retry_delay_s=seconds,
    retry_multiplier=seconds,
    max_retry_delay_s=st.none() | seconds,
    execution_timeout_s=st.none() | seconds,
    queue=texts.filter(bool),
    exclusive=st.booleans(),
    isolation=st.sampled_from(["shared", "fresh"]),
    do_xcom_push=st.booleans(),
    doc=texts,
    line=st.integers(0, 10**6),
    is_setup=st.booleans(),
    is_teardown=st.booleans(),
    on_failure_fail_dagrun=st.booleans(),
    mapped_over=sources,
    group=texts,
    edge_labels=st.dictionaries(texts, texts, max_size=2),
    display_name=texts,
    owner=texts,
    pool=texts.filter(bool),
    pool_slots=st.integers(0, 9),
    priority_weight=st.integers(-9, 9),
    weight_rule=st.sampled_from(WeightRule),
    max_active_tis_per_dag=st.none() | st.integers(0, 9),
    max_active_tis_per_dagrun=st.none() | st.integers(0, 9),
    depends_on_past=st.booleans(),
    wait_for_downstream=st.booleans(),
    ignore_first_depends_on_past=st.booleans(),
    wait_for_past_depends_before_skipping=st.booleans(),
    callbacks=st.lists(texts, max_size=2).map(tuple),
    inlets=st.lists(assets | aliases, max_size=2).map(tuple),
    outlets=st.lists(assets | aliases, max_size=2).map(tuple),
    marks=st.none()
    | st.builds(MarkedTask, dag_id=texts, task_id=texts, recursion_depth=st.integers(1, 20)),
    returns_dag_result=st.booleans(),
    resources=st.dictionaries(texts, st.integers(-9, 2**31 - 1), max_size=3),
)
specs = st.builds(
    DagSpec,
    dag_id=texts,
    tasks=st.lists(tasks, max_size=3).map(tuple),
    schedule=st.none() | texts | schedules,
    start_date=st.none() | texts,
    timezone=texts.filter(bool),
    catchup=st.booleans(),
    tags=st.lists(texts, max_size=3).map(tuple),
    description=texts,
    doc=texts,
    params=st.dictionaries(texts, json_values, max_size=3),
    file=texts,
    end_date=st.none() | texts,
    display_name=texts,
    groups=st.lists(
        st.builds(
            GroupSpec,
            group_id=texts,
            parent=texts,
            label=texts,
            tooltip=texts,
            mapped_over=sources,
        ),
        max_size=2,
    ).map(tuple),
    param_schemas=st.dictionaries(texts, json_values, max_size=3),
    max_active_runs=st.integers(0, 99),
    max_active_tasks=st.integers(0, 99),
    dagrun_timeout_s=st.none() | seconds,
    is_paused_upon_creation=st.none() | st.booleans(),
    fail_fast=st.booleans(),
    max_consecutive_failed_dag_runs=st.integers(0, 99),
    fairness_key=texts,
    callbacks=st.lists(texts, max_size=2).map(tuple),
    deadlines=st.lists(
        st.builds(
            DeadlineSpec,
            name=texts,
            reference=st.sampled_from(REFERENCES),
            interval_s=seconds,
            at=texts,
            max_runs=st.integers(1, 99),
        ),
        max_size=2,
    ).map(tuple),
)


@given(specs)
def test_a_spec_survives_the_wire(spec: DagSpec) -> None:
    message = dags_pb2.DagSpec.FromString(spec_to_proto(spec).SerializeToString())
    assert spec_from_proto(message) == spec
    assert decode_spec(encode_spec(spec)) == spec


@given(st.dictionaries(texts, json_values, max_size=4))
def test_a_json_object_survives_and_whole_numbers_stay_whole(values: dict[str, Any]) -> None:
    found = dict_from(struct_from(values, "conf"), "conf")
    assert found == values
    for key, value in values.items():
        if isinstance(value, (bool, int)):
            assert type(found[key]) is type(value)


@pytest.mark.parametrize("value", [2**53 + 1, math.nan, math.inf, object(), {1: 2}, b"bytes"])
def test_what_a_struct_would_change_is_refused_by_name(value: Any) -> None:
    with pytest.raises(InvalidArgument, match=r"conf\.outer"):
        struct_from({"outer": [value]}, "conf")


def test_nesting_is_bounded_both_ways() -> None:
    deep: Any = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(InvalidArgument, match="nested deeper"):
        struct_from({"x": deep}, "conf")


def test_defaults_that_a_foreign_client_leaves_out() -> None:
    message = dags_pb2.DagSpec(
        dag_id="d", tasks=[dags_pb2.TaskSpec(task_id="t", bash=dags_pb2.BashAction(command="true"))]
    )
    task = TaskSpec(task_id="t", action=BashAction(command="true"))
    assert spec_from_proto(message) == DagSpec(dag_id="d", tasks=(task,))


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        (dags_pb2.TaskSpec(task_id="t"), "has no action"),
        (
            dags_pb2.TaskSpec(task_id="t", empty=dags_pb2.EmptyAction(), trigger_rule="often"),
            "trigger rule 'often' is unknown",
        ),
        (
            dags_pb2.TaskSpec(task_id="t", empty=dags_pb2.EmptyAction(), isolation="own"),
            "isolation of task 't' 'own' is unknown; use one of shared, fresh",
        ),
    ],
)
def test_a_task_that_says_too_little_or_nonsense(task: dags_pb2.TaskSpec, problem: str) -> None:
    with pytest.raises(InvalidArgument, match=problem):
        spec_from_proto(dags_pb2.DagSpec(dag_id="d", tasks=[task]))


def test_a_number_that_no_message_holds() -> None:
    task = TaskSpec(task_id="t", action=EmptyAction(), retries=2**40)
    with pytest.raises(InvalidArgument, match="cannot be sent"):
        spec_to_proto(DagSpec(dag_id="d", tasks=(task,)))
