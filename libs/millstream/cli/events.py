"""``millstream events``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Address, DataDir, Json, connect

if TYPE_CHECKING:
    from millstream.client import Event


def events(
    run: Annotated[str, typer.Option(help="Only of the run with this id.")] = "",
    dag: Annotated[str, typer.Option(help="Only of this DAG.")] = "",
    start: Annotated[
        int, typer.Option("--from", min=0, help="The first position of the log to show.")
    ] = 0,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones.")] = False,
    json: Json = False,
    address: Address = None,
    data_dir: DataDir = None,
    namespace: Annotated[
        str, typer.Option(envvar="MILLSTREAM_NAMESPACE", help="Only of this namespace.")
    ] = "",
) -> None:
    """Show the event log."""
    from millstream.cli.output import make_console, print_json

    console = make_console()
    with connect(address, data_dir, namespace or "default") as client:
        found = client.events(run, dag, from_position=start, follow=follow, namespace=namespace)
        for event in found:
            if json:
                print_json(_plain(event))
            else:
                console.print(_line(event), markup=False, no_wrap=True, overflow="ellipsis")


def _line(event: Event) -> str:
    from millstream.cli.output import cell, instance_name, local_time

    parts = [event.dag_id, event.run_id, event.task_id]
    parts[-1] = instance_name(parts[-1], event.map_index)
    if event.attempt:
        parts.append(f"#{event.attempt}")
    where = " ".join(part for part in parts if part)
    at = local_time(event.recorded_at)
    return f"{event.position:>8}  {at}  {event.type:<20}  {cell(where).plain}"


def _plain(event: Event) -> dict[str, object]:
    """With the data as an object; the bytes of the log are its text and not needed here."""
    import msgspec

    fields = msgspec.structs.asdict(event)
    del fields["data_json"]
    return fields | {"data": msgspec.Raw(event.data_json)}
