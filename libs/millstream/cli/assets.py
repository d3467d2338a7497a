"""``millstream assets``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client

app = typer.Typer(help="Assets: what tasks read and write.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="assets")


@app.command("list")
@asks
def list_assets(
    client: Client,
    json: Json = False,
) -> None:
    """List the assets that DAGs name."""
    import msgspec

    from millstream.cli.output import make_console, make_table, print_json

    found = list(client.assets.list())
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    if not found:
        typer.echo("No DAG names an asset.")
        return
    rows = [
        (a.name, a.uri, a.group, a.updated_at.isoformat(" ", "seconds") if a.updated_at else "")
        for a in found
    ]
    make_console().print(make_table(("asset", "uri", "group", "updated"), rows))


@app.command("events")
@asks
def list_events(
    client: Client,
    name: Annotated[str, typer.Argument(help="The asset; none: all.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, the latest first.")] = 20,
    json: Json = False,
) -> None:
    """List updates of assets, the latest first."""
    import msgspec

    from millstream.cli.output import make_console, make_table, print_json

    found = list(client.assets.events(name, limit=limit))
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    if not found:
        typer.echo("There are no updates.")
        return
    rows = [
        (
            str(event.position),
            event.name,
            event.recorded_at.isoformat(" ", "seconds") if event.recorded_at else "",
            f"{event.dag_id}.{event.task_id}" if event.task_id else "outside",
            msgspec.json.encode(event.extra).decode() if event.extra else "",
        )
        for event in found
    ]
    make_console().print(make_table(("position", "asset", "at", "by", "extra"), rows))


@app.command("emit")
@asks
def emit(
    client: Client,
    name: Annotated[str, typer.Argument(help="The asset.")] = "",
    uri: Annotated[str, typer.Option(help="The asset by its URI.")] = "",
    extra: Annotated[str, typer.Option(help="A JSON object that goes with the update.")] = "{}",
    json: Json = False,
) -> None:
    """Say that an asset was updated outside: DAGs that wait for it may run."""
    import msgspec

    from millstream.cli.output import print_json

    try:
        values = msgspec.json.decode(extra, type=dict[str, object])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(f"{extra!r} is no JSON object: {error}") from None
    if not name and not uri:
        raise typer.BadParameter("give the name of an asset, or --uri")
    position = client.assets.emit(name, uri=uri, extra=values)
    if json:
        print_json({"position": position})
    else:
        typer.echo(f"Asset {name or uri} is updated, at position {position}.")
