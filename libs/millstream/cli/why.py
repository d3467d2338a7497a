"""``millstream why``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, MapIndex, OfDag, asks, named_instance, run_ids

if TYPE_CHECKING:
    from rich.console import Console

    from millstream.client import Client
    from millstream.client.explain import Blocker, Explanation


@asks
def why(
    client: Client,
    run_id: Annotated[str, typer.Argument(help="The id of the run.", autocompletion=run_ids)],
    task_id: Annotated[str, typer.Argument(help="The task, or TASK[3] for an instance.")],
    map_index: MapIndex = "",
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Say why a task has not run, or what became of it, and which events that rests on."""
    from millstream.cli.output import make_console, print_json

    task_id, path = named_instance(task_id, map_index)
    found = client.why(run_id, task_id, map_index=path, dag_id=dag)
    if json:
        print_json(found)
        return
    _print(make_console(), found)


def _print(console: Console, found: Explanation) -> None:
    from rich.text import Text

    from millstream.cli.output import harmless, instance_name, state_text

    console.print(
        Text.assemble(
            state_text(found.state, console),
            "  ",
            (harmless(instance_name(found.task_id, found.map_index)), "bold"),
            (f"  of run {harmless(found.run_id)} of DAG {harmless(found.dag_id)}", "dim"),
        )
    )
    for number, blocker in enumerate(found.blockers):
        _print_blocker(console, blocker, is_answer=number == 0)
    console.print(Text(f"As of position {found.position} of the log.", style="dim"))


def _print_blocker(console: Console, blocker: Blocker, *, is_answer: bool) -> None:
    from rich.text import Text

    from millstream.cli.output import harmless, instance_name, short_time

    console.print()
    lead = "" if is_answer else "Also: "
    text = Text(f"{lead}{harmless(blocker.message)}", style="bold" if is_answer else "")
    console.print(text, soft_wrap=True)
    if blocker.advice:
        console.print(Text(f"  {harmless(blocker.advice)}"), soft_wrap=True)
    for event in blocker.events:
        name = instance_name(event.task_id, event.map_index) if event.task_id else event.run_id
        parts = (event.type, name, f"by {event.actor}", short_time(event.recorded_at))
        line = "  ".join(part for part in parts if part)
        console.print(Text(f"  event {event.position}: {harmless(line)}", style="dim"))
    if is_answer or blocker.code != "MAPPED":
        console.print(Text(f"  {blocker.code}", style="dim"))
