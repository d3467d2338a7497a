"""The tasks of a run that is over, written down small, and a run made of that again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from millstream.core.counting import Path, count_end, expand, note_choice
from millstream.core.event_parts import TaskMemo, Where
from millstream.core.events import Fact, RunReopened, TasksRecalled
from millstream.core.mapping import note_length
from millstream.core.state import Instance, Run
from millstream.core.statuses import FINISHED_TASK, TaskStatus

MOST_MEMOS = 1000  # in one event, so that it fits into a message


def reopen(run: Run, version: int) -> Iterator[Fact]:
    """The events that bring back a run that is over, to go on with this version of its DAG."""
    where = Where(*run.key)
    memos = tuple(memos_of(run))
    first = memos[:MOST_MEMOS]
    yield Fact(where, RunReopened(created=run.created, version=version, tasks=first))
    for index in range(MOST_MEMOS, len(memos), MOST_MEMOS):
        yield Fact(where, TasksRecalled(tasks=memos[index : index + MOST_MEMOS]))


def memos_of(run: Run) -> Iterator[TaskMemo]:
    """What differs from a task that never began: first what is expanded, for what a task decides
    about others belongs where they are. An attempt that was under way when the run was put into
    quarantine is closed."""
    trees = list(zip(run.version.graph.tasks, run.instances, strict=True))
    for task, tree in trees:
        yield from _expansions(task.task_id, (), tree)
    for task, tree in trees:
        for path, instance in tree.leaves():
            is_over = instance.status in FINISHED_TASK
            if is_over or instance.attempt:
                yield TaskMemo(
                    task_id=task.task_id,
                    map_index=path,
                    status=str(instance.status if is_over else TaskStatus.NONE),
                    attempt=instance.attempt,
                    tries=max(instance.tries, instance.failures),
                    max_tries=instance.max_tries,
                    length=instance.length,
                    choice=instance.choice,
                )


def _expansions(task_id: str, path: Path, node: Instance) -> Iterator[TaskMemo]:
    if node.elements:
        yield TaskMemo(task_id=task_id, map_index=path, expanded=len(node.elements))
        for index, element in enumerate(node.elements):
            yield from _expansions(task_id, (*path, index), element)


def restore(run: Run, memos: Iterable[TaskMemo]) -> None:
    """Put the tasks of a run as they were left. What its DAG version does not have is left out."""
    graph = run.version.graph
    for memo in memos:
        found = run.find(memo.task_id, memo.map_index)
        if found is None or found[1].elements:
            continue
        number, instance = found
        if memo.expanded < 0:
            _restore_one(run, number, instance, memo)
        elif memo.expanded and len(memo.map_index) < len(graph.levels[number]):
            expand(run, number, memo.map_index, memo.expanded)


def _restore_one(run: Run, number: int, instance: Instance, memo: TaskMemo) -> None:
    instance.attempt = memo.attempt
    instance.tries = instance.failures = memo.tries
    instance.max_tries = memo.max_tries
    if instance.status is not TaskStatus.NONE or memo.status not in FINISHED_TASK:
        return
    instance.status = TaskStatus(memo.status)
    if memo.choice is not None:
        note_choice(run, number, memo.map_index, instance, memo.choice)
    if memo.length != -1:
        note_length(run, number, memo.map_index, memo.length)
    count_end(run, number, memo.map_index, instance.status, 0)
