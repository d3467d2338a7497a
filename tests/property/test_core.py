"""Random DAGs, random outcomes, random order, duplicates: what must hold all the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from random import Random
from typing import Any, get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.access import Role
from millstream.core.deferral import Cause, InputRequest, Resume, TriggerCall
from millstream.core.errors import Refused
from millstream.core.event_parts import AssetEmission, Choice, Rerun, RunInfo, TaskMemo, Where, XCom
from millstream.core.events import Event, RunCreated, type_registry
from millstream.core.evolve import evolve, is_legal
from millstream.core.spec import (
    BashAction,
    CallbackAction,
    DagSpec,
    EmptyAction,
    PythonAction,
    TriggerRule,
    decode_spec,
    encode_spec,
)
from millstream.core.state import State
from millstream.core.statuses import FINISHED_TASK, TaskStatus
from millstream.core.task_events import TaskReady, TaskStarted, TaskSucceeded
from millstream.core.timetables.run_times import RunTimes
from millstream.core.wire import (
    GENESIS,
    Record,
    canonical_bytes,
    chain_digest,
    published_bytes,
    read_published,
    to_event,
    to_record,
)
from shard import T0, Shard, dag, dump, fold, kind, task

ORDERS = st.integers(0, 2**32).map(Random)
ENDS = {"TaskSucceeded", "TaskFailed", "TaskSkipped", "TaskUpstreamFailed", "TaskLost"}
# With all_success the order of a skip and a failure upstream matters, in Airflow as well.
ORDER_FREE = [rule for rule in TriggerRule if rule is not TriggerRule.ALL_SUCCESS]


@st.composite
def dags(draw: st.DrawFn, rules: Sequence[TriggerRule] | None = None) -> DagSpec:
    names = [f"t{index}" for index in range(draw(st.integers(1, 9)))]
    tasks = []
    for index, name in enumerate(names):
        parents = draw(st.lists(st.sampled_from(names[:index]), max_size=4)) if index else []
        tasks.append(
            task(
                name,
                *parents,
                trigger_rule=draw(st.sampled_from(rules or list(TriggerRule))),
                retries=draw(st.integers(0, 2)),
                retry_delay_s=0.0,
                action=draw(st.sampled_from([BashAction(command="true"), EmptyAction()])),
            )
        )
    return dag(*draw(st.permutations(tasks)))


def outcome(seed: int, name: str, tries: int) -> str:
    """How a try of a task ends: a function of the task and the try alone, not of the order."""
    return Random(f"{seed}/{name}/{tries}").choice(["succeed", "succeed", "fail", "skip"])


def deliver(shard: Shard, method: str, *args: Any, **options: Any) -> None:
    """A report as a worker sends it: it may come too late or twice, and a refusal is an answer."""
    before = dump(shard.state)
    try:
        getattr(shard, method)(*args, **options)
    except Refused:
        assert dump(shard.state) == before


def play(spec: DagSpec, seed: int, order: Random, *, with_noise: bool) -> Shard:
    """Run a DAG to its end. ``order`` says which open attempt is next, and what goes wrong."""
    shard = Shard()
    shard.begin(spec)
    losses: Counter[str] = Counter()
    for _ in range(2000):
        run = shard.state.runs.get(("default", "etl", "r1"))
        if run is None:
            return shard
        waiting = list(shard.state.open_instances())
        where, instance = order.choice(waiting)
        name, attempt = where.task_id, where.attempt
        if instance.status is TaskStatus.UP_FOR_RETRY:
            shard.retry(name, attempt)
            continue
        noise = order.random() if with_noise else 1.0
        if noise < 0.1:
            deliver(shard, "ready_again", name, attempt)
        elif noise < 0.2 and losses[name] < 3:
            losses[name] += 1
            deliver(shard, "start", name, attempt)
            deliver(shard, "lose", name, attempt)
        elif noise < 0.4:
            deliver(shard, "start", name, attempt, order.choice(["t", "u"]))
        else:
            method = outcome(seed, name, instance.failures + 1)
            token = instance.token or "t"
            for _ in range(order.choice([1, 1, 3]) if with_noise else 1):
                deliver(shard, method, name, attempt, token)
            if with_noise:
                deliver(shard, "fail", name, attempt, "stranger")
    raise AssertionError("the run does not end")


def endings(shard: Shard) -> dict[str, str]:
    last = shard.ended_as()
    return last | {"": kind(shard.log[-1])}


@given(dags(ORDER_FREE), st.integers(0, 999), ORDERS)
def test_order_and_duplicates_do_not_matter(spec: DagSpec, seed: int, order: Random) -> None:
    plain = play(spec, seed, Random(0), with_noise=False)
    noisy = play(spec, seed, order, with_noise=True)
    assert endings(noisy) == endings(plain)


@given(dags(), st.integers(0, 999), ORDERS)
def test_what_holds_in_every_log(spec: DagSpec, seed: int, order: Random) -> None:
    shard = play(spec, seed, order, with_noise=True)
    assert [event.position for event in shard.log] == list(range(1, len(shard.log) + 1))
    assert dump(fold(shard.log)) == dump(shard.state)
    assert shard.state.ready == {}
    state = State()
    attempts: dict[str, int] = {}
    is_open: dict[str, bool] = {}
    tokens: dict[str, str] = {}
    for event in shard.log:
        name, attempt = event.where.task_id, event.where.attempt
        assert is_legal(state, event.where, event.data), "only legal transitions"
        evolve(state, event)
        if isinstance(event.data, TaskReady):
            if attempt != attempts.get(name, 0):
                assert attempt == attempts.get(name, 0) + 1, "attempts count 1, 2, 3"
                assert not is_open.get(name), "one open attempt per task"
            attempts[name], is_open[name] = attempt, True
        elif isinstance(event.data, TaskStarted):
            tokens[name] = event.data.token
        elif kind(event) in ENDS:
            if attempt:
                assert is_open[name], "one result per attempt"
                if isinstance(event.data, TaskSucceeded) and event.data.worker:
                    tokens[name] = event.data.token
                assert getattr(event.data, "token", tokens[name]) == tokens[name]
            is_open[name] = False
    assert not any(is_open.values())
    assert kind(shard.log[-1]) in ("RunSucceeded", "RunFailed")
    assert set(shard.ended_as()) == {each.task_id for each in spec.tasks}
    assert all(last in ENDS for last in shard.ended_as().values())


# Any text that UTF-8 can carry. A lone surrogate is no text: decode_command keeps it out.
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INSTANTS = st.datetimes(timezones=st.just(UTC))
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RAWS = JSON.map(lambda value: msgspec.Raw(msgspec.json.encode(value)))
XCOMS = st.builds(
    XCom,
    value=RAWS,
    blob=TEXT,
    size=st.integers(0, 2**40),
)
ACTIONS = st.one_of(
    st.just(EmptyAction()),
    st.just(PythonAction()),
    st.builds(
        CallbackAction,
        on=st.sampled_from(["success", "failure", "deadline"]),
        task_id=TEXT,
        ended_at=st.none() | INSTANTS,
        message=TEXT,
    ),
    st.builds(BashAction, command=TEXT, env=st.none() | st.dictionaries(TEXT, TEXT, max_size=2)),
)
WHERES = st.builds(
    Where,
    namespace=st.sampled_from(["default", "other"]),
    dag_id=st.sampled_from(["etl", "etl", "ghost"]),
    run_id=st.sampled_from(["r1", "r1", "r2", ""]),
    task_id=st.sampled_from(
        ["t0", "t1", "t2", "ghost", "", "t0@on_failure_callback.1", "@on_success_callback"]
    ),
    map_index=st.sampled_from([(), (), (), (0,), (1, 2)]),
    attempt=st.integers(0, 3),
)
RUN_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "run_type": TEXT,
    "run_after": INSTANTS,
    "logical_date": st.none() | INSTANTS,
    "data_interval_start": st.none() | INSTANTS,
    "data_interval_end": st.none() | INSTANTS,
    "conf": st.dictionaries(TEXT, JSON, max_size=3),
}
TIMES = st.none() | st.builds(RunTimes, INSTANTS, INSTANTS, INSTANTS, INSTANTS)
EXTRAS = st.dictionaries(TEXT, JSON, max_size=2)
MEMOS = st.builds(
    TaskMemo,
    task_id=st.sampled_from(["t0", "t1", "t2", "ghost"]),
    map_index=st.sampled_from([(), (), (), (0,)]),
    status=st.sampled_from([status.value for status in TaskStatus]),
    attempt=st.integers(0, 3),
    tries=st.integers(0, 3),
    max_tries=st.integers(0, 3),
    expanded=st.integers(-1, 2),
    length=st.integers(-2, 2),
    choice=st.none()
    | st.builds(Choice, follow=st.just(("t2",)), skip=st.sampled_from(["", "direct", "all"])),
)
FIELDS = RUN_FIELDS | {
    "action": ACTIONS,
    "aliases": st.lists(TEXT, max_size=2).map(tuple),
    "asset_events": st.lists(st.integers(0, 9), max_size=2).map(tuple),
    "assets": st.lists(
        st.builds(AssetEmission, name=TEXT, uri=TEXT, extra=EXTRAS, alias=TEXT), max_size=2
    ).map(tuple),
    "backfill_id": st.just("") | TEXT,
    "bundle": TEXT,
    "conn_id": TEXT,
    "description": TEXT,
    "do_xcom_push": st.booleans(),
    "due_at": INSTANTS,
    "ended_at": INSTANTS,
    "error": TEXT,
    "error_type": TEXT,
    "exclusive": st.booleans(),
    "execution_timeout_s": st.none() | FLOATS,
    "failed_leaves": st.lists(TEXT, max_size=3).map(tuple),
    "extra": EXTRAS,
    "file": TEXT,
    "choice": st.none()
    | st.builds(
        Choice,
        follow=st.none() | st.lists(TEXT, max_size=3).map(tuple),
        skip=st.sampled_from(["", "direct", "all"]),
    ),
    "created": st.builds(
        RunCreated, version=st.integers(1, 3), run_type=TEXT, triggered_by=TEXT, run_after=INSTANTS
    ),
    "from_date": INSTANTS,
    "holder": TEXT,
    "max_active_runs": st.integers(1, 3),
    "number": st.integers(0, 3),
    "reprocess_behavior": st.sampled_from(["none", "failed", "completed"]),
    "run_backwards": st.booleans(),
    "run_id": TEXT,
    "run_on_latest_version": st.booleans(),
    "runs": st.lists(st.builds(RunTimes, INSTANTS, INSTANTS, INSTANTS, INSTANTS), max_size=2).map(
        tuple
    ),
    "to_date": INSTANTS,
    "last": TIMES,
    "next": TIMES,
    "times_out_at": st.none() | INSTANTS,
    "include_deferred": st.booleans(),
    "is_first": st.booleans(),
    "bad": st.lists(TEXT, max_size=2).map(tuple),
    "is_mapped_over": st.booleans(),
    "key": TEXT,
    "length": st.integers(0, 5),
    "is_final": st.booleans(),
    "is_given_back": st.booleans(),
    "map_name": TEXT,
    "max_tries": st.integers(1, 9),
    "message": TEXT,
    "name": TEXT | st.sampled_from(["default_pool", "gpu"]),
    "note": TEXT,
    "pool": st.sampled_from(["default_pool", "gpu"]),
    "pool_slots": st.integers(1, 3),
    "queue": TEXT,
    "rerun": st.none()
    | st.builds(
        Rerun,
        run_id=st.sampled_from(["r1", "r2"]),
        position=st.integers(0, 9),
        start=st.sampled_from(["failed", "tasks", "event"]),
        logical_date=st.none() | INSTANTS,
    ),
    "resources": st.dictionaries(TEXT, st.integers(1, 9), max_size=2),
    "cause": st.sampled_from(get_args(Cause)),
    "first_started_at": st.none() | INSTANTS,
    "isolation": st.sampled_from(["shared", "fresh"]),
    "kwargs": RAWS,
    "method": TEXT,
    "payload": RAWS,
    "request": st.builds(
        InputRequest,
        subject=TEXT,
        options=st.lists(TEXT, max_size=3).map(tuple),
        defaults=st.none() | st.lists(TEXT, max_size=2).map(tuple),
        params=st.dictionaries(TEXT, JSON, max_size=2),
    ),
    "resume": st.none() | st.builds(Resume, cause=st.just("event"), method=TEXT, payload=RAWS),
    "timeout_at": st.none() | INSTANTS,
    "trigger": st.builds(TriggerCall, classpath=TEXT, kwargs=RAWS),
    "until": INSTANTS,
    "wake_at": st.none() | INSTANTS,
    "reason": TEXT,
    "rendered": st.dictionaries(TEXT, TEXT, max_size=2),
    "retry_at": st.none() | INSTANTS,
    "run": st.builds(RunInfo, **RUN_FIELDS),
    "state": st.sampled_from(["success", "failed"]),
    "tasks": st.lists(MEMOS, max_size=4).map(tuple),
    "slots": st.integers(-1, 3),
    "spec": dags().map(lambda spec: msgspec.Raw(encode_spec(spec))),
    "started_at": INSTANTS,
    "token": TEXT,
    "traceback": TEXT,
    "tries": st.integers(1, 9),
    "triggered_by": TEXT,
    "uri": TEXT,
    "version": st.integers(1, 3),
    "worker": TEXT,
    "xcoms": st.dictionaries(TEXT, XCOMS, max_size=2),
    "key_id": TEXT,
    "count": st.integers(0, 9),
    "subject": TEXT | st.sampled_from(["ada", "group:data"]),
    "role": st.sampled_from(list(Role)).map(str),
    "namespace": TEXT | st.just("*"),
    "dag_id": st.just("") | TEXT,
    "token_id": TEXT,
    "user": TEXT,
    "label": TEXT,
    "scopes": st.lists(TEXT | st.sampled_from(["viewer", "author:a/b"]), max_size=2).map(tuple),
    "expires_at": st.none() | INSTANTS,
}
DATAS: st.SearchStrategy[Any] = st.one_of(
    [
        st.builds(cls, **{field.name: FIELDS[field.name] for field in msgspec.structs.fields(cls)})
        for cls in type_registry.values()
    ]
)


def body(state: State) -> str:
    """All of a state but where in the log it stands."""
    return repr((state.dags.keys(), dump(replace(state, position=0, epoch=0, recorded_at=None))))


def an_event(position: int, where: Where, data: Any, text: str = "") -> Event:
    return Event(position, 1, where, data, text, text, T0, text)


@given(DATAS, WHERES, TEXT)
def test_a_record_comes_back(data: Any, where: Where, text: str) -> None:
    event = an_event(1, where, data, text)
    canonical = canonical_bytes(to_record(event))
    stored = msgspec.json.decode(canonical, type=Record)
    assert canonical_bytes(to_record(to_event(stored))) == canonical
    assert to_event(stored) == event
    canonical.decode()
    message = published_bytes(canonical, chain_digest(GENESIS, canonical))
    assert read_published(message)[1] == canonical


@given(dags(), st.lists(st.tuples(WHERES, DATAS), max_size=40), st.booleans())
def test_evolve_is_total(spec: DagSpec, drawn: list[tuple[Where, Any]], is_begun: bool) -> None:
    shard = Shard()
    if is_begun:
        shard.begin(spec)
    state = fold(shard.log)
    for where, data in drawn:
        before = body(state)
        event = an_event(state.position + 1, where, data)
        is_allowed = is_legal(state, where, data)
        evolve(state, event)
        assert state.position == event.position
        if not is_allowed:
            assert body(state) == before
        for run in state.runs.values():
            done = [i for i in run.instances if i.status in FINISHED_TASK]
            assert run.unfinished == len(run.instances) - len(done)


@given(dags(), TEXT, st.dictionaries(TEXT, JSON, max_size=2))
def test_equal_specs_have_equal_bytes(spec: DagSpec, doc: str, params: dict[str, Any]) -> None:
    spec = msgspec.structs.replace(spec, doc=doc, params=params)
    data = encode_spec(spec)
    assert decode_spec(data) == spec
    assert encode_spec(decode_spec(data)) == data
    backwards = msgspec.structs.replace(spec, params=dict(reversed(params.items())))
    assert encode_spec(backwards) == data
