"""The commands against an api in this process that knows one run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from millstream.cli import workflow
from millstream.core.errors import MillstreamError
from millstream.rpc.v1 import events_pb2, runs_pb2, runs_pb2_grpc
from millstream_api.errors import to_status
from served import served


class FakeRuns(runs_pb2_grpc.RunServiceServicer):
    """DAG ``good`` succeeds, ``bad`` fails, ``slow`` never ends."""

    def __init__(self) -> None:
        self.request_ids: list[str] = []
        self.watched_from: list[int] = []
        self.triggers: list[Any] = []

    async def TriggerRun(self, request: Any, context: Any) -> Any:
        self.request_ids.append(request.request_id)
        if len(self.request_ids) == 1:
            await unavailable(context)
        self.triggers.append(request)
        return runs_pb2.TriggerRunResponse(
            dag_id=request.dag_id, run_id=request.dag_id, position=2, unpaused=request.unpause
        )

    async def GetRun(self, request: Any, context: Any) -> Any:
        if request.run_id == "x":
            from millstream.core.errors import NotFound

            raise NotFound("Run 'x' does not exist.")
        state = (
            runs_pb2.RUN_STATE_SUCCESS if request.run_id == "good" else runs_pb2.RUN_STATE_FAILED
        )
        run = runs_pb2.Run(dag_id=request.run_id, run_id=request.run_id, state=state)
        return runs_pb2.GetRunResponse(run=run)

    async def ListTaskInstances(self, request: Any, context: Any) -> Any:
        is_bad = request.run_id == "bad"
        state = runs_pb2.TASK_STATE_FAILED if is_bad else runs_pb2.TASK_STATE_SUCCESS
        task = runs_pb2.TaskInstance(task_id="t", state=state, reason="broke", traceback="Trace")
        return runs_pb2.ListTaskInstancesResponse(task_instances=[task])

    async def GetRenderedFields(self, request: Any, context: Any) -> Any:
        if list(request.map_index) != [3]:
            return runs_pb2.GetRenderedFieldsResponse()
        fields = [{"name": "bash_command", "value": "echo [red]1\x1b[2J"}]
        return runs_pb2.GetRenderedFieldsResponse(fields=fields, attempt=2)

    async def WatchRun(self, request: Any, context: Any) -> AsyncIterator[Any]:
        self.watched_from.append(request.from_position)
        for position, kind in ((1, "RunCreated"), (2, "RunStarted"), (3, "RunSucceeded")):
            if position < request.from_position:
                continue
            if kind == "RunSucceeded" and request.run_id == "slow":
                await asyncio.sleep(60)
            if kind == "RunSucceeded" and len(self.watched_from) == 1:
                await unavailable(context)
            event = events_pb2.Event(position=position, type=kind, run_id=request.run_id)
            event.recorded_at.FromSeconds(0)
            event.data_json = "{}"
            yield runs_pb2.WatchRunResponse(event=event)


async def unavailable(context: Any) -> None:
    from millstream.core.errors import Unavailable

    code, text, status = to_status(Unavailable("later"))
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    await context.abort(code, text, trailers)


@pytest.fixture
def api() -> Iterator[tuple[str, FakeRuns]]:
    fake = FakeRuns()

    def register(server: Any) -> None:
        runs_pb2_grpc.add_RunServiceServicer_to_server(fake, server)  # type: ignore[no-untyped-call]

    with served(register) as address:
        yield address, fake


def run(api: tuple[str, FakeRuns], *words: str) -> Result:
    app = typer.Typer()
    workflow.register(app)
    return CliRunner().invoke(app, [*words, "--address", api[0]])


def test_a_success_is_exit_code_0_and_the_request_is_made_once(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "trigger", "good", "--wait")
    assert result.exit_code == 0, result.output
    assert "run good  success" in result.output
    fake = api[1]
    assert len(fake.request_ids) == 2
    assert len(set(fake.request_ids)) == 1
    # The stream broke after position 2 and was taken up behind it: nothing is shown twice.
    assert fake.watched_from == [0, 3]
    assert result.output.count("running") == 1


def test_a_trigger_lets_a_paused_dag_go_on_and_says_so(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "trigger", "good")
    assert "DAG good was paused; it goes on now." in result.output
    assert api[1].triggers[-1].unpause
    result = run(api, "trigger", "good", "--keep-paused", "--no-logical-date")
    assert "is queued" in result.output
    assert not api[1].triggers[-1].unpause
    assert api[1].triggers[-1].no_logical_date


def test_a_run_can_be_delayed(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "trigger", "good", "--run-after", "2030-01-01T00:00:00+01:00")
    assert "is queued" in result.output
    instant = api[1].triggers[0].run_after.ToDatetime()
    assert instant.isoformat() == "2029-12-31T23:00:00"


@pytest.mark.parametrize(
    "words",
    [
        ("--run-after", "tomorrow"),
        ("--logical-date", "2030-01-01", "--no-logical-date"),
    ],
)
def test_wrong_times_are_wrong_usage(api: tuple[str, FakeRuns], words: tuple[str, ...]) -> None:
    result = run(api, "trigger", "good", *words)
    assert result.exit_code == 2
    assert not api[1].triggers


def test_a_failed_run_is_exit_code_3(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "trigger", "bad", "--wait")
    assert result.exit_code == 3
    assert "broke" in result.output
    assert "Trace" in result.output


def test_a_timeout_is_exit_code_4(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "trigger", "slow", "--wait", "--timeout", "0.3")
    assert result.exit_code == 4
    assert "goes on" in result.output


def test_json_is_one_object(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "trigger", "good", "--wait", "--json")
    answer = json.loads(result.output)
    assert answer["run"]["state"] == "success"
    assert [task["task_id"] for task in answer["tasks"]] == ["t"]


def test_what_templates_became_is_shown_and_not_obeyed(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "tasks", "rendered", "good", "t[3]")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert lines[0] == "bash_command"
    assert lines[1].startswith("echo [red]1")
    assert "\x1b[2J" not in result.output
    assert "nothing to render" in run(api, "tasks", "rendered", "good", "t").output
    answer = json.loads(run(api, "tasks", "rendered", "good", "t[3]", "--json").output)
    assert list(answer) == ["bash_command"]


def test_an_unknown_run_is_a_sentence(api: tuple[str, FakeRuns]) -> None:
    result = run(api, "runs", "show", "x")
    assert isinstance(result.exception, MillstreamError)
    assert str(result.exception) == "Run 'x' does not exist."


@pytest.mark.parametrize(
    "words",
    [("--conf", "[1]"), ("--conf", "{"), ("--logical-date", "soon"), ("--timeout", "3")],
)
def test_wrong_usage_is_exit_code_2(api: tuple[str, FakeRuns], words: tuple[str, ...]) -> None:
    assert run(api, "trigger", "good", *words).exit_code == 2
