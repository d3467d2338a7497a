"""``millstream secrets``: the keys that encrypt variables and connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client

app = typer.Typer(help="The keys that encrypt variables and connections.", no_args_is_help=True)


def register(parent: typer.Typer) -> None:
    """Adds the commands of this module."""
    parent.add_typer(app, name="secrets")


@app.command("new-key")
def new_key() -> None:
    """Print a new key, for MILLSTREAM_SECRET_KEY."""
    from millstream.adapters.secret_box import new_key as make

    typer.echo(make())


@app.command("keys")
@asks
def keys(client: Client, json: Json = False) -> None:
    """Show which keys are in use, by their ids, and for how many values."""
    import msgspec

    from millstream.cli.output import make_console, make_table, print_json

    found = client.secret_keys.get()
    if json:
        for one in found:
            print_json(msgspec.to_builtins(one))
        return
    rows = [
        (
            one.key_id,
            str(one.count),
            "in use" if one.is_in_use else "" if one.is_known else "not known to the api",
        )
        for one in found
    ]
    make_console().print(make_table(("key+", "values", ""), rows))


@app.command("rotate")
@asks
def rotate(client: Client, json: Json = False) -> None:
    """Encrypt every value with the key in use. Exit code 1 if some could not be read."""
    import msgspec

    from millstream.cli.output import print_json

    done = client.secret_keys.rotate()
    if json:
        print_json(msgspec.to_builtins(done))
    else:
        typer.echo(f"{done.rotated} values are encrypted with the key in use now.")
        if done.unreadable:
            typer.echo(
                f"{done.unreadable} could not be read: their key is not in MILLSTREAM_SECRET_KEY "
                f"of the api. Its log names them.",
                err=True,
            )
    if done.unreadable:
        raise typer.Exit(1)
