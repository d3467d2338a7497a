"""What an explanation names is what it is: whoever does away with it, and then with what is named
next, and so on, brings every task to its end. Random DAGs, limits, pauses and outcomes."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from millstream.core.commands import MarkTasks, RetryAttempt, SetDagPaused, SetPool, TaskRef
from millstream.core.event_parts import Where, XCom
from millstream.core.explain import explain
from millstream.core.explanation import Blocker, Code, Explanation, Surroundings, tell
from millstream.core.reports import FailAttempt, SkipAttempt, StartAttempt, SucceedAttempt
from millstream.core.run_queue import start_of
from millstream.core.spec import BashAction, DagSpec, EmptyAction, MapSource, TriggerRule
from millstream.core.state import run_key
from millstream.core.statuses import FINISHED_TASK, TaskStatus
from shard import Shard, dag, dump, fold, task

POOLS = ("default_pool", "gpu")
FEW = st.none() | st.integers(1, 2)
RULES = [TriggerRule.ALL_SUCCESS] * 4 + list(TriggerRule)
MOST_STEPS = 300
MOST_DEPTH = 50


@st.composite
def dags(draw: st.DrawFn, dag_id: str) -> DagSpec:
    names = [f"t{index}" for index in range(draw(st.integers(1, 5)))]
    tasks = []
    for index, name in enumerate(names):
        above = names[:index]
        parents = draw(st.lists(st.sampled_from(above), max_size=2, unique=True)) if above else []
        over = draw(st.sampled_from(["", "", "", "values", "result"]))
        mapped: tuple[MapSource, ...] = ()
        if over == "values":
            mapped = (MapSource(length=2),)
        elif over == "result" and parents:
            mapped = (MapSource(task_id=parents[0]),)
        is_setup = not parents and not mapped and draw(st.booleans())
        tasks.append(
            task(
                name,
                *parents,
                is_setup=is_setup,
                is_teardown=not is_setup and not mapped and draw(st.integers(0, 5)) == 0,
                trigger_rule=draw(st.sampled_from(RULES)),
                retries=draw(st.integers(0, 1)),
                pool=draw(st.sampled_from(POOLS)),
                pool_slots=draw(st.integers(1, 2)),
                priority_weight=draw(st.integers(-1, 3)),
                max_active_tis_per_dag=draw(FEW),
                max_active_tis_per_dagrun=draw(FEW),
                depends_on_past=draw(st.integers(0, 3)) == 0,
                mapped_over=mapped,
                action=draw(st.sampled_from([BashAction(command="true")] * 4 + [EmptyAction()])),
            )
        )
    # A run that holds the only place, and waits for one before it that was reopened and is queued,
    # waits for ever, and rightly so.
    most_runs = [16] if any(one.depends_on_past for one in tasks) else [1, 2, 16]
    return dag(
        *tasks,
        dag_id=dag_id,
        max_active_tasks=draw(st.sampled_from([1, 2, 16])),
        max_active_runs=draw(st.sampled_from(most_runs)),
    )


class Follower:
    """Does what explanations say, and nothing else."""

    def __init__(self, order: Random) -> None:
        self.shard = Shard()
        self.order = order
        self.seen: set[Code] = set()

    def do(self, kind: Any, **fields: Any) -> None:
        self.shard.handle(kind(id=self.shard.id(), **fields))

    def open_places(self) -> list[Where]:
        return [
            Where(*run.key, task.task_id, path)
            for run in self.shard.state.runs.values()
            for task, tree in zip(run.version.graph.tasks, run.instances, strict=True)
            for path, leaf in tree.leaves()
            if leaf.status not in FINISHED_TASK
        ]

    def is_over(self, where: Where) -> bool:
        run = self.shard.state.runs.get(run_key(where))
        found = run.find(where.task_id, where.map_index) if run is not None else None
        return found is None or bool(found[1].elements) or found[1].status in FINISHED_TASK

    def explain(self, where: Where) -> Explanation:
        found = explain(self.shard.state, where, self.shard.now, Surroundings())
        events = {event.position: event for event in self.shard.log}
        for blocker in found.blockers:
            self.seen.add(blocker.code)
            told = tell(blocker, events)
            assert told.message.endswith(".")
            assert [event.position for event in told.events] == blocker.rests_on()
        return found

    def end(self, where: Where) -> None:
        """The task ends, if one does away with whatever keeps it from that."""
        for _ in range(MOST_STEPS):
            if self.is_over(where):
                return
            self.remove(where)
        raise AssertionError(f"{where} does not end: {self.explain(where)}")

    def remove(self, where: Where, depth: int = 0) -> None:
        """Do away with the first thing that keeps the task from going on. It must be there."""
        assert depth < MOST_DEPTH, "what blocks it blocks itself"
        found = self.explain(where)
        position = self.shard.state.position
        self.act(found.where, found.blockers[0], depth)
        assert self.shard.state.position > position, found

    def act(self, where: Where, blocker: Blocker, depth: int) -> None:
        names = {"namespace": where.namespace, "dag_id": where.dag_id}
        run = self.shard.state.runs[run_key(where)]
        spec = run.version.graph.tasks[run.version.graph.number[where.task_id]]
        match blocker.code:
            case Code.DAG_PAUSED:
                self.do(SetDagPaused, **names, is_paused=False)
            case Code.MAX_ACTIVE_RUNS | Code.RUN_BEHIND_OTHERS:
                other = self.order.choice(blocker.about).where
                inside = [one for one in self.open_places() if run_key(one) == run_key(other)]
                self.remove(self.order.choice(inside), depth + 1)
            case Code.RUN_STARTS:
                self.shard.handle(start_of((where.namespace, where.dag_id), self.shard.now))
            case Code.POOL_MISSING | Code.POOL_TOO_SMALL:
                slots = spec.pool_slots
                self.do(SetPool, namespace=where.namespace, name=spec.pool, slots=slots)
            case Code.NOT_CLAIMED | Code.RUNNING:
                self.report(where, is_running=blocker.code is Code.RUNNING)
            case Code.UP_FOR_RETRY:
                self.do(RetryAttempt, where=where)
            case Code.DEPENDS_ON_PAST if self.is_over(blocker.about[0].where):
                bad = blocker.about[0].where
                refs = (TaskRef(task_id=bad.task_id, map_index=bad.map_index),)
                self.do(MarkTasks, **names, run_id=bad.run_id, tasks=refs, state="success")
            case _:
                other = self.order.choice(blocker.about).where
                assert not self.is_over(other), f"{other} blocks nobody"
                if blocker.code in _HELD:
                    assert self.explain(other).state in ("queued", "running")
                self.remove(other, depth + 1)

    def report(self, where: Where, *, is_running: bool = False) -> None:
        run = self.shard.state.runs[run_key(where)]
        kinds = [SucceedAttempt, SucceedAttempt, FailAttempt, SkipAttempt]
        kind = self.order.choice(kinds if is_running else [*kinds, StartAttempt])
        fields: dict[str, Any] = {"worker": "w", "token": "t", "started_at": self.shard.now}
        if kind is not StartAttempt:
            fields["ended_at"] = self.shard.now
        if kind is FailAttempt:
            fields |= {"error_type": "E", "message": "m"}
        if kind is SkipAttempt:
            fields["reason"] = "no data"
        if (
            kind is SucceedAttempt
            and run.version.graph.is_measured[run.version.graph.number[where.task_id]]
        ):
            length = self.order.choice([0, 1, 2])
            fields["xcoms"] = {"return_value": XCom(length=length, size=2)}
        self.do(kind, where=where, **fields)

    def disturb(self) -> None:
        """Something happens that nobody asked for."""
        what = self.order.random()
        dag_id = self.order.choice([key[1] for key in self.shard.state.dags])
        if what < 0.2:
            is_paused = not self.shard.state.dags["default", dag_id].is_paused
            self.do(SetDagPaused, namespace="default", dag_id=dag_id, is_paused=is_paused)
        elif what < 0.4:
            slots = self.order.choice([-1, 0, 1, 2, 3])
            self.do(SetPool, namespace="default", name=self.order.choice(POOLS), slots=slots)
        else:
            active = [
                where
                for where, one in self.shard.state.open_instances()
                if one.status in (TaskStatus.QUEUED, TaskStatus.RUNNING)
            ]
            if active:
                where = self.order.choice(active)
                found = self.shard.state.instance((*run_key(where), where.task_id, where.map_index))
                assert found is not None
                self.report(where, is_running=found.status is TaskStatus.RUNNING)


_HELD = (
    Code.MAX_ACTIVE_TASKS,
    Code.MAX_ACTIVE_TIS_PER_DAG,
    Code.MAX_ACTIVE_TIS_PER_DAGRUN,
    Code.POOL_FULL,
)
ORDERS = st.integers(0, 2**32).map(Random)


@settings(deadline=None)
@given(st.tuples(dags("d0"), dags("d1")), st.integers(1, 3), st.integers(0, 8), ORDERS)
def test_what_is_named_blocks(
    specs: tuple[DagSpec, ...], runs: int, disturbances: int, order: Random
) -> None:
    follower = Follower(order)
    shard = follower.shard
    for spec in specs:
        shard.submit(spec)
    for number in range(runs):
        for spec in specs:
            shard.trigger(f"r{number}", spec.dag_id)
            if order.random() < 0.5:
                follower.disturb()
    for _ in range(disturbances):
        follower.disturb()
        for where in follower.open_places():
            assert follower.explain(where).blockers
    before = dump(shard.state)
    for where in follower.open_places():
        follower.explain(where)
    assert dump(shard.state) == before, "a question changed the state"
    for _ in range(MOST_STEPS):
        places = follower.open_places()
        if not places:
            break
        follower.end(order.choice(places))
    assert not shard.state.runs
    assert dump(fold(shard.log)) == dump(shard.state)
    assert Code.BEGINS not in follower.seen
