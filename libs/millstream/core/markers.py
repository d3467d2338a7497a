"""Clears that go on in other DAGs: which tasks the ``ExternalTaskMarker`` of a cleared task means.

Source: Airflow 2 and 3.0, ``DAG._get_task_instances``.
"""

from __future__ import annotations

from collections.abc import Container, Generator, Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from millstream.core.errors import Refused
from millstream.core.spec import DagSpec, MarkedTask

OWN_DATE = MarkedTask(dag_id="", task_id="").logical_date


class ClearedMarker(NamedTuple):
    """A marker among the tasks that are cleared, in a run of ``logical_date``."""

    dag_id: str
    run_id: str
    task_id: str
    logical_date: datetime | None
    marks: MarkedTask

    @property
    def is_plain(self) -> bool:
        """Can it be followed? Only a worker renders templates, so what it marks must be plain text
        and its date the default, or an ISO date."""
        marks = self.marks
        names = f"{marks.dag_id}{marks.task_id}"
        is_date = marks.logical_date == OWN_DATE or _parsed(marks.logical_date) is not None
        return is_date and "{{" not in names and "{%" not in names

    @property
    def marked_date(self) -> datetime | None:
        """The logical date of the marked run; None where the run of the marker has none."""
        if self.marks.logical_date == OWN_DATE:
            return self.logical_date
        return _parsed(self.marks.logical_date)


def markers_among(
    spec: DagSpec, run_id: str, logical_date: datetime | None, cleared: Container[str]
) -> list[ClearedMarker]:
    """The markers among the tasks with these ids, in the order of the spec."""
    return [
        ClearedMarker(spec.dag_id, run_id, task.task_id, logical_date, task.marks)
        for task in spec.tasks
        if task.marks is not None and task.task_id in cleared
    ]


def follow_markers(
    first: Iterable[ClearedMarker],
) -> Generator[ClearedMarker, Sequence[ClearedMarker], None]:
    """Yields each marker once, depth first, and is sent the markers among what it clears.

    The first marker on the way says how many may follow each other. Raises :class:`Refused` where
    there are more; a circle goes on for ever, and so is refused at once.
    """
    done: set[tuple[str, str, str]] = set()
    path: dict[tuple[str, str, str], None] = {}
    most = 0
    levels = [iter(first)]
    while levels:
        marker = next(levels[-1], None)
        if marker is None:
            levels.pop()
            if path:
                done.add(path.popitem()[0])
            continue
        key = (marker.dag_id, marker.run_id, marker.task_id)
        if key in done:
            continue
        if not path:
            most = marker.marks.recursion_depth
        if key in path or len(path) >= most:
            raise Refused(
                "TOO_MANY_DAGS",
                f"Maximum recursion depth {most} reached for ExternalTaskMarker "
                f"{marker.task_id!r} of DAG {marker.dag_id!r}. Too many tasks are meant, or DAGs "
                f"mark each other in a circle.",
            )
        path[key] = None
        levels.append(iter((yield marker)))


def _parsed(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
