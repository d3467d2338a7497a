"""What a shell is told, which server a command asks, and how it looks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from millstream.cli import app
from millstream.cli.options import connect
from millstream.client import Client
from millstream.client.address import DEFAULT_ADDRESS
from millstream.client.contexts import contexts_file, find_context
from millstream.core.errors import InvalidArgument, MillstreamError
from millstream.rpc.v1 import dags_pb2, dags_pb2_grpc, runs_pb2, runs_pb2_grpc
from served import served

NO_SERVER = "127.0.0.1:1"


class FakeDags(dags_pb2_grpc.DagServiceServicer):
    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    async def ListDags(self, request: Any, context: Any) -> Any:
        headers = dict(context.invocation_metadata() or ())
        self.asked.append((request.namespace, headers.get("authorization", "")))
        ids = ("etl", "etl_hourly", "a_dag_with_a_name_that_is_far_too_long_for_eighty_columns" * 2)
        return dags_pb2.ListDagsResponse(dags=[dags_pb2.Dag(dag_id=dag_id) for dag_id in ids])


class FakeRuns(runs_pb2_grpc.RunServiceServicer):
    async def ListRuns(self, request: Any, context: Any) -> Any:
        run = runs_pb2.Run(dag_id="etl", run_id="manual__1", state=runs_pb2.RUN_STATE_FAILED)
        run.reason = "a reason that is long " * 20
        return runs_pb2.ListRunsResponse(runs=[run])


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[tuple[str, FakeDags]]:
    for name in [name for name in os.environ if name.startswith("MILLSTREAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("MILLSTREAM_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    fake = FakeDags()

    def register(server: Any) -> None:
        dags_pb2_grpc.add_DagServiceServicer_to_server(fake, server)  # type: ignore[no-untyped-call]
        runs_pb2_grpc.add_RunServiceServicer_to_server(FakeRuns(), server)  # type: ignore[no-untyped-call]

    with served(register) as address:
        yield address, fake


def run(*words: str, **environment: str) -> Result:
    return CliRunner().invoke(app, list(words), env=environment, prog_name="millstream")


def names(result: Result) -> list[str]:
    assert result.exit_code == 0, (result.output, result.exception)
    return [json.loads(line)["name"] for line in result.stdout.splitlines()]


def test_a_context_is_a_server_by_name(api: tuple[str, FakeDags]) -> None:
    address, fake = api
    options = ["--address", address, "--namespace", "team", "--token", "-"]
    made = CliRunner().invoke(app, ["context", "add", "prod", *options], input="planted\n")
    assert made.exit_code == 0, made.output
    assert contexts_file().stat().st_mode & 0o777 == 0o600
    assert names(run("context", "list", "--json")) == ["local", "prod"]
    for words in (("list",), ("list", "--json"), ("show", "prod")):
        assert "planted" not in run("context", *words).output
    # By name, by the environment, and because it is in use.
    assert run("dags", "list", "--context", "prod").exit_code == 0
    assert run("dags", "list", MILLSTREAM_CONTEXT="prod").exit_code == 0
    assert run("context", "use", "prod").exit_code == 0
    assert run("dags", "list").exit_code == 0
    assert fake.asked == [("team", "Bearer planted")] * 3
    # What is typed wins: over the context, and each option over what the context says of it.
    assert run("dags", "list", "--address", address).exit_code == 0
    assert run("dags", "list", "--namespace", "other").exit_code == 0
    assert fake.asked[3:] == [("default", ""), ("other", "Bearer planted")]
    found = find_context()
    assert found is not None
    with Client(target=found) as client:
        assert len(list(client.list_dags())) == 3
    with connect(None, None, "default", "local") as client:
        assert (client.address, client.namespace) == (DEFAULT_ADDRESS, "default")
    assert run("context", "remove", "prod").exit_code == 0
    assert find_context() is None


def test_a_context_that_cannot_be_used_is_a_sentence(
    api: tuple[str, FakeDags], tmp_path: Path
) -> None:
    result = run("dags", "list", "--context", "nowhere")
    assert str(result.exception) == "There is no context 'nowhere'; there are: local."
    result = run("context", "add", "x", "--address", "h:1", "--ca-file", str(tmp_path / "missing"))
    assert isinstance(result.exception, InvalidArgument)
    assert run("context", "add", "local", "--address", "h:1").exit_code == 2
    contexts_file().parent.mkdir(exist_ok=True)
    contexts_file().write_text("{")
    result = run("context", "list")
    assert isinstance(result.exception, MillstreamError)
    assert str(contexts_file()) in str(result.exception)


def complete(shell: str, line: str, **environment: str) -> list[str]:
    """What a shell gets for a line, by the protocol of its script."""
    given = {"_MILLSTREAM_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line}
    if shell == "bash":
        words = line.split(" ")
        given |= {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
    if shell == "fish":
        given |= {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    result = run(**(given | environment))
    return [part for part in result.stdout.splitlines() if part]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_commands_options_and_ids_are_completed(api: tuple[str, FakeDags], shell: str) -> None:
    def offered(line: str) -> str:
        return " ".join(complete(shell, line, MILLSTREAM_API_ADDRESS=api[0]))

    assert "runs" in offered("millstream ru")
    assert "watch" in offered("millstream runs wa")
    assert "--follow" in offered("millstream logs --fo")
    assert "etl_hourly" in offered("millstream trigger etl")
    assert "manual__1" in offered("millstream runs show man")


def test_a_server_that_is_away_is_not_waited_for(api: tuple[str, FakeDags]) -> None:
    assert complete("bash", "millstream trigger e", MILLSTREAM_API_ADDRESS=NO_SERVER) == []


def test_bash_itself_completes(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    command = tmp_path / "millstream"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m millstream.cli "$@"\n')
    command.chmod(0o755)
    script = (
        'eval "$(millstream completion bash)"\n'
        "COMP_WORDS=(millstream backf) COMP_CWORD=1\n"
        "COMP_LINE='millstream backf' COMP_POINT=16\n"
        "_millstream_completion millstream\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    environment = dict(os.environ) | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        [bash, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "backfill", done.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(api: tuple[str, FakeDags], shell: str) -> None:
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_MILLSTREAM_COMPLETE" in result.stdout
    assert run("completion", "cmd").exit_code == 2


def test_a_pipe_gets_whole_lines_and_json_one_object_each(api: tuple[str, FakeDags]) -> None:
    address = ("--address", api[0])
    lines = run("dags", "list", *address).stdout.splitlines()
    assert any(line.startswith("a_dag_with_a_name" + "_that") and "…" not in line for line in lines)
    found = run("dags", "list", "--json", *address).stdout.splitlines()
    assert [json.loads(line)["dag_id"] for line in found][:2] == ["etl", "etl_hourly"]
    assert json.loads(run("runs", "list", "--json", *address).stdout)["run_id"] == "manual__1"


def test_every_command_says_what_it_does_and_takes_json_or_does_something(
    api: tuple[str, FakeDags],
) -> None:
    import typer.main

    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        for name, each in getattr(command, "commands", {}).items():
            yield (*path, name), each
            yield from walk(each, (*path, name))

    found = dict(walk(typer.main.get_command(app), ()))
    assert len(found) > 50
    for path, command in found.items():
        assert command.help, f"millstream {' '.join(path)} has no help"
        if path[-1] == "list" or path[-1].startswith("list-"):
            options = {option for param in command.params for option in param.opts}
            assert "--json" in options, f"millstream {' '.join(path)} has no --json"
