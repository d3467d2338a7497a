"""``millstream audit``: pieces of the log to keep, and whether they are what the log held."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from millstream.cli.instants import SAYS, parse_instant
from millstream.cli.options import Json, asks_of_all

if TYPE_CHECKING:
    from millstream.cli.audit_file import Heads
    from millstream.client import Client

app = typer.Typer(help="Keep the log for an audit, and verify what was kept.", no_args_is_help=True)

EXIT_NOT_AUTHENTIC = 1
EXIT_UNREADABLE = 2
_ANCHOR = re.compile(r"([1-9][0-9]*):([0-9a-f]{64})")


@app.command("export")
@asks_of_all
def export(
    client: Client,
    file: Annotated[
        Path,
        typer.Argument(
            help="Ends in .parquet for Parquet; else JSON lines, compressed if it ends in .gz.",
            dir_okay=False,
        ),
    ],
    start: Annotated[int, typer.Option("--from", min=0, help="The first position.")] = 0,
    end: Annotated[int, typer.Option("--to", min=0, help="The last position; 0: the end.")] = 0,
    since: Annotated[str, typer.Option(help=f"From this instant on: {SAYS}.")] = "",
    until: Annotated[str, typer.Option(help="Up to this instant.")] = "",
    format: Annotated[
        Literal["jsonl", "parquet"] | None, typer.Option(help="Instead of what the name says.")
    ] = None,
    json: Json = False,
) -> None:
    """Write the log, or a piece of it, to FILE, and the ends of its chain to FILE.heads.json.

    `python -I -S deploy/audit/verify_export.py FILE` verifies it without Millstream.
    """
    from millstream.cli.audit_file import heads_path, is_parquet, write_export
    from millstream.cli.output import print_json

    first_instant = parse_instant(since, "--since")
    last_instant = parse_instant(until, "--until")
    history = client.history
    if first_instant is not None:
        start = max(start, history.position_at(first_instant) + 1)
    if last_instant is not None:
        at = history.position_at(last_instant)
        if not at:
            raise typer.BadParameter("nothing had been recorded by then", param_hint="--until")
        end = min(end or at, at)
    is_wanted = format == "parquet" if format else is_parquet(file)
    heads = write_export(history.export(start, end), file, is_parquet=is_wanted)
    if json:
        print_json(heads)
        return
    _tell(heads)
    typer.echo(f"Written to {file} and {heads_path(file)}. The head, to be kept elsewhere:")
    typer.echo(f"{heads.last_position}:{heads.digest}")


@app.command("verify")
@asks_of_all
def verify(
    client: Client,
    file: Annotated[Path, typer.Argument(help="What `audit export` wrote.", dir_okay=False)],
    heads: Annotated[
        Path | None,
        typer.Option(help="The ends of the chain.", show_default="FILE.heads.json", dir_okay=False),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(help="POSITION:DIGEST as `audit head` once printed it; repeatable."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask the api what its log holds there.")
    ] = False,
    json: Json = False,
) -> None:
    """Is an export what the log held? Exit codes: 0 yes, 1 no, 2 it cannot be read."""
    from millstream.cli.audit_file import NotAuthentic, UnusableFile, verify_export
    from millstream.cli.output import print_json

    anchors = dict(map(_anchor, head or ()))
    try:
        found = verify_export(file, heads, anchors)
        if not offline:
            _check_live(client, found)
    except (NotAuthentic, UnusableFile) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        is_wrong = isinstance(error, NotAuthentic)
        raise typer.Exit(EXIT_NOT_AUTHENTIC if is_wrong else EXIT_UNREADABLE) from error
    if json:
        print_json(found)
    else:
        _tell(found)
        typer.echo("It is authentic" + (" by its own chain." if offline else ", as the log says."))


@app.command("head")
@asks_of_all
def show_head(
    client: Client,
    position: Annotated[int, typer.Argument(min=0, help="0: the end of the log.")] = 0,
    json: Json = False,
) -> None:
    """Print POSITION:DIGEST of the end of the log. Who keeps it elsewhere can tell later that
    nothing before it was changed or cut off."""
    from millstream.cli.output import print_json

    found = client.history.head(position)
    if json:
        print_json(found)
    else:
        typer.echo(str(found))


def _check_live(client: Client, heads: Heads) -> None:
    from millstream.cli.audit_file import NotAuthentic
    from millstream.core.errors import NotFound

    try:
        live = client.history.head(heads.last_position)
    except NotFound as error:
        raise NotAuthentic(f"The log has no event at position {heads.last_position}.") from error
    if live.digest != heads.digest:
        raise NotAuthentic(
            f"The log has another digest at position {heads.last_position}: {live.digest}. One of "
            "the two was changed."
        )


def _anchor(text: str) -> tuple[int, str]:
    found = _ANCHOR.fullmatch(text)
    if found is None:
        raise typer.BadParameter(
            f"{text!r} is no head: it is POSITION:DIGEST, as `audit head` prints it",
            param_hint="--head",
        )
    return int(found[1]), found[2]


def _tell(heads: Heads) -> None:
    count = heads.last_position - heads.first_position + 1
    typer.echo(f"Positions {heads.first_position} to {heads.last_position}: {count} events.")
