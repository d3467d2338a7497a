"""``millstream diff``: where two runs part."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, OfDag, asks

if TYPE_CHECKING:
    from rich.console import Console

    from millstream.client import Client, Divergence, RunDiff

EXIT_DIFFERENT = 1
MOST_SHOWN = 20


@asks
def diff(
    client: Client,
    one: Annotated[str, typer.Argument(metavar="RUN", help="The id of a run.")],
    other: Annotated[str, typer.Argument(metavar="RUN", help="The id of another run.")],
    dag: OfDag = "",
    other_dag: Annotated[
        str, typer.Option(help="The DAG of the other run.", show_default="the same, if named")
    ] = "",
    json: Json = False,
) -> None:
    """Show where two runs part: the first divergence, and what they were made with.

    Exit codes: 0 their tasks did the same, 1 they did not.
    """
    from millstream.cli.output import make_console, print_json

    found = client.history.diff(one, other, dag_id=dag, other_dag_id=other_dag)
    if json:
        print_json(found)
    else:
        _show(make_console(), found)
    raise typer.Exit(EXIT_DIFFERENT if found.divergence_count else 0)


def _show(console: Console, found: RunDiff) -> None:
    from rich.text import Text

    from millstream.cli.output import cell, instance_name, make_table, state_text

    for run in (found.one, found.other):
        console.print(
            Text.assemble(
                state_text(run.state, console), f"  {run.dag_id} v{run.version}  {run.run_id}"
            )
        )
    for title, differences in (("made with", found.inputs), ("defined as", found.tasks)):
        if differences:
            rows = [(each.name, each.one, each.other) for each in differences]
            console.print(make_table((f"{title}+", "one", "other"), rows))
    if found.first is None:
        console.print("Their tasks did the same.")
    else:
        _show_first(console, "The first divergence", found.first)
        outcome = found.first_outcome
        if outcome is not None and outcome != found.first:
            _show_first(console, "The first other outcome", outcome)
        shown = found.divergences[:MOST_SHOWN]
        lines = [
            (
                instance_name(each.task_id, each.map_index),
                each.kind + (" (first)" if each.is_first else ""),
                each.one,
                each.other,
            )
            for each in shown
        ]
        console.print(make_table(("task+", "differs in", "one", "other"), lines))
        if found.divergence_count > len(shown):
            console.print(f"and {found.divergence_count - len(shown)} more; --json shows them.")
    for change in found.durations[:MOST_SHOWN]:
        name = instance_name(change.task_id, change.map_index)
        console.print(cell(f"{name} took {change.one_s:.1f} s and {change.other_s:.1f} s"))


def _show_first(console: Console, title: str, each: Divergence) -> None:
    from millstream.cli.output import cell, instance_name

    name = instance_name(each.task_id, each.map_index)
    console.print(cell(f"{title}: task {name}"), style="bold")
    for text, position in ((each.one, each.one_position), (each.other, each.other_position)):
        at = f"  (position {position})" if position else ""
        console.print(cell(f"  {text}{at}"))
