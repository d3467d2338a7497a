"""What is to become of an instance that has not begun, as things stand: branches, trigger rules,
setups, what it is mapped over, and the past. ``react`` acts on it and ``explain`` tells it, so that
neither can say what the other does not."""

from __future__ import annotations

from typing import Literal, NamedTuple

from millstream.core.graph import Level
from millstream.core.mapping import map_length
from millstream.core.spec import TaskSpec, TriggerRule
from millstream.core.state import Instance, Run
from millstream.core.statuses import TaskStatus
from millstream.core.trigger_rules import Upstream, Verdict, judge

Path = tuple[int, ...]
# How the reasons begin, or end.
_CHOSE = " chose not to go on here"
_RULE = "trigger rule "
_OVER = "mapped over "
_NO_VALUES = "there is nothing to map over"


class View(NamedTuple):
    """What an instance waits for: what is counted at it and at the nodes above it."""

    upstream: Upstream
    waits: int
    setup_failed: int
    cut_by: str


def view_of(node: Instance, above: View | None) -> View:
    """What is waited for at a node, with what is waited for above it."""
    extra = node.extra
    if above is not None and not node.total and extra is None and not node.cut_by:
        return above
    upstream = Upstream(node.total, node.success, node.skipped, node.failed, node.upstream_failed)
    waits = setup_failed = 0
    if extra is not None:
        upstream = upstream._replace(
            setups=extra.setups,
            setup_success=extra.setup_success,
            setup_skipped=extra.setup_skipped,
        )
        waits, setup_failed = extra.waits, extra.setup_failed
    if above is None:
        return View(upstream, waits, setup_failed, node.cut_by)
    return View(
        Upstream(*(ours + theirs for ours, theirs in zip(upstream, above.upstream, strict=True))),
        waits + above.waits,
        setup_failed + above.setup_failed,
        above.cut_by or node.cut_by,
    )


def view_at(run: Run, number: int, path: Path) -> tuple[Instance, Path, View]:
    """The node at ``path``, or as far along it as there are nodes; how far that is; and what is
    waited for there."""
    node = run.instances[number]
    view = view_of(node, None)
    for depth, index in enumerate(path):
        if index >= len(node.elements):
            path = path[:depth]
            break
        node = node.elements[index]
        view = view_of(node, view)
    return node, path, view


def verdict_of(task: TaskSpec, view: View) -> tuple[Verdict, str]:
    """What the branches, the trigger rule and the setups above say about a task, and why."""
    if view.cut_by:
        return Verdict.SKIP, f"task {view.cut_by!r}{_CHOSE}"
    verdict = _judge(task, view)
    if verdict is Verdict.RUN or verdict is Verdict.WAIT:
        return verdict, ""
    return verdict, f"{_RULE}{task.trigger_rule}: {_describe(view.upstream)}"


def verdict_of_one(run: Run, number: int, path: Path, view: View) -> tuple[Verdict, str, int]:
    """The same about one instance, or about all of a level that is not expanded; and into how many
    it is to be expanded now (0: it is not)."""
    graph = run.version.graph
    verdict, reason = verdict_of(graph.tasks[number], view)
    if len(path) == len(graph.levels[number]):
        return verdict, reason, 0
    level = graph.levels[number][len(path)]
    if not view.cut_by and verdict is not Verdict.UPSTREAM_FAILED:
        verdict, reason = _verdict_of_sources(run, level, path) or (verdict, reason)
    # A group is expanded as soon as it can be, all of its tasks at once.
    is_early = level.is_group or not level.sources
    if verdict is Verdict.RUN or (is_early and verdict is Verdict.WAIT):
        length = map_length(run, level, path)
        if length:
            return verdict, reason, length
        if verdict is Verdict.RUN:
            verdict, reason = _nothing_to_map(run, level, path, length)
    return verdict, reason, 0


def skip_kind(reason: str) -> Literal["branch", "rule", "map", ""]:
    """Which of the reasons above a task was skipped for; "": for another one."""
    if reason.endswith(_CHOSE):
        return "branch"
    if reason.startswith(_RULE):
        return "rule"
    return "map" if reason == _NO_VALUES or reason.startswith(_OVER) else ""


def mind_past(run: Run, number: int, verdict: Verdict) -> Verdict:
    """What may begin waits if it depends on the past and that is not over yet."""
    if run.past is None or verdict in (Verdict.WAIT, Verdict.UPSTREAM_FAILED):
        return verdict
    task = run.version.graph.tasks[number]
    waits = verdict is Verdict.RUN or task.wait_for_past_depends_before_skipping
    return Verdict.WAIT if waits and run.past.missing(run, number) else verdict


def waits_for_setups(task: TaskSpec, view: View) -> bool:
    """Is it only the setups that it needs, or the scope of a teardown, that it waits for?"""
    return verdict_of(task, view)[0] is Verdict.WAIT and (
        verdict_of(task, view._replace(waits=0))[0] is Verdict.RUN
    )


def _verdict_of_sources(run: Run, level: Level, path: Path) -> tuple[Verdict, str] | None:
    graph = run.version.graph
    for source, shared in level.sources:
        name = graph.tasks[source].task_id
        match run.nearest(source, path[:shared])[0].status:
            case TaskStatus.FAILED | TaskStatus.UPSTREAM_FAILED:
                return Verdict.UPSTREAM_FAILED, f"{_OVER}{name!r}, which failed"
            case TaskStatus.SKIPPED:
                return Verdict.SKIP, f"{_OVER}{name!r}, which was skipped"
    return None


def _nothing_to_map(run: Run, level: Level, path: Path, length: int | None) -> tuple[Verdict, str]:
    # A rule that does not wait for all upstream tasks does not wait for the values either: if they
    # are not there yet the task fails, as in Airflow.
    if level.is_group and any(
        not run.nearest(source, path[:shared])[0].is_over for source, shared in level.sources
    ):
        return Verdict.WAIT, ""
    if length is None:
        return Verdict.UPSTREAM_FAILED, "the values to map over are missing"
    return Verdict.SKIP, _NO_VALUES


def _judge(task: TaskSpec, view: View) -> Verdict:
    """The trigger rule, and the setups and the scope that go beyond it."""
    upstream = view.upstream
    if task.trigger_rule is TriggerRule.ALWAYS or not (view.waits or upstream.setups):
        return judge(task.trigger_rule, upstream)
    if not task.is_teardown:
        if view.setup_failed:
            return Verdict.UPSTREAM_FAILED
        if upstream.setup_skipped:
            return Verdict.SKIP
        upstream = upstream._replace(setups=0)
    verdict = judge(task.trigger_rule, upstream)
    return Verdict.WAIT if verdict is Verdict.RUN and view.waits else verdict


def _describe(upstream: Upstream) -> str:
    return (
        f"of {upstream.total} upstream tasks {upstream.success} succeeded, {upstream.skipped} "
        f"were skipped, {upstream.failed} failed, {upstream.upstream_failed} could not run"
    )
