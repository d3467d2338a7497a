"""``millstream xcoms``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, MapIndex, OfDag, asks, map_path, run_ids

if TYPE_CHECKING:
    from millstream.client import Client, XCom


app = typer.Typer(help="XComs: what tasks handed on.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(help="The id of the run.", autocompletion=run_ids)]


@app.command()
@asks
def get(
    client: Client,
    run_id: RunId,
    task: Annotated[str, typer.Argument(help="The task.")],
    key: Annotated[str, typer.Option(help="The key.")] = "return_value",
    map_index: MapIndex = "",
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Show one value, as JSON."""
    import msgspec

    from millstream.cli.output import print_json
    from millstream.client import describe_xcom

    found = client.get_xcom(run_id, task, key, dag_id=dag, map_index=map_path(map_index))
    if json:
        print_json(_plain(found))
    elif found.value_json:
        typer.echo(msgspec.json.format(_json_of(found)).decode())
    else:
        typer.echo(describe_xcom(found))


@app.command("list")
@asks
def list_xcoms(client: Client, run_id: RunId, dag: OfDag = "", json: Json = False) -> None:
    """List the XComs of a run."""
    from millstream.cli.output import instance_name, make_console, make_table, print_json

    found = client.xcoms(client.get_run(run_id, dag))
    if json:
        for one in found:
            print_json(_plain(one))
        return
    if not found:
        typer.echo(f"Run {run_id} has no XComs.")
        return
    rows = [
        (one.task_id, instance_name("", one.map_index), one.key, str(one.size), _value(one))
        for one in found
    ]
    make_console().print(make_table(("task", "map", "key", "bytes", "value"), rows))


def _value(xcom: XCom) -> str:
    from millstream.client import describe_xcom

    return _json_of(xcom).decode() if xcom.value_json else describe_xcom(xcom)


def _json_of(xcom: XCom) -> bytes:
    """As JSON for people: a time as its text, an instance as its fields."""
    import msgspec

    from millstream.sdk.codecs import readable

    if not xcom.codec:
        return xcom.value_json.encode()
    value = readable(xcom.codec, xcom.value_json.encode())
    try:
        return msgspec.json.encode(value, enc_hook=str)
    except TypeError:  # a dict whose keys are no JSON
        return msgspec.json.encode(repr(value))


def _plain(xcom: XCom) -> dict[str, object]:
    import msgspec

    fields = msgspec.structs.asdict(xcom)
    fields.pop("value_json")
    return fields | ({"value": msgspec.Raw(_json_of(xcom))} if xcom.value_json else {})
