"""``millstream variables``."""

from __future__ import annotations

import json as stdlib_json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client

Key = Annotated[str, typer.Argument(help="The key of the variable.")]
File = Annotated[Path, typer.Argument(help="A JSON file; - for the standard stream.")]
STANDARD = Path("-")

app = typer.Typer(
    name="variables",
    help="Settings that DAGs share, kept encrypted.",
    no_args_is_help=True,
)


@app.command("set")
@asks
def set_(
    client: Client,
    key: Key,
    value: Annotated[
        str, typer.Argument(help="Its value; - reads it from standard input, out of the history.")
    ],
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    json: Json = False,
) -> None:
    """Set a variable."""
    from millstream.cli.output import print_json

    if value == "-":
        value = sys.stdin.read().removesuffix("\n")
    version = client.variables.set(key, value, description)
    if json:
        print_json({"key": key, "version": version})
    else:
        typer.echo(f"Variable {key} is set (version {version}).")


@app.command()
@asks
def get(
    client: Client,
    key: Key,
    json: Json = False,
) -> None:
    """Print the value of a variable. One whose key is the name of a secret is not shown."""
    from millstream.cli.output import print_json

    variable = client.variables.get(key)
    if json:
        print_json(variable)
    elif variable.value is None:
        typer.echo(f"The value of {key} is a secret: only tasks can read it.", err=True)
        raise typer.Exit(1)
    else:
        typer.echo(variable.value)


@app.command("list")
@asks
def list_(
    client: Client,
    json: Json = False,
) -> None:
    """List the variables, without their values."""
    from millstream.cli.output import local_time, make_console, make_table, print_json

    found = list(client.variables.list())
    if json:
        for one in found:
            print_json(one)
        return
    if not found:
        typer.echo("There are no variables.")
        return
    rows = [
        (one.key, str(one.version), local_time(one.updated_at), one.description) for one in found
    ]
    make_console().print(make_table(("key+", "version", "updated", "description"), rows))


@app.command()
@asks
def delete(
    client: Client,
    key: Key,
    json: Json = False,
) -> None:
    """Delete a variable."""
    from millstream.cli.output import print_json

    client.variables.delete(key)
    if json:
        print_json({"key": key, "deleted": True})
    else:
        typer.echo(f"Variable {key} is deleted.")


@app.command("import")
@asks
def import_(
    client: Client,
    file: File,
    json: Json = False,
) -> None:
    """Set variables from a JSON object of keys and values, as Airflow exports it."""
    from millstream.cli.output import print_json

    wanted = [(key, *value_of(value)) for key, value in read_object(file).items()]
    for key, value, description in wanted:
        client.variables.set(key, value, description)
    if json:
        print_json({"imported": len(wanted)})
    else:
        typer.echo(f"{len(wanted)} variables are set.")


@app.command()
@asks
def export(
    client: Client,
    file: File,
    json: Json = False,
) -> None:
    """Write keys and values as a JSON object; secrets are left out, and named."""
    from millstream.cli.output import print_json

    values: dict[str, Any] = {}
    secrets: list[str] = []
    for one in client.variables.list():
        if one.is_secret:
            secrets.append(one.key)
            continue
        value = client.variables.get(one.key).value
        values[one.key] = (
            {"value": value, "description": one.description} if one.description else value
        )
    text = stdlib_json.dumps(values, indent=4, ensure_ascii=False)
    if file == STANDARD:
        typer.echo(text)
    else:
        file.write_text(text + "\n")
    if secrets:
        typer.echo(f"Not exported, since they are secrets: {', '.join(secrets)}", err=True)
    if json and file != STANDARD:
        print_json({"exported": len(values), "secrets": secrets})
    elif file != STANDARD:
        typer.echo(f"{len(values)} variables are in {file}.")


def read_object(file: Path) -> dict[str, Any]:
    """The JSON object of a file. The error shows nothing of what is in it."""
    try:
        text = sys.stdin.read() if file == STANDARD else file.read_text()
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be read: {error.strerror}") from None
    try:
        found = stdlib_json.loads(text)
    except ValueError:
        raise typer.BadParameter(f"{file} is no JSON") from None
    if not isinstance(found, dict):
        raise typer.BadParameter(f"{file} must hold a JSON object")
    return found


def value_of(value: Any) -> tuple[str, str]:
    """A value as text, and its description: Airflow writes the two as an object if there is one."""
    description = ""
    if isinstance(value, dict) and set(value) == {"value", "description"}:
        value, description = value["value"], value["description"] or ""
    return (value if isinstance(value, str) else stdlib_json.dumps(value)), description
