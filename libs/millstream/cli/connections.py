"""``millstream connections``."""

from __future__ import annotations

import json as stdlib_json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millstream.cli.options import Json, asks
from millstream.cli.variables import File, read_object

if TYPE_CHECKING:
    from millstream.client import Client, ConnectionInfo
    from millstream.sdk.connection import Connection

ConnId = Annotated[str, typer.Argument(help="The id of the connection.")]

app = typer.Typer(
    name="connections",
    help="How to reach other systems, kept encrypted; passwords are never shown.",
    no_args_is_help=True,
)


@app.command()
@asks
def add(
    client: Client,
    conn_id: ConnId,
    uri: Annotated[
        str, typer.Option(help="type://login:password@host:port/schema; - reads standard input.")
    ] = "",
    conn_json: Annotated[
        str, typer.Option(help="A JSON object with the fields; - reads standard input.")
    ] = "",
    conn_type: Annotated[str, typer.Option("--type", help="Such as postgres or http.")] = "",
    host: Annotated[str | None, typer.Option()] = None,
    login: Annotated[str | None, typer.Option()] = None,
    password: Annotated[str | None, typer.Option(help="- reads standard input.")] = None,
    schema: Annotated[str | None, typer.Option()] = None,
    port: Annotated[int | None, typer.Option()] = None,
    extra: Annotated[str | None, typer.Option(help="A JSON object.")] = None,
    description: Annotated[str, typer.Option(help="What it is for.")] = "",
    overwrite: Annotated[bool, typer.Option(help="Change one that exists.")] = False,
    json: Json = False,
) -> None:
    """Add a connection: by its URI, as JSON, or field by field."""
    from millstream.cli.output import print_json

    fields = {
        "host": host,
        "login": login,
        "password": _input(password),
        "schema": schema,
        "port": port,
        "extra": extra,
    }
    given = {name: value for name, value in fields.items() if value is not None}
    if conn_type:
        given["conn_type"] = conn_type
    connection = _connection(conn_id, _input(uri), _input(conn_json), given)
    connection.description = description or connection.description
    version = client.connections.set(connection, must_be_new=not overwrite)
    if json:
        print_json({"conn_id": conn_id, "version": version})
    else:
        typer.echo(f"Connection {conn_id} is set (version {version}).")


@app.command()
@asks
def get(
    client: Client,
    conn_id: ConnId,
    json: Json = False,
) -> None:
    """Show a connection, without its secrets."""
    from millstream.cli.output import harmless, print_json

    found = client.connections.get(conn_id)
    if json:
        print_json(found)
        return
    for name, value in _shown(found):
        typer.echo(f"{name:12} {harmless(value)}")


@app.command("list")
@asks
def list_(
    client: Client,
    json: Json = False,
) -> None:
    """List the connections."""
    from millstream.cli.output import local_time, make_console, make_table, print_json

    found = list(client.connections.list())
    if json:
        for one in found:
            print_json(
                {
                    "namespace": one.namespace,
                    "conn_id": one.conn_id,
                    "version": one.version,
                    "updated_at": one.updated_at,
                    "description": one.description,
                }
            )
        return
    if not found:
        typer.echo("There are no connections.")
        return
    rows = [
        (one.conn_id, str(one.version), local_time(one.updated_at), one.description)
        for one in found
    ]
    make_console().print(make_table(("connection+", "version", "updated", "description"), rows))


@app.command()
@asks
def delete(
    client: Client,
    conn_id: ConnId,
    json: Json = False,
) -> None:
    """Delete a connection."""
    from millstream.cli.output import print_json

    client.connections.delete(conn_id)
    if json:
        print_json({"conn_id": conn_id, "deleted": True})
    else:
        typer.echo(f"Connection {conn_id} is deleted.")


@app.command("import")
@asks
def import_(
    client: Client,
    file: File,
    overwrite: Annotated[bool, typer.Option(help="Change those that exist.")] = False,
    json: Json = False,
) -> None:
    """Add connections from a JSON object of ids, each with a URI or an object of fields, as
    Airflow exports it."""
    from millstream.cli.output import print_json

    wanted = [
        _connection(
            conn_id,
            value if isinstance(value, str) else "",
            "" if isinstance(value, str) else stdlib_json.dumps(value),
            {},
        )
        for conn_id, value in read_object(file).items()
    ]
    for connection in wanted:
        client.connections.set(connection, must_be_new=not overwrite)
    if json:
        print_json({"imported": len(wanted)})
    else:
        typer.echo(f"{len(wanted)} connections are set.")


def _connection(conn_id: str, uri: str, text: str, fields: dict[str, Any]) -> Connection:
    from millstream.sdk.connection import Connection
    from millstream.sdk.errors import AirflowException

    if bool(uri) + bool(text) + bool(fields) != 1:
        raise typer.BadParameter("pass either --uri, or --conn-json, or --type and other fields")
    try:
        if uri:
            return Connection.from_uri(uri, conn_id)
        return Connection.from_json(text or stdlib_json.dumps(fields), conn_id)
    except (AirflowException, TypeError, ValueError) as error:
        raise typer.BadParameter(str(error)) from None


def _input(value: Any) -> Any:
    return sys.stdin.read().strip() if value == "-" else value


def _shown(found: ConnectionInfo) -> list[tuple[str, str]]:
    from millstream.cli.output import local_time

    fields = {
        "connection": found.conn_id,
        "type": found.conn_type,
        "host": found.host,
        "port": found.port,
        "login": found.login,
        "password": "set" if found.has_password else None,
        "schema": found.schema,
        "extra": found.extra,
        "description": found.description,
        "version": found.version,
        "updated": local_time(found.updated_at),
    }
    return [(name, str(value)) for name, value in fields.items() if value not in (None, "")]
