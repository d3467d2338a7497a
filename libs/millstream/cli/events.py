"""``millstream events``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.instants import SAYS, parse_instant
from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from millstream.client import Client, Event

app = typer.Typer(help="The event log.", invoke_without_command=True)

OfRun = Annotated[str, typer.Option("--run", help="Only of the run with this id.")]
OfDag = Annotated[str, typer.Option("--dag", help="Only of this DAG.")]
Start = Annotated[
    int,
    typer.Option("--from", min=0, help="The first position of the log to show."),
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones.")]
OfNamespace = Annotated[
    str, typer.Option(envvar="MILLSTREAM_NAMESPACE", help="Only of this namespace.")
]


@app.callback()
@asks
def events(
    client: Client,
    run: OfRun = "",
    dag: OfDag = "",
    start: Start = 0,
    follow: Follow = False,
    json: Json = False,
    namespace: OfNamespace = "",
) -> None:
    """Show the event log; `events list` has more filters."""
    _show(
        client.events(run, dag, from_position=start, follow=follow, namespace=namespace),
        json,
    )


@app.command("list")
@asks
def list_events(
    client: Client,
    run: OfRun = "",
    dag: OfDag = "",
    task: Annotated[str, typer.Option(help="Only of this task.")] = "",
    kind: Annotated[
        list[str] | None,
        typer.Option("--type", help="Only events of this type, such as TaskFailed; repeatable."),
    ] = None,
    actor: Annotated[
        str, typer.Option(help="Only what this user caused, or worker, worker/NAME, scheduler.")
    ] = "",
    since: Annotated[str, typer.Option(help=f"Recorded then or later: {SAYS}.")] = "",
    until: Annotated[str, typer.Option(help="Recorded before then.")] = "",
    start: Start = 0,
    limit: Annotated[int, typer.Option(min=0, help="How many at most; 0: all.")] = 0,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="Backwards.")] = False,
    follow: Follow = False,
    json: Json = False,
    namespace: OfNamespace = "",
) -> None:
    """List events by who, what, where and when."""
    first, last = parse_instant(since, "--since"), parse_instant(until, "--until")
    if follow and (newest_first or last is not None or limit):
        raise typer.BadParameter(
            "it has no end, so it goes with none of --newest-first, --until and --limit",
            param_hint="--follow",
        )
    history = client.history
    if follow:
        found = history.follow(
            run,
            dag,
            namespace=namespace,
            task_id=task,
            types=kind or (),
            actor=actor,
            since=first,
            from_position=start,
        )
    else:
        found = history.events(
            run,
            dag,
            namespace=namespace,
            task_id=task,
            types=kind or (),
            actor=actor,
            since=first,
            until=last,
            from_position=start,
            newest_first=newest_first,
            limit=limit or None,
        )
    _show(found, json, with_actor=True)


def _show(found: Iterable[Event], json: bool, *, with_actor: bool = False) -> None:
    from millstream.cli.output import make_console, print_json

    console = make_console()
    for event in found:
        if json:
            print_json(plain_event(event))
        else:
            line = _line(event, with_actor)
            console.print(line, markup=False, no_wrap=True, overflow="ellipsis")


def _line(event: Event, with_actor: bool) -> str:
    from millstream.cli.output import cell, instance_name, local_time

    parts = [event.dag_id, event.run_id, event.task_id]
    parts[-1] = instance_name(parts[-1], event.map_index)
    if event.attempt:
        parts.append(f"#{event.attempt}")
    where = " ".join(part for part in parts if part)
    at = local_time(event.recorded_at)
    who = f"  {cell(event.actor).plain:<20}" if with_actor else ""
    return f"{event.position:>8}  {at}  {event.type:<20}{who}  {cell(where).plain}"


def plain_event(event: Event) -> dict[str, object]:
    """With the data as an object; the bytes of the log are its text and not needed here."""
    import msgspec

    fields = msgspec.structs.asdict(event)
    del fields["data_json"]
    return fields | {"data": msgspec.Raw(event.data_json)}
