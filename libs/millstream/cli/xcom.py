"""``millstream xcom``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import (
    Address,
    DataDir,
    Json,
    MapIndex,
    Namespace,
    OfDag,
    connect,
    map_path,
)

if TYPE_CHECKING:
    from millstream.client import XCom


def xcom(
    run_id: Annotated[str, typer.Argument(help="The id of the run.")],
    task: Annotated[str, typer.Argument(help="The task; none: list all XComs.")] = "",
    key: Annotated[str, typer.Option(help="The key.")] = "return_value",
    map_index: MapIndex = "",
    dag: OfDag = "",
    json: Json = False,
    address: Address = None,
    data_dir: DataDir = None,
    namespace: Namespace = "default",
) -> None:
    """Show what tasks handed on: one value as JSON, or the list."""
    import msgspec

    from millstream.cli.output import instance_name, make_console, make_table, print_json
    from millstream.client import describe_xcom

    with connect(address, data_dir, namespace) as client:
        run = client.get_run(run_id, dag)
        if task:
            found_one = client.get_xcom(run, task, key, map_index=map_path(map_index))
            if json:
                print_json(_plain(found_one))
            elif found_one.value_json:
                typer.echo(msgspec.json.format(_json_of(found_one)).decode())
            else:
                typer.echo(describe_xcom(found_one))
            return
        found = client.xcoms(run)
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
