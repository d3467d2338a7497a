"""How the command line shows things."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console

from millstream.cli.output import cell, duration, harmless, make_table
from millstream.cli.progress import RunProgress, render
from millstream.client import Event

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def event(kind: str, task_id: str = "", seconds: float = 0, **data: object) -> Event:
    return Event(
        position=1,
        epoch=1,
        type=kind,
        namespace="default",
        dag_id="etl",
        run_id="r1",
        task_id=task_id,
        map_index=(),
        attempt=1 if task_id else 0,
        actor="",
        causation="",
        recorded_at=T0 + timedelta(seconds=seconds),
        data_json=msgspec.json.encode(data).decode(),
        digest="",
    )


def shown(progress: RunProgress, width: int = 100, height: int = 50) -> str:
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    console.print(render(progress, console))
    return file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0.00s"), (9.876, "9.88s"), (12.34, "12.3s"), (61, "1m 01s"), (7322, "2h 02m 02s")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(T0, T0 + timedelta(seconds=seconds)) == text


def test_no_duration_before_the_start_and_none_below_zero() -> None:
    assert duration(None, T0) == "-"
    assert duration(T0, T0 - timedelta(seconds=5)) == "0.00s"


def test_text_of_a_task_cannot_steer_the_terminal() -> None:
    assert harmless("a\x1b[2Jb\x00\r") == "a\\x1b[2Jb\\x00\\x0d"
    assert cell("[bold]x[/bold]\n\x07y").plain == "[bold]x[/bold] \\x07y"


def test_a_narrow_table_cuts_the_last_column_only() -> None:
    file = io.StringIO()
    run_id = "manual__2026-01-01T00:00:00.000000+00:00"
    table = make_table(("run+", "state", "reason"), [(run_id, "failed", "because " * 30)], 70)
    Console(file=file, width=70).print(table)
    lines = file.getvalue().splitlines()
    assert len(lines) == 2
    assert run_id in lines[1]
    assert lines[1].rstrip().endswith("…")


def test_what_people_copy_is_whole_on_eighty_columns() -> None:
    run_id = "manual__2026-01-01T00:00:00.000000+00:00"
    row = ("a_dag_with_a_name", run_id, "x failed", "04:40:36", "2.47s", "")
    columns = ("dag", "run+", "state", "started", "time", "reason")
    for reason in ("", "because " * 30):
        file = io.StringIO()
        table = make_table(columns, [(*row[:5], reason)], 80)
        Console(file=file, width=80).print(table)
        (_, line) = file.getvalue().splitlines()
        assert len(line.rstrip()) <= 80
        assert all(part in line for part in row[1:5])
        assert ("reason" in file.getvalue()) == bool(reason)


class TestRunProgress:
    def test_a_run_from_its_events(self) -> None:
        progress = RunProgress("etl", "r1", ["extract", "load", "report"])
        for one in [
            event("RunCreated"),
            event("RunStarted"),
            event("TaskReady", "extract"),
            event("TaskStarted", "extract", 1, started_at="2026-01-01T00:00:01Z"),
            event(
                "TaskSucceeded",
                "extract",
                3,
                started_at="2026-01-01T00:00:01Z",
                ended_at="2026-01-01T00:00:03Z",
            ),
            event("TaskReady", "load", 3),
            event(
                "TaskFailed",
                "load",
                4,
                error_type="ValueError",
                message="no\x1b[2J rows",
                started_at="2026-01-01T00:00:03Z",
                ended_at="2026-01-01T00:00:04Z",
            ),
            event("TaskUpstreamFailed", "report", 4, reason="load failed"),
            event("RunFailed", "", 4),
        ]:
            progress.apply(one)
        states = {task.name: task.state for task in progress.tasks.values()}
        assert states == {"extract": "success", "load": "failed", "report": "upstream_failed"}
        assert progress.state == "failed"
        text = shown(progress)
        assert "2.00s" in text
        assert "ValueError: no\\x1b[2J rows" in text
        assert text.splitlines()[0].rstrip().endswith("4.00s")

    def test_a_retry_shows_when_it_waits_and_starts_anew(self) -> None:
        progress = RunProgress("etl", "r1")
        failed = event("TaskFailed", "load", error_type="E", message="m", retry_at="2026-01-02")
        task = progress.apply(failed)
        assert task is not None
        assert task.state == "up_for_retry"
        progress.apply(event("TaskReady", "load"))
        assert (task.state, task.started_at, task.reason) == ("queued", None, "")

    def test_an_event_of_a_newer_release_changes_nothing(self) -> None:
        progress = RunProgress("etl", "r1", ["load"])
        assert progress.apply(event("TaskPaused", "load", why="x")) is None
        assert progress.tasks["load"].state == "none"

    def test_of_many_tasks_the_interesting_ones_are_shown(self) -> None:
        progress = RunProgress("etl", "r1", [f"t{i}" for i in range(1000)])
        progress.apply(event("TaskStarted", "t700", started_at="2026-01-01T00:00:00Z"))
        text = shown(progress, height=24)
        assert len(text.splitlines()) <= 24
        assert "t700" in text
        assert "1000 tasks" in text
