"""``millstream logs``."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, MapIndex, OfDag, asks, named_instance, run_ids

if TYPE_CHECKING:
    from millstream.client import Client, LogLine, LogReader

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_COLOURS = {
    "DEBUG": "bright_black",
    "INFO": "blue",
    "WARNING": "yellow",
    "ERROR": "red",
    "CRITICAL": "bright_red",
}
_DIM = typer.colors.BRIGHT_BLACK
_WIDTH = 8
# What is shown in the place of a level, where there is none.
_SOURCES = {"stdout": "", "stderr": "stderr", "millstream": "note"}
# The colours and cursor movements that tasks print, and the parts of a line that they overwrote.
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|^.*\r(?=.)")


@asks
def logs(
    client: Client,
    run_id: Annotated[str, typer.Argument(help="The id of the run.", autocompletion=run_ids)],
    task: Annotated[str, typer.Argument(help="The task; an instance is 'TASK[3]'.")],
    attempt: Annotated[
        int, typer.Option(min=0, help="Which attempt.", show_default="the latest")
    ] = 0,
    map_index: MapIndex = "",
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the attempt is over.")
    ] = False,
    retries: Annotated[
        bool, typer.Option("--retries", help="With --follow: go on with retries too.")
    ] = False,
    levels: Annotated[
        str, typer.Option(help="Only these levels of logging, such as warning,error.")
    ] = "",
    grep: Annotated[str, typer.Option(help="Only lines with this text.")] = "",
    from_line: Annotated[
        int, typer.Option("--from-line", min=0, help="The first line wanted, counted from 0.")
    ] = 0,
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Show what a task printed and logged, while it runs or after."""
    from millstream.cli.output import print_json

    if retries and not follow:
        raise typer.BadParameter("only together with --follow", param_hint="--retries")
    wanted = _levels(levels)
    task, path = named_instance(task, map_index)
    reader = client.logs.read(
        run_id,
        task,
        dag_id=dag,
        map_index=path,
        attempt=attempt,
        from_line=from_line,
        follow=follow,
        follow_retries=retries,
        levels=wanted,
        contains=grep,
    )
    shown = 0
    for line in reader:
        if json:
            print_json(line)
            continue
        if shown and line.attempt != shown:
            _say(f"--- attempt {line.attempt} ---")
        shown = line.attempt
        show_line(line)
    if not json:
        sys.stdout.flush()
        _say_end(reader, is_followed=follow)


def show_line(line: LogLine) -> None:
    """A line for people: its time here, its level, and the text without what terminals obey."""
    from millstream.cli.output import harmless

    at = line.at.astimezone().strftime("%H:%M:%S.%f")[:-3]
    is_note = line.source == "millstream"
    mark = "" if is_note else line.level
    mark = f"{mark or _SOURCES.get(line.source, line.source):<{_WIDTH}}"
    text = harmless(_TERMINAL.sub("", line.text).rstrip("\r"))
    name = f"{harmless(line.logger)}: " if line.logger and line.logger != "root" else ""
    if not sys.stdout.isatty():
        sys.stdout.write(f"{at} {mark} {name}{text}\n")
        return
    colour = _COLOURS.get(line.level, _DIM)
    is_bad = line.level in LEVELS[2:]
    mark = typer.style(mark, fg=_DIM if is_note else colour, bold=line.level in LEVELS[3:])
    if is_bad or is_note:
        text = typer.style(text, fg=colour if is_bad else _DIM)
    name = typer.style(name, fg=_DIM) if name else ""
    sys.stdout.write(f"{typer.style(at, fg=_DIM)} {mark} {name}{text}\n")


def _say_end(reader: LogReader, *, is_followed: bool) -> None:
    """How the attempt stands, where that is not plain."""
    from millstream.cli.output import harmless

    reason = harmless(reader.reason.partition("\n")[0])
    because = f": {reason}" if reason else ""
    if reader.state in ("queued", "running") and not is_followed:
        _say(f"Attempt {reader.attempt} goes on; --follow shows what comes.")
    elif reader.state in ("failed", "lost", "stopped"):
        _say(f"Attempt {reader.attempt} {_ENDED[reader.state]}{because}", typer.colors.RED)
    elif is_followed:
        _say(f"Attempt {reader.attempt} is over: {reader.state}{because}")


_ENDED = {"failed": "failed", "lost": "was lost", "stopped": "was stopped"}


def _say(text: str, colour: str = _DIM) -> None:
    sys.stdout.flush()
    typer.secho(text, fg=colour, err=True)


def _levels(text: str) -> tuple[str, ...]:
    levels = tuple(part.strip().upper() for part in text.split(",") if part.strip())
    for level in levels:
        if level not in LEVELS:
            raise typer.BadParameter(
                f"{level!r} is no level; use {', '.join(LEVELS).lower()}", param_hint="--levels"
            )
    return levels
