"""Every command that talks to a server can be told which one, in the same ways."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from typer.main import get_command

from millstream.cli import app, options

# What asks no server: these work on this machine, or on NATS, Postgres and the blob store.
OF_THIS_MACHINE = {
    *("up", "down", "status", "rebuild", "verify", "db clean", "completion", "nats-accounts"),
    *("api", "scheduler", "projector", "worker", "web", "secrets new-key"),
    *("context add", "context list", "context remove", "context show", "context use"),
}


class Asked(Exception):
    """The server would be asked now."""


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Each that does something, by the words that call it."""
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from commands(inner, (*path, name))
    if path and (not hasattr(command, "commands") or command.invoke_without_command):
        yield " ".join(path), command


WHOLE: Any = get_command(app)
COMMANDS = dict(commands(WHOLE))
ASKING = sorted(COMMANDS.keys() - OF_THIS_MACHINE)


def test_the_commands_that_ask_no_server_are_known() -> None:
    assert COMMANDS.keys() >= OF_THIS_MACHINE
    assert len(ASKING) > 60


@pytest.mark.parametrize("words", ASKING)
def test_a_context_says_which_server(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[dict[str, Any]] = []

    def connect(**given: Any) -> Any:
        asked.append(given)
        raise Asked

    monkeypatch.setattr(options, "connect", connect)
    for name in [name for name in os.environ if name.startswith("MILLSTREAM_")]:
        monkeypatch.delenv(name)
    arguments = [*words.split(), *given(COMMANDS[words], tmp_path)]
    for more, expected in (
        (["--context", "far"], {"context": "far", "address": None}),
        (["--address", "h:1"], {"context": None, "address": "h:1"}),
    ):
        with pytest.raises(Asked):
            WHOLE.main([*arguments, *more], prog_name="millstream", standalone_mode=False)
        assert asked[-1].items() >= expected.items()


def given(command: Any, folder: Path) -> Iterator[str]:
    """Something for each argument and option that must be there."""
    for one in command.params:
        if one.required:
            if one.param_type_name == "option":
                yield one.opts[0]
            yield value_of(one.type_descriptor, folder)


def value_of(wanted: Any, folder: Path) -> str:
    kind = wanted.annotation
    if get_origin(kind) is list:
        (kind,) = get_args(kind)
    if get_origin(kind) is Literal:
        return str(get_args(kind)[0])
    if kind is Path and not wanted.parameter_info.file_okay:
        return str(folder)
    if kind is Path:
        (folder / "file").touch()
        return str(folder / "file")
    return "1" if kind is int else "x"
