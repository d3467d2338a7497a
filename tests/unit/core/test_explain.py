"""Each reason for which a task has not run, or ended as it did: made, asked for, and told with the
events that it rests on."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from millstream.adapters.explaining import ExplainAnswer, decode_answer, encode_answer
from millstream.core.commands import (
    CreateBackfill,
    DeletePool,
    Quarantine,
    SetBackfillPaused,
    SetDagPaused,
    SetPool,
)
from millstream.core.deferral import AssignedUser, InputRequest, TriggerCall
from millstream.core.errors import NotFound
from millstream.core.event_parts import Choice, Where, XCom
from millstream.core.explain import explain, explain_in
from millstream.core.explanation import STATES, Code, Reason, SeenWorker, Surroundings, tell
from millstream.core.reports import FailAttempt, StartAttempt, SucceedAttempt
from millstream.core.run_queue import commands_after
from millstream.core.spec import EmptyAction, GroupSpec, MapSource, TriggerRule
from millstream.core.statuses import TaskStatus
from shard import RUN, T0, Shard, dag, dump, fold, task

Case = Callable[[Shard], list[Reason]]
DAY = timedelta(days=1)
CASES: list[tuple[Code, str, tuple[str, ...], Case]] = []


def case(code: Code, text: str, *events: str) -> Callable[[Case], Case]:
    """The first reason has this code and text, and rests on events of these types among others."""

    def add(function: Case) -> Case:
        CASES.append((code, text, events, function))
        return function

    return add


def why(
    shard: Shard,
    name: str,
    path: tuple[int, ...] = (),
    run_id: str = "r1",
    around: Surroundings | None = None,
) -> list[Reason]:
    """Of a run of the DAG etl, over or not. The question changes nothing."""
    where = Where("default", "etl", run_id, name, path)
    before = dump(shard.state)
    run = shard.state.runs.get(("default", "etl", run_id))
    if run is not None:
        found = explain(shard.state, where, shard.now, around or Surroundings())
    else:
        run = shard.recall(("default", "etl", run_id))
        assert run is not None
        found = explain_in(shard.state, run, where, shard.now, around or Surroundings())
    assert dump(shard.state) == before
    assert found.position == shard.state.position
    events = {event.position: event for event in shard.log}
    reasons = [tell(blocker, events) for blocker in found.blockers]
    assert all(reason.message.endswith((".", "?")) for reason in reasons), reasons
    return reasons


def pool(shard: Shard, name: str, slots: int, **fields: Any) -> None:
    command = SetPool(id=shard.id(), namespace="default", name=name, slots=slots, **fields)
    shard.handle(command, "api/1/alice")


def pause(shard: Shard, *, is_paused: bool = True) -> None:
    command = SetDagPaused(id=shard.id(), namespace="default", dag_id="etl", is_paused=is_paused)
    shard.handle(command, "api/1/alice")


def worker(name: str = "w1", *claims: Where, **fields: Any) -> SeenWorker:
    values: dict[str, Any] = {"queues": ("default",), "slots": 2, "resources": {"cpu": 4}}
    return SeenWorker(name=name, claims=lambda: claims, **values | fields)


def around(*workers: SeenWorker, heard_s: float = 60.0) -> Surroundings:
    return Surroundings(workers=workers, heard_s=heard_s)


def result(length: int) -> dict[str, Any]:
    return {"xcoms": {"return_value": XCom(length=length, size=2)}}


# --- the run has not started


@case(Code.DAG_PAUSED, "DAG 'etl' is paused since 2026-.* by alice: nothing", "DagPaused")
def paused_dag(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a")))
    pause(shard)
    shard.trigger()
    reasons = why(shard, "a")
    assert (reasons[0].by, reasons[0].advice) == ("alice", "Unpause DAG 'etl'.")
    assert reasons[0].since == shard.log[-2].recorded_at
    return reasons


@case(Code.DAG_PAUSED, "by alice: nothing of it starts", "DagPaused")
def paused_dag_of_a_run_that_goes_on(shard: Shard) -> list[Reason]:
    pool(shard, "gpu", 1)
    shard.begin(dag(task("a", pool="gpu"), task("b", pool="gpu")))
    pause(shard)
    shard.succeed("a")
    return why(shard, "b")


@case(Code.DAG_QUARANTINED, "by Millstream itself: quarantined: KeyError", "DagPaused")
def dag_in_quarantine(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a")))
    shard.handle(Quarantine(id="q", where=Where("default", "etl"), error="KeyError('x')"))
    shard.trigger()
    return why(shard, "a")


@case(Code.RUN_AFTER, "Run 'r1' is not to start before 2026-01-03 03:04", "RunCreated")
def run_of_tomorrow(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a")))
    shard.trigger(run_after=T0 + DAY)
    reasons = why(shard, "a")
    assert reasons[0].until == T0 + DAY
    return reasons


@case(Code.MAX_ACTIVE_RUNS, r"Only one run of DAG 'etl' .* 1 run does: 'r0' \(is running since")
def all_runs_taken(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a"), max_active_runs=1))
    shard.trigger("r0")
    shard.trigger()
    reasons = why(shard, "a")
    assert [one.where.run_id for one in reasons[0].about] == ["r0"]
    assert "RunStarted" in [type(event.data).__name__ for event in reasons[0].events]
    return reasons


@case(Code.RUN_BEHIND_OTHERS, r"2 queued runs of DAG 'etl' come first: 'r2' .*, 'r3'", "RunCreated")
def others_are_queued_before(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a"), max_active_runs=1))
    for name in ("r0", "r2", "r3", "r1"):
        shard.trigger(name)
    return why(shard, "a")[1:]


def backfill(shard: Shard, **fields: Any) -> str:
    shard.submit(dag(task("a"), schedule="@daily", start_date="2026-01-01T00:00:00Z", catchup=True))
    shard.now = T0 + 10 * DAY
    command = CreateBackfill(
        id=shard.id(),
        namespace="default",
        dag_id="etl",
        from_date=T0 + DAY,
        to_date=T0 + 6 * DAY,
        **fields,
    )
    shard.handle(command)
    return next(iter(shard.state.dags["default", "etl"].backfills))


@case(Code.BACKFILL_PAUSED, "Backfill '.*', which made the run, is paused since", "BackfillPaused")
def backfill_is_paused(shard: Shard) -> list[Reason]:
    backfill_id = backfill(shard, max_active_runs=2)
    pause(shard)
    asked = list(commands_after(shard.state, shard.log[-2]))
    for _, command in asked:
        shard.handle(command)
    run_id = next(e.where.run_id for e in shard.log if e.where.run_id)
    shard.handle(
        SetBackfillPaused(id="x", namespace="default", dag_id="etl", is_paused=True), "api/1"
    )
    pause(shard, is_paused=False)
    assert backfill_id in shard.state.dags["default", "etl"].backfills
    return why(shard, "a", run_id=run_id)


@case(Code.RUN_QUEUED, "Run 'r1' is queued since 2026", "RunCreated")
def queued_and_nobody_knows_more(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a"), max_active_runs=1))
    shard.trigger("r0")
    shard.trigger()
    return why(shard, "a", around=Surroundings(is_alone=True))


@case(Code.RUN_STARTS, "Run 'r1' starts at this moment", "RunCreated")
def the_timer_of_the_run_is_due(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a")))
    shard.trigger(run_after=T0 + DAY)
    shard.now = T0 + 2 * DAY
    return why(shard, "a")


# --- it may not begin


@case(
    Code.UPSTREAM_NOT_FINISHED,
    r"It waits for 2 of its 3 upstream tasks \(trigger rule all_success: all of them must succeed\)"
    r": 'a' \(is running since 2026.*\), 'b' \(is queued since 2026.*\)\.",
    "TaskStarted",
    "TaskReady",
    "TaskSucceeded",
)
def upstream_goes_on(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b"), task("c"), task("d", "a", "b", "c")))
    shard.start("a")
    shard.succeed("c")
    reasons = why(shard, "d")
    assert [one.where.task_id for one in reasons[0].about] == ["a", "b"]
    return reasons


@case(Code.FURTHER_UPSTREAM, r"These in turn wait for 'a' \(waits for its next try", "TaskFailed")
def upstream_waits_itself(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", retries=1), task("b", "a"), task("c", "b"), task("d", "c")))
    shard.fail("a")
    return why(shard, "d")[1:]


@case(Code.SETUP_NOT_FINISHED, r"It waits for the setups that it needs: 's' \(is queued")
def setup_goes_on(shard: Shard) -> list[Reason]:
    shard.begin(
        dag(
            task("s", is_setup=True),
            task("a", "s", trigger_rule=TriggerRule.ALL_DONE),
            task("b", "a", trigger_rule=TriggerRule.ONE_DONE),
            task("t", "b", "s", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
        )
    )
    # Marked by hand, so that its own upstream task is over, and the setup is not.
    shard.mark("a", "success")
    return why(shard, "b")


@case(Code.SCOPE_NOT_FINISHED, r"It is a teardown, and waits for .* itself: 'a' \(is queued since")
def teardown_waits_for_its_scope(shard: Shard) -> list[Reason]:
    shard.begin(
        dag(
            task("s", is_setup=True),
            task("a", "s"),
            task("b", "s"),
            task("t", "b", "s", is_teardown=True, trigger_rule=TriggerRule.ALL_DONE_SETUP_SUCCESS),
            task("m", "a"),
            task("u", "m", "s", is_teardown=True, trigger_rule=TriggerRule.ONE_SUCCESS),
        )
    )
    shard.succeed("s")
    shard.mark("m", "success")
    return why(shard, "u")


def past(shard: Shard, **options: Any) -> None:
    shard.submit(dag(task("a", depends_on_past=True, **options), task("b", "a")))
    shard.trigger("r0", logical_date=T0)
    shard.trigger("r1", logical_date=T0 + DAY)


def report(shard: Shard, kind: type[Any], run_id: str, name: str, **fields: Any) -> None:
    where = Where("default", "etl", run_id, name, (), 1)
    times = {} if kind is StartAttempt else {"ended_at": shard.now}
    values = {"worker": "w", "token": "t", "started_at": shard.now} | times | fields
    shard.handle(kind(id=shard.id(), where=where, **values), "worker/w")


@case(
    Code.DEPENDS_ON_PAST,
    r"task 'a' has not ended well in the run before, 'r0' \(is queued since 2026",
    "TaskReady",
)
def run_before_goes_on(shard: Shard) -> list[Reason]:
    past(shard)
    return why(shard, "a")


@case(Code.DEPENDS_ON_PAST, r"'r0' \(it neither succeeded nor was skipped\)")
def run_before_failed(shard: Shard) -> list[Reason]:
    past(shard)
    report(shard, FailAttempt, "r0", "a", error_type="E", message="m")
    assert ("default", "etl", "r0") not in shard.state.runs
    return why(shard, "a")


@case(Code.WAITS_FOR_DOWNSTREAM, r"\(wait_for_downstream\): task 'b' .* run before, 'r0'")
def downstream_of_the_run_before(shard: Shard) -> list[Reason]:
    past(shard, wait_for_downstream=True)
    report(shard, SucceedAttempt, "r0", "a")
    return why(shard, "a")


@case(Code.NOT_IN_RUN_BEFORE, "the run before, 'r0', has no task 'a'")
def task_is_new(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("b", depends_on_past=True)))
    shard.trigger("r0", logical_date=T0)
    first = task("a", depends_on_past=True, ignore_first_depends_on_past=False)
    shard.submit(dag(first, task("b")))
    shard.trigger("r1", logical_date=T0 + DAY)
    return why(shard, "a")


@case(Code.MAP_NOT_KNOWN, r"The group is mapped over what 'list' \(is queued .*\) returns")
def what_a_group_is_mapped_over(shard: Shard) -> list[Reason]:
    group = GroupSpec(group_id="g", mapped_over=(MapSource(task_id="list"),))
    inner = task("g.a", "list", group="g", trigger_rule=TriggerRule.ALWAYS)
    shard.begin(dag(task("list"), inner, groups=(group,)))
    return why(shard, "g.a")


# --- it may, and waits for a place


@case(
    Code.MAX_ACTIVE_TASKS,
    r"Only 1 task of a run .*\(max_active_tasks\), and so many are: 'a' \(is running since",
    "TaskStarted",
)
def all_places_of_the_run_taken(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b"), max_active_tasks=1))
    shard.start("a")
    return why(shard, "b")


@case(
    Code.MAX_ACTIVE_TIS_PER_DAG,
    r"Only 1 instance of task 'a' .* all runs .*: 'a' of run 'r0' \(is queued",
)
def task_is_active_in_another_run(shard: Shard) -> list[Reason]:
    shard.submit(dag(task("a", max_active_tis_per_dag=1)))
    shard.trigger("r0")
    shard.trigger("r1")
    return why(shard, "a")


@case(Code.MAX_ACTIVE_TIS_PER_DAGRUN, r"Only 1 instance of task 'm' .* in a run .*: 'm'\[0\]")
def another_instance_is_active(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("m", mapped_over=(MapSource(length=2),), max_active_tis_per_dagrun=1)))
    return why(shard, "m", (1,))


@case(Code.POOL_MISSING, "There is no pool 'gpu'; nobody has made it")
def pool_was_never_made(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", pool="gpu")))
    return why(shard, "a")


@case(Code.POOL_MISSING, "no pool 'gpu'; it was deleted at 2026-.* by bob", "PoolDeleted")
def pool_was_deleted(shard: Shard) -> list[Reason]:
    pool(shard, "gpu", 1)
    shard.handle(DeletePool(id="d", namespace="default", name="gpu"), "api/1/bob")
    shard.begin(dag(task("a", pool="gpu")))
    return why(shard, "a")


@case(Code.POOL_TOO_SMALL, "takes 3 slots of pool 'gpu', which has only 2 since .* by alice: it")
def pool_is_too_small(shard: Shard) -> list[Reason]:
    pool(shard, "gpu", 2)
    shard.begin(dag(task("a", pool="gpu", pool_slots=3)))
    return why(shard, "a")


@case(
    Code.POOL_FULL,
    r"It needs 1 slot of pool 'gpu', and 2 of its 2 slots are taken: by 'a' of run 'r0' \(is run",
    "PoolSet",
    "TaskStarted",
)
def pool_is_full(shard: Shard) -> list[Reason]:
    pool(shard, "gpu", 2)
    shard.submit(dag(task("a", pool="gpu", pool_slots=2)))
    shard.trigger("r0")
    report(shard, StartAttempt, "r0", "a")
    shard.submit(dag(task("a", pool="gpu")))
    shard.trigger("r1")
    return why(shard, "a")


@case(Code.PRIORITY, r"Before it \(its priority is 1\) in pool 'gpu' comes 'b' \(waits for a place")
def somebody_is_more_urgent(shard: Shard) -> list[Reason]:
    pool(shard, "gpu", 1)
    shard.begin(
        dag(
            task("a", pool="gpu", priority_weight=9),
            task("b", pool="gpu", priority_weight=5),
            task("c", pool="gpu", priority_weight=1),
        )
    )
    reasons = why(shard, "c")
    assert [reason.code for reason in reasons] == [Code.POOL_FULL, Code.PRIORITY]
    assert [reason.code for reason in why(shard, "b")] == [Code.POOL_FULL]
    return reasons[1:]


@case(Code.WAITS_FOR_PLACE, "It may run and waits for a place since 2026", "TaskScheduled")
def waits_and_nobody_knows_more(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", pool="gpu")))
    return why(shard, "a", around=Surroundings(is_alone=True))


# --- it is ready


@case(
    Code.NO_WORKER,
    r"No worker serves the queue 'gpus' \(the queues that are served: default\)\. It is ready",
    "TaskReady",
)
def nobody_serves_the_queue(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", queue="gpus")))
    assert why(shard, "a", around=around())[0].message.startswith(
        "No worker serves the queue 'gpus' (no worker is running at all)."
    )
    return why(shard, "a", around=around(worker()))


@case(
    Code.NO_WORKER_WITH_RESOURCES,
    r"It asks for 1 gpu, and no worker of queue 'default' offers that \(w1: 0 gpu\)",
)
def nobody_has_a_gpu(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", resources={"gpu": 1})))
    return why(shard, "a", around=around(worker()))


@case(Code.WORKERS_STOPPING, r"The only workers that could run it are stopping: w1")
def the_worker_stops(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    return why(shard, "a", around=around(worker(is_stopping=True)))


@case(
    Code.WORKERS_BUSY,
    r"All 1 slot of the workers of queue 'default' are taken \(w1\): by 'a' \(is running since",
    "TaskReady",
    "TaskStarted",
)
def all_slots_taken(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b")))
    shard.start("a")
    return why(shard, "b", around=around(worker("w1", RUN.task("a", (), 1), slots=1)))


@case(Code.RESOURCES_BUSY, r"asks for 3 cpu; the workers that offer that \(w1\) have not so much")
def resources_taken(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", resources={"cpu": 2}), task("b", resources={"cpu": 3})))
    shard.start("a")
    return why(shard, "b", around=around(worker("w1", RUN.task("a", (), 1))))


@case(Code.NOT_CLAIMED, r"ready \(attempt 1\) since .*, and nothing keeps w1 from claiming it")
def nobody_has_come_yet(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b")))
    early = why(shard, "b", around=around(heard_s=1.0))[0]
    assert early.message.endswith("no worker has claimed it yet.")
    return why(shard, "b", around=around(worker()))


# --- it has begun


@case(Code.RUNNING, "It is running: attempt 1 on worker 'w' since 2026", "TaskStarted")
def it_runs(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.start("a")
    return why(shard, "a")


@case(Code.WORKER_SILENT, "'w', which has claimed it at .*, has not been heard of for 12 s.* 3 s")
def its_worker_is_silent(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.start("a")
    return why(shard, "a", around=Surroundings(lease_left_s={"t": 3.0}.get))


@case(Code.UP_FOR_RETRY, "Try 1 of 3 failed at .*: ValueError: bad. The next try begins at 2026-")
def it_tries_again(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", retries=2)))
    shard.fail("a")
    reasons = why(shard, "a")
    assert reasons[0].until is not None
    return reasons


@case(Code.UP_FOR_RESCHEDULE, "was not there when it looked last at .* looks again at 2026")
def it_looks_again(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.reschedule("a")
    return why(shard, "a")


TRIGGER = TriggerCall(classpath="my.triggers.FileTrigger")


@case(Code.DEFERRED, "waits for its trigger FileTrigger, which runs on worker 'w' since .*, until")
def its_trigger_runs(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.defer("a", trigger=TRIGGER, timeout_s=3600)
    place = RUN.task("a", (), 2)
    shard.handle(
        StartAttempt(id="s", where=place, worker="w", token="u", started_at=shard.now), "worker/w"
    )
    return why(shard, "a")


@case(Code.DEFERRED_UNTIL, "It is deferred since .*, and goes on at 2026-01-03", "TaskDeferred")
def it_waits_for_an_instant(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.defer("a", wake_at=T0 + DAY)
    return why(shard, "a")


@case(Code.TRIGGER_NOT_CLAIMED, "No worker serves the queue 'default'.*its trigger FileTrigger")
def nobody_runs_its_trigger(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.defer("a", trigger=TRIGGER)
    served = why(shard, "a", around=around(worker()))
    assert (served[0].code, len(served)) == (Code.TRIGGER_NOT_CLAIMED, 1)
    return why(shard, "a", around=around())


@case(
    Code.AWAITING_INPUT,
    r"It waits for an answer of Ann since .*, to: 'Ship\?' \(yes \| no\)\. Without an answer no is",
    "TaskAwaitsInput",
)
def a_person_is_asked(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    people = (AssignedUser(id="7", name="Ann"),)
    asked = InputRequest(
        subject="Ship?", options=("yes", "no"), defaults=("no",), assigned_users=people
    )
    shard.defer("a", request=asked, timeout_s=3600)
    return why(shard, "a")


# --- it is over


@case(Code.SUCCEEDED, "It succeeded at 2026-.*, with attempt 1", "TaskSucceeded")
def it_succeeded(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.succeed("a")
    return why(shard, "a")


@case(Code.SUCCEEDED, "there was nothing to do in it", "TaskSucceeded")
def it_was_empty(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a", action=EmptyAction())))
    return why(shard, "a")


@case(Code.FAILED, "It failed at .*, with attempt 1, and has no try left: ValueError: bad")
def it_failed(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.fail("a")
    return why(shard, "a")


@case(Code.LOST, "workers were lost too often, last in attempt 4: no heartbeat", "TaskLost")
def its_workers_died(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    for attempt in range(1, 5):
        shard.start("a", attempt, f"t{attempt}")
        shard.lose("a", attempt, f"t{attempt}")
    return why(shard, "a")


@case(Code.MARKED, "It was marked failed by test at 2026-.*: by hand", "TaskMarked")
def it_was_marked(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b")))
    shard.mark("a", "failed", note="by hand")
    return why(shard, "a")


@case(Code.SKIPPED_ITSELF, "It skipped itself at .*, in attempt 1: no data", "TaskSkipped")
def it_skipped_itself(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a")))
    shard.skip("a")
    return why(shard, "a")


@case(
    Code.SKIPPED_BY_BRANCH,
    r"was skipped at .*: task 'a' chose not to go on here\. The cause: 'a' ended",
    "TaskSucceeded",
    "TaskSkipped",
)
def a_branch_skipped_it(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b", "a"), task("c", "a")))
    shard.succeed("a", choice=Choice(follow=("c",)))
    return why(shard, "b")


@case(
    Code.SKIPPED_BY_TRIGGER_RULE,
    r"was skipped at .*: trigger rule all_success: .* The cause: 'a' was skipped at .*: no data",
)
def its_rule_skipped_it(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b", "a")))
    shard.skip("a")
    return why(shard, "b")


@case(Code.SKIPPED_NOTHING_TO_MAP, "It was skipped at .*: there is nothing to map over")
def it_was_mapped_over_nothing(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("m", "a", mapped_over=(MapSource(task_id="a"),))))
    shard.succeed("a", **result(0))
    return why(shard, "m")


@case(Code.SKIPPED_WITH_ITS_RUN, "It was skipped at .*: marked failed: enough", "TaskSkipped")
def its_run_was_cancelled(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b", "a")))
    shard.mark_run("failed", note="enough")
    return why(shard, "b")


@case(
    Code.UPSTREAM_FAILED,
    r"could not run at .*\. The cause: 'a' failed at .*: ValueError: bad",
    "TaskFailed",
    "TaskUpstreamFailed",
)
def what_it_needs_failed(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b", "a"), task("c", "b")))
    shard.fail("a")
    return why(shard, "c")


@case(Code.RUN_OVER, "Run 'r1' ended as failed at .*: KeyError.* the task had not ended by then")
def its_run_is_in_quarantine(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b", "a")))
    shard.handle(Quarantine(id="q", where=RUN, error="KeyError('x')"))
    return why(shard, "b")


# --- said besides


@case(Code.MAPPED, "It is mapped; of 3 instances 1 succeeded, 1 are running, 1 are queued")
def all_instances_together(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("m", mapped_over=(MapSource(length=3),))))
    shard.succeed("m", map_index=(0,))
    shard.start("m", map_index=(1,))
    reasons = why(shard, "m")
    assert reasons[1].message.startswith("Instance [1]: It is running: attempt 1 on worker 'w'")
    return reasons


@case(Code.CLEARED, "It was cleared at 2026-.* by test", "TaskCleared")
def it_was_cleared(shard: Shard) -> list[Reason]:
    shard.begin(dag(task("a"), task("b", "a"), task("c")))
    shard.succeed("a")
    shard.fail("b")
    shard.clear("a", include_downstream=True)
    reasons = why(shard, "b")
    assert reasons[0].code is Code.UPSTREAM_NOT_FINISHED
    return reasons[1:]


@pytest.mark.parametrize(
    ("code", "text", "events", "make"), CASES, ids=[function.__name__ for *_, function in CASES]
)
def test_a_reason(code: Code, text: str, events: tuple[str, ...], make: Case) -> None:
    shard = Shard()
    reasons = make(shard)
    first = reasons[0]
    assert (first.code, bool(re.search(text, first.message))) == (code, True), first.message
    told = [type(event.data).__name__ for event in first.events]
    assert set(events) <= set(told), told
    assert dump(fold(shard.log)) == dump(shard.state)


# What only the api can say, and what no event leads to in these tests.
_ELSEWHERE = {Code.NO_SCHEDULER, Code.SCHEDULER_SILENT, Code.NATS_AWAY, Code.SKIPPED, Code.BEGINS}


def test_every_reason_has_a_case() -> None:
    assert set(Code) - {code for code, *_ in CASES} == _ELSEWHERE


class TestWhatThereIsNot:
    @pytest.mark.parametrize(
        ("name", "path", "text"),
        [
            ("lod", (), "has no task 'lod'. Did you mean 'load'?"),
            ("zzz", (), "has no task 'zzz'.$"),
            ("load", (0,), "Task 'load' is not mapped, so there is no instance"),
            ("m", (5,), "has 2 instances, 0 to 1; there is no 5."),
            ("m", (0, 0), "has 1 map index, so there is no instance"),
            ("m", (-1,), "A map index is 0 or more"),
            ("load@success", (), "is a callback and no task"),
        ],
    )
    def test_no_such_task(self, name: str, path: tuple[int, ...], text: str) -> None:
        shard = Shard()
        shard.begin(dag(task("load"), task("m", mapped_over=(MapSource(length=2),))))
        with pytest.raises(NotFound, match=text) as caught:
            why(shard, name, path)
        assert caught.value.reason == "TASK_NOT_FOUND"

    def test_a_task_of_a_newer_version(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a")))
        shard.submit(dag(task("a"), task("b")))
        with pytest.raises(NotFound, match="is in version 2 of DAG 'etl'; the run was made with"):
            why(shard, "b")

    def test_no_such_run(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a")))
        with pytest.raises(NotFound) as caught:
            explain(shard.state, RUN.task("a"), T0, Surroundings())
        assert caught.value.reason == "RUN_NOT_FOUND"


class TestBesides:
    def test_what_comes_next_is_said_as_well(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a", pool="gpu", queue="gpus")))
        pause(shard)
        codes = [reason.code for reason in why(shard, "b", around=around(worker()))]
        assert codes == [
            Code.UPSTREAM_NOT_FINISHED,
            Code.DAG_PAUSED,
            Code.POOL_MISSING,
            Code.NO_WORKER,
        ]

    def test_an_instance_that_is_not_there_yet(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("m", "a", mapped_over=(MapSource(task_id="a"),))))
        assert why(shard, "m", (3,))[0].code is Code.UPSTREAM_NOT_FINISHED

    def test_the_failed_instance_is_the_one_that_is_told(self) -> None:
        shard = Shard()
        shard.begin(dag(task("m", mapped_over=(MapSource(length=2),))))
        shard.succeed("m", map_index=(0,))
        shard.fail("m", map_index=(1,))
        assert why(shard, "m")[1].message.startswith("Instance [1]: It failed at")

    def test_of_a_reopened_run(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b", "a"), task("c")))
        shard.fail("a")
        shard.succeed("c")
        shard.clear("a")
        found = why(shard, "c")[0]
        assert (found.code, found.message) == (Code.SUCCEEDED, "It succeeded.")
        assert [type(event.data).__name__ for event in found.events] == ["RunReopened"]

    def test_without_its_events_it_is_still_a_sentence(self) -> None:
        shard = Shard()
        shard.begin(dag(task("a"), task("b")))
        pause(shard)
        shard.fail("a")
        for name, text in (("a", "It failed."), ("b", "It is ready (attempt 1) and no worker")):
            found = explain(shard.state, RUN.task(name), T0, Surroundings())
            assert tell(found.blockers[0], {}).message.startswith(text)

    def test_what_somebody_may_not_see_is_not_named(self) -> None:
        shard = Shard()
        pool(shard, "gpu", 1)
        shard.submit(dag(task("secret", pool="gpu"), dag_id="hidden"))
        shard.trigger("r0", "hidden")
        shard.begin(dag(task("a", pool="gpu")))
        found = explain(shard.state, RUN.task("a"), T0, Surroundings())
        events = {event.position: event for event in shard.log}
        open_told = tell(found.blockers[0], events)
        assert "by 'secret' of run 'r0' of DAG 'hidden' (is queued since" in open_told.message
        told = tell(found.blockers[0], events, lambda where: where.dag_id == "hidden")
        assert told.message.endswith("is taken: by one of another DAG.")
        assert told.about == ()

    def test_an_explanation_travels(self) -> None:
        shard = Shard()
        pool(shard, "gpu", 1)
        shard.begin(dag(task("a", pool="gpu"), task("b", pool="gpu")))
        found = explain(shard.state, RUN.task("b"), T0, Surroundings())
        answer = ExplainAnswer(explanation=found)
        assert decode_answer(encode_answer(answer)) == answer

    def test_who_speaks_as_nobody(self) -> None:
        shard = Shard()
        shard.submit(dag(task("a")))
        command = SetDagPaused(id="p", namespace="default", dag_id="etl", is_paused=True)
        shard.handle(command, "api/1f2e")
        shard.trigger()
        assert "by a call of the api without a login" in why(shard, "a")[0].message

    def test_many_are_counted_and_a_few_named(self) -> None:
        shard = Shard()
        names = [f"t{number}" for number in range(9)]
        shard.begin(dag(*map(task, names), task("z", *names)))
        reason = why(shard, "z")[0]
        assert reason.message.count("is queued") == 5
        assert reason.message.endswith("and 4 more.")
        assert len(reason.about) == 5

    def test_a_status_of_each_kind_has_words(self) -> None:
        assert set(map(str, TaskStatus)) == set(STATES)


def test_the_guide_names_every_reason() -> None:
    page = Path(__file__).parents[3] / "docs/guide/why.md"
    named = re.findall(r"^\| `([A-Z_]+)` \|", page.read_text(), re.MULTILINE)
    assert sorted(named) == sorted(Code)
