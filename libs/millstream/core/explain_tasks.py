"""Why an instance of a run that goes on has not begun: upstream tasks, setups, the past, and what
it is mapped over. The verdict is the one that ``react`` acts on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from millstream.core.event_parts import Where
from millstream.core.explain_names import MOST_LOOKED_AT, about, known_since, open_leaves
from millstream.core.explanation import (
    MOST_NAMED,
    STATES,
    About,
    Blocker,
    Code,
    Told,
    listed,
    plural,
)
from millstream.core.graph import Edge
from millstream.core.past import Missing, PastRun
from millstream.core.spec import TaskSpec, TriggerRule
from millstream.core.state import Instance, Run
from millstream.core.statuses import TaskStatus
from millstream.core.trigger_rules import Verdict
from millstream.core.verdicts import (
    View,
    mind_past,
    verdict_of,
    verdict_of_one,
    waits_for_setups,
)

Path = tuple[int, ...]
MOST_UPSTREAM = 2000

RULES = {
    TriggerRule.ALL_SUCCESS: "all of them must succeed",
    TriggerRule.ALL_FAILED: "all of them must fail",
    TriggerRule.ALL_DONE: "all of them must be over",
    TriggerRule.ALL_DONE_MIN_ONE_SUCCESS: "all must be over, and one must succeed",
    TriggerRule.ALL_SKIPPED: "all of them must be skipped",
    TriggerRule.ONE_SUCCESS: "one of them must succeed",
    TriggerRule.ONE_FAILED: "one of them must fail",
    TriggerRule.ONE_DONE: "one of them must succeed or fail",
    TriggerRule.NONE_FAILED: "all must be over, and none may fail",
    TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS: "none may fail, and one must succeed",
    TriggerRule.NONE_SKIPPED: "all must be over, and none may be skipped",
    TriggerRule.ALWAYS: "it waits for none of them",
    TriggerRule.ALL_DONE_SETUP_SUCCESS: "all must be over, and one of its setups must succeed",
}


def not_begun(run: Run, number: int, path: Path, view: View) -> Iterator[Blocker]:
    """What an instance with the status NONE waits for, or what is not expanded at ``path``."""
    task = run.version.graph.tasks[number]
    verdict, _, length = verdict_of_one(run, number, path, view)
    if verdict is Verdict.WAIT:
        if verdict_of(task, view)[0] is not Verdict.WAIT:
            yield _map_not_known(run, number, path)
        elif waits_for_setups(task, view):
            yield _setups(run, number, path)
        else:
            yield from _upstream(run, number, path, view)
        return
    missing = run.past.missing(run, number) if run.past is not None else None
    if missing is not None and mind_past(run, number, verdict) is Verdict.WAIT:
        yield _past(run, task, missing)
        return
    yield Blocker(
        code=Code.BEGINS,
        text=(
            "Nothing keeps it from being expanded: that follows at this moment."
            if length
            else "Nothing keeps it from going on: what becomes of it follows at this moment.",
        ),
        positions=(run.started_position,),
    )


def _upstream(run: Run, number: int, path: Path, view: View) -> Iterator[Blocker]:
    graph = run.version.graph
    task, edges = graph.tasks[number], graph.above[number]
    pending, ended = _pending(run, edges, path)
    total = len(edges)
    yield Blocker(
        code=Code.UPSTREAM_NOT_FINISHED,
        text=(
            f"It waits for {len(pending)} of its {plural(total, 'upstream task')} "
            f"(trigger rule {task.trigger_rule}: {RULES[task.trigger_rule]}): ",
            *listed(pending, len(pending)),
            ".",
        ),
        about=tuple(pending[:MOST_NAMED]),
        positions=tuple(ended[:MOST_NAMED]),
    )
    if all(one.state == TaskStatus.NONE for one in pending[:MOST_UPSTREAM]):
        yield from _further_up(run, pending)


def _pending(run: Run, edges: Sequence[Edge], path: Path) -> tuple[list[About], list[int]]:
    """The upstream tasks that are not over, and the positions of the ends of the others."""
    pending: list[About] = []
    ended: list[int] = []
    for other, shared in islice(edges, MOST_UPSTREAM):
        node, depth = run.nearest(other, path[:shared])
        if node.is_over:
            ended.append(known_since(run, node))
        else:
            pending.append(_first_open(run, other, node, path[:depth]))
    return pending, [position for position in ended if position]


def _first_open(run: Run, number: int, node: Instance, path: Path) -> About:
    """A node that is not over, by the instance below it that has got furthest."""
    leaves = list(islice(open_leaves(run, number, node, path), MOST_NAMED))
    begun = [one for one in leaves if one.state != TaskStatus.NONE]
    return (begun or leaves or [about(run, number, path, node)])[0]


def _further_up(run: Run, pending: list[About]) -> Iterator[Blocker]:
    """The tasks above that wait for nothing but themselves."""
    graph = run.version.graph
    seen = dict.fromkeys(graph.number[one.where.task_id] for one in pending)
    found: list[About] = []
    queue = list(seen)
    for number in queue:  # it grows meanwhile
        for other in graph.upstream[number]:
            if other in seen or run.instances[other].is_over:
                continue
            seen[other] = None
            one = _first_open(run, other, run.instances[other], ())
            if one.state == TaskStatus.NONE:
                queue.append(other)
            else:
                found.append(one)
        if len(seen) > MOST_UPSTREAM:
            break
    if found:
        yield Blocker(
            code=Code.FURTHER_UPSTREAM,
            text=("These in turn wait for ", *listed(found, len(found)), "."),
            about=tuple(found[:MOST_NAMED]),
        )


def _setups(run: Run, number: int, path: Path) -> Blocker:
    graph = run.version.graph
    task = graph.tasks[number]
    pending, _ = _pending(run, graph.needs[number], path)
    if task.is_teardown:
        return Blocker(
            code=Code.SCOPE_NOT_FINISHED,
            text=(
                "It is a teardown, and waits for all tasks between its setups and itself: ",
                *listed(pending, len(pending)),
                ".",
            ),
            about=tuple(pending[:MOST_NAMED]),
        )
    return Blocker(
        code=Code.SETUP_NOT_FINISHED,
        text=("It waits for the setups that it needs: ", *listed(pending, len(pending)), "."),
        about=tuple(pending[:MOST_NAMED]),
    )


def _map_not_known(run: Run, number: int, path: Path) -> Blocker:
    graph = run.version.graph
    level = graph.levels[number][len(path)]
    pending, _ = _pending(run, level.sources, path)
    what = "group is" if level.is_group else "task is"
    return Blocker(
        code=Code.MAP_NOT_KNOWN,
        text=(
            f"The {what} mapped over what ",
            *listed(pending, len(pending)),
            " returns: how many instances there are is not known before.",
        ),
        about=tuple(pending[:MOST_NAMED]),
    )


def _past(run: Run, task: TaskSpec, missing: Missing) -> Blocker:
    before = missing.before
    if not before.has(missing.task_id):
        return Blocker(
            code=Code.NOT_IN_RUN_BEFORE,
            text=(
                f"It depends on the past (depends_on_past), and the run before, {before.run_id!r}, "
                f"has no task {missing.task_id!r}.",
            ),
            advice="Mark it as a success, or take depends_on_past away.",
            about=(_of_past(run, before, missing.task_id),),
        )
    one = _of_past(run, before, missing.task_id)
    is_own = missing.task_id == task.task_id
    how = STATES.get(one.state, "it neither succeeded nor was skipped")
    way_out = (
        f"Wait for run {before.run_id!r}."
        if before.run is not None
        else f"Clear task {missing.task_id!r} in run {before.run_id!r}, or mark it as a success."
    )
    return Blocker(
        code=Code.DEPENDS_ON_PAST if is_own else Code.WAITS_FOR_DOWNSTREAM,
        text=(
            "It depends on the past (depends_on_past): "
            if is_own
            else "It waits for what is downstream of it in the run before (wait_for_downstream): ",
            f"task {missing.task_id!r} has not ended well in the run before, {before.run_id!r} "
            f"({how}",
            *((Told(one.position, "since"),) if one.position else ()),
            ").",
        ),
        advice=way_out,
        about=(one,),
    )


def _of_past(run: Run, before: PastRun, task_id: str) -> About:
    where = Where(*run.key[:2], before.run_id, task_id)
    if before.run is None or task_id not in before.graph.number:
        return About(where=where)
    tree = before.run.instances[before.graph.number[task_id]]
    for path, leaf in islice(tree.leaves(), MOST_LOOKED_AT):
        if leaf.status not in (TaskStatus.SUCCESS, TaskStatus.SKIPPED):
            return about(before.run, before.graph.number[task_id], path, leaf)
    return About(where=where)
