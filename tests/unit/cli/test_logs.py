"""``millstream logs`` and ``client.logs`` against an api in this process that knows two logs."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from millstream.cli import workflow
from millstream.cli.logs import show_line
from millstream.cli.runs import log_command
from millstream.client import Client, LogLine, Run, TaskInstance
from millstream.core.errors import NotFound, Unavailable
from millstream.rpc.v1 import logs_pb2, logs_pb2_grpc
from served import served

LINES = [
    ("stdout", "", "\x1b[31mred\x1b[0m and \x07bell"),
    ("stdout", "", " 10%\r 50%\r100%"),
    ("stderr", "", "a warning sign"),
    ("task", "ERROR", "bad"),
    ("millstream", "", "cut off"),
]


class FakeLogs(logs_pb2_grpc.LogServiceServicer):
    """Each stream breaks after two lines; then attempt 2 follows, if it is wanted."""

    def __init__(self) -> None:
        self.requests: list[Any] = []

    async def ReadLog(self, request: Any, context: Any) -> AsyncIterator[Any]:
        kept = logs_pb2.ReadLogRequest()
        kept.CopyFrom(request)
        self.requests.append(kept)
        if request.task_id != "talk":
            raise NotFound("DAG 'etl' has no task.")
        attempt = request.attempt or 1
        yield logs_pb2.ReadLogResponse(attempt=attempt, next_line=request.from_line)
        for number in range(request.from_line, len(LINES)):
            if number == request.from_line + 2:
                raise Unavailable("This server stops.")
            yield answer(attempt, number)
        yield ended(attempt, "failed", "boom")
        if request.follow_retries:
            yield answer(2, 0)
            yield ended(2, "success")


def answer(attempt: int, number: int) -> logs_pb2.ReadLogResponse:
    source, level, text = LINES[number]
    line = logs_pb2.LogLine(number=number, source=source, level=level, text=text, logger="etl")
    line.at.FromSeconds(1_800_000_000)
    return logs_pb2.ReadLogResponse(attempt=attempt, lines=[line], next_line=number + 1)


def ended(attempt: int, state: str, reason: str = "") -> logs_pb2.ReadLogResponse:
    next_line = len(LINES)
    return logs_pb2.ReadLogResponse(
        attempt=attempt, next_line=next_line, is_end=True, state=state, reason=reason
    )


@pytest.fixture
def api() -> Iterator[tuple[str, FakeLogs]]:
    fake = FakeLogs()

    def register(server: Any) -> None:
        logs_pb2_grpc.add_LogServiceServicer_to_server(fake, server)  # type: ignore[no-untyped-call]

    with served(register) as address:
        yield address, fake


def run(api: tuple[str, FakeLogs], *words: str) -> Result:
    app = typer.Typer()
    workflow.register(app)
    return CliRunner().invoke(app, ["logs", *words, "--address", api[0]])


def test_a_broken_stream_is_taken_up_behind_the_last_line(api: tuple[str, FakeLogs]) -> None:
    with Client(api[0]) as client:
        reader = client.logs.read("r1", "talk", levels=["ERROR"], contains="x", follow=True)
        assert [line.number for line in reader] == [0, 1, 2, 3, 4]
        assert (reader.attempt, reader.next_line) == (1, 5)
        assert (reader.state, reader.reason) == ("failed", "boom")
    # The attempt is the one that was begun with, also if there is a newer one by now.
    assert [(r.attempt, r.from_line) for r in api[1].requests] == [(0, 0), (1, 2), (1, 4)]
    assert all((r.levels, r.contains, r.follow) == (["ERROR"], "x", True) for r in api[1].requests)


def test_lines_are_shown_and_not_obeyed(api: tuple[str, FakeLogs]) -> None:
    result = run(api, "r1", "talk")
    assert result.exit_code == 0, result.output
    lines = [text[13:] for text in result.stdout.splitlines()]
    assert lines == [
        "         etl: red and \\x07bell",
        "         etl: 100%",
        "stderr   etl: a warning sign",
        "ERROR    etl: bad",
        "note     etl: cut off",
    ]
    assert "Attempt 1 failed: boom" in result.stderr


def test_retries_are_marked(api: tuple[str, FakeLogs]) -> None:
    result = run(api, "r1", "talk", "--follow", "--retries")
    assert result.stderr.splitlines() == ["--- attempt 2 ---", "Attempt 2 is over: success"]
    assert api[1].requests[0].follow_retries


def test_json_is_one_object_a_line_with_the_text_as_it_is(api: tuple[str, FakeLogs]) -> None:
    lines = [json.loads(text) for text in run(api, "r1", "talk", "--json").stdout.splitlines()]
    assert [line["text"] for line in lines] == [text for _, _, text in LINES]
    assert lines[3] | {"at": ""} == {
        "attempt": 1,
        "number": 3,
        "at": "",
        "source": "task",
        "text": "bad",
        "level": "ERROR",
        "logger": "etl",
    }


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (("talk[3]",), [3]),
        (("talk[3][0]",), [3, 0]),
        (("talk", "--map-index", "3,0"), [3, 0]),
        (("talk",), []),
    ],
)
def test_an_instance_is_named(
    api: tuple[str, FakeLogs], words: tuple[str, ...], path: list[int]
) -> None:
    assert run(api, "r1", *words, "--levels", "error, Warning").exit_code == 0
    request = api[1].requests[0]
    assert (request.task_id, list(request.map_index)) == ("talk", path)
    assert list(request.levels) == ["ERROR", "WARNING"]


@pytest.mark.parametrize(
    "words",
    [
        ("talk", "--levels", "loud"),
        ("talk", "--retries"),
        ("talk[1]", "--map-index", "2"),
        ("talk", "--map-index", "x"),
        ("talk", "--attempt", "-1"),
    ],
)
def test_wrong_usage_is_exit_code_2(api: tuple[str, FakeLogs], words: tuple[str, ...]) -> None:
    assert run(api, "r1", *words).exit_code == 2
    assert not api[1].requests


def test_what_has_no_log_is_a_sentence(api: tuple[str, FakeLogs]) -> None:
    result = run(api, "r1", "nope")
    assert str(result.exception) == "DAG 'etl' has no task."


def test_a_terminal_gets_colours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    from datetime import UTC, datetime

    at = datetime(2026, 1, 1, tzinfo=UTC)
    show_line(LogLine(attempt=1, number=0, at=at, source="task", text="bad", level="ERROR"))
    out = capsys.readouterr().out
    assert "\x1b[31m\x1b[1mERROR   \x1b[0m" in out
    assert "\x1b[31mbad\x1b[0m\n" in out


def test_a_failed_task_tells_how_to_see_its_log() -> None:
    nothing: dict[str, Any] = dict.fromkeys(Run.__struct_fields__, "")
    run_ = Run(**(nothing | {"dag_id": "etl", "run_id": "scheduled 1"}))
    none: dict[str, Any] = dict.fromkeys(TaskInstance.__struct_fields__, "")
    task = TaskInstance(**(none | {"task_id": "load", "map_index": (3, 0)}))
    command = "millstream logs 'scheduled 1' load --dag etl --map-index 3,0"
    assert log_command(run_, task) == command
