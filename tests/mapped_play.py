"""DAGs with mapped tasks and groups, played through the core step by step."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from millstream.core.commands import ClearTasks, SubmitDag, TaskRef, TriggerRun
from millstream.core.event_parts import Choice, XCom
from millstream.core.events import Event
from millstream.core.handle import handle_whole
from millstream.core.reports import FailAttempt, SkipAttempt, SucceedAttempt
from millstream.core.spec import BashAction, DagSpec, GroupSpec, MapSource, TaskSpec, TriggerRule
from millstream.core.state import State
from millstream.core.statuses import next_status
from millstream.core.task_events import TaskReady

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Key = tuple[str, tuple[int, ...]]


def task(task_id: str, *upstream: str, **more: Any) -> TaskSpec:
    return TaskSpec(
        **{"task_id": task_id, "action": BashAction(command="x"), "upstream": upstream, **more}
    )


def over(*sources: str | int | MapSource) -> tuple[MapSource, ...]:
    def source_of(source: str | int | MapSource) -> MapSource:
        if isinstance(source, MapSource):
            return source
        return MapSource(task_id=source) if isinstance(source, str) else MapSource(length=source)

    return tuple(map(source_of, sources))


class Played:
    def __init__(self, *tasks: TaskSpec, groups: tuple[GroupSpec, ...] = ()) -> None:
        self.state = State()
        self.events: list[Event] = []
        spec = DagSpec(dag_id="d", tasks=tasks, groups=groups)
        self.do(SubmitDag(id="s", namespace="n", spec=spec))
        self.do(TriggerRun(id="t", namespace="n", dag_id="d"))

    def do(self, command: Any) -> None:
        self.events += handle_whole(self.state, command, "tester", NOW, 1)

    def end(
        self,
        task_id: str,
        *path: int,
        length: int | None = None,
        is_bad: bool = False,
        is_skipped: bool = False,
        choice: Choice | None = None,
    ) -> None:
        """The latest attempt of an instance ends; ``length``: how many items it returned."""
        where = [
            event.where
            for event in self.events
            if isinstance(event.data, TaskReady)
            and (event.where.task_id, event.where.map_index) == (task_id, path)
        ][-1]
        about: dict[str, Any] = {
            "id": f"r{len(self.events)}",
            "where": where,
            "worker": "w",
            "token": f"{task_id}{path}{where.attempt}",
            "started_at": NOW,
            "ended_at": NOW,
        }
        if is_bad:
            self.do(FailAttempt(**about, error_type="E", message="m"))
            return
        if is_skipped:
            self.do(SkipAttempt(**about, reason="as asked"))
            return
        result = XCom(value=msgspec.Raw(b"[]"), size=2, length=-1 if length is None else length)
        xcoms = {"return_value": result}
        self.do(SucceedAttempt(**about, xcoms=xcoms, choice=choice))

    def states(self, task_id: str) -> dict[tuple[int, ...], str]:
        found: dict[tuple[int, ...], str] = {}
        for event in self.events:
            status = next_status(event.data)
            if status is not None and event.where.task_id == task_id:
                found[event.where.map_index] = str(status)
        return found

    def last(self) -> str:
        return type(self.events[-1].data).__name__


def mapped(group_id: str, *sources: str | int | MapSource, parent: str = "") -> GroupSpec:
    return GroupSpec(group_id=group_id, parent=parent, mapped_over=over(*sources))


def grouped(
    *more: TaskSpec, rule: TriggerRule = TriggerRule.ALL_SUCCESS, sources: tuple[str | int, ...]
) -> Played:
    """A mapped group ``g`` of ``a >> b``, and ``after`` it."""
    before = [task(name) for name in sources if isinstance(name, str)]
    return Played(
        *before,
        task("a", *(each.task_id for each in before), group="g"),
        task("b", "a", group="g", trigger_rule=rule),
        task("after", "b", trigger_rule=TriggerRule.ALL_DONE),
        *more,
        groups=(mapped("g", *sources),),
    )


def clear(played: Played, *task_ids: str) -> None:
    run_id = next(iter(played.state.runs))[2]
    refs = tuple(TaskRef(task_id=name) for name in task_ids)
    played.do(
        ClearTasks(
            id=f"c{len(played.events)}",
            namespace="n",
            dag_id="d",
            run_id=run_id,
            tasks=refs,
            include_downstream=True,
            only_failed=False,
        )
    )
