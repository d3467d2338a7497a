"""Why a task that may begin has no place, or no worker."""

from __future__ import annotations

from millstream.core.commands import DeletePool
from millstream.core.explanation import Code, Reason, Surroundings
from millstream.core.reports import StartAttempt
from millstream.core.spec import MapSource
from shard import RUN, Shard, dag, task
from unit.core.explain_case import Cases, around, pool, report, why, worker

CASES = Cases()
case = CASES.add


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
