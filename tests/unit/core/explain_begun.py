"""What became of a task that has begun, and what is said besides."""

from __future__ import annotations

from millstream.core.commands import Quarantine
from millstream.core.deferral import AssignedUser, InputRequest, TriggerCall
from millstream.core.event_parts import Choice
from millstream.core.explanation import Code, Reason, Surroundings
from millstream.core.reports import StartAttempt
from millstream.core.spec import EmptyAction, MapSource
from shard import RUN, T0, Shard, dag, task
from unit.core.explain_case import DAY, Cases, around, result, why, worker

CASES = Cases()
case = CASES.add


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
