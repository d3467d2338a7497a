"""``millstream xcom``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Address, DataDir, Json, Namespace, OfDag, connect

if TYPE_CHECKING:
    from millstream.client import XCom


def xcom(
    run_id: Annotated[str, typer.Argument(help="The id of the run.")],
    task: Annotated[str, typer.Argument(help="The task; none: list all XComs.")] = "",
    key: Annotated[str, typer.Option(help="The key.")] = "return_value",
    dag: OfDag = "",
    json: Json = False,
    address: Address = None,
    data_dir: DataDir = None,
    namespace: Namespace = "default",
) -> None:
    """Show what tasks handed on: one value as JSON, or the list."""
    import msgspec

    from millstream.cli.output import instance_name, make_console, make_table, print_json

    with connect(address, data_dir, namespace) as client:
        run = client.get_run(run_id, dag)
        if task:
            value = client.xcom(run, task, key)
            if json:
                print_json({"task_id": task, "key": key, "value": value})
            else:
                typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
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
    return xcom.value_json or f"blob {xcom.blob}"


def _plain(xcom: XCom) -> dict[str, object]:
    import msgspec

    fields = msgspec.structs.asdict(xcom)
    text = fields.pop("value_json")
    return fields | ({"value": msgspec.Raw(text)} if text else {})
