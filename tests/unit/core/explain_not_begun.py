"""Why a task may not begin: its run has not started, or others are not done."""

from __future__ import annotations

from typing import Any

from millstream.core.commands import CreateBackfill, Quarantine, SetBackfillPaused
from millstream.core.event_parts import Where
from millstream.core.explanation import Code, Reason, Surroundings
from millstream.core.reports import FailAttempt, SucceedAttempt
from millstream.core.run_queue import commands_after
from millstream.core.spec import GroupSpec, MapSource, TriggerRule
from shard import T0, Shard, dag, task
from unit.core.explain_case import DAY, Cases, pause, pool, report, why

CASES = Cases()
case = CASES.add


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
