"""``millstream whatif``: a run's recorded outcomes against another version of its DAG."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from rich.console import Console

    from millstream.client import Client, WhatIf
    from millstream.core.spec import DagSpec

EXIT_DIFFERENT = 1
MOST_SHOWN = 40


@asks
def whatif(
    client: Client,
    run: Annotated[str, typer.Argument(help="The id of the run.")],
    dag: Annotated[
        Path | None,
        typer.Option(
            help="The file of the other version.",
            exists=True,
            dir_okay=False,
            show_default="the newest registered version",
        ),
    ] = None,
    root: Annotated[
        Path | None, typer.Option(help="The folder of the file's imports.", file_okay=False)
    ] = None,
    dag_id: Annotated[str, typer.Option(help="The DAG, where the run id is not unique.")] = "",
    version: Annotated[int, typer.Option(min=0, help="Instead of a file: this version.")] = 0,
    json: Json = False,
) -> None:
    """Show what a run would have done with another version of its DAG. Nothing runs.

    Exit codes: 0 all tasks would have ended alike, 1 not all.
    """
    from millstream.cli.output import make_console, print_json

    if dag is not None and version:
        raise typer.BadParameter("it goes not with --dag", param_hint="--version")
    spec = None if dag is None else _read(client, dag, root, run, dag_id)
    found = client.history.whatif(run, spec, version=version, dag_id=dag_id)
    if json:
        print_json(found)
    else:
        _show(make_console(), found)
    raise typer.Exit(EXIT_DIFFERENT if found.different else 0)


def _read(client: Client, file: Path, root: Path | None, run: str, dag_id: str) -> DagSpec:
    """The DAG of the run in the file."""
    wanted = dag_id or client.get_run(run).dag_id
    specs = client.read_file(file, root)
    for spec in specs:
        if spec.dag_id == wanted:
            return spec
    made = ", ".join(spec.dag_id for spec in specs) or "none"
    raise typer.BadParameter(
        f"the file does not make DAG {wanted!r} (it makes: {made})", param_hint="--dag"
    )


def _show(console: Console, found: WhatIf) -> None:
    from rich.text import Text

    from millstream.cli.output import cell, instance_name, make_table, state_text

    run = found.run
    console.print(
        Text.assemble(
            "was        ",
            state_text(run.state, console),
            f"  in {found.recorded_s:.1f} s  {run.dag_id} v{run.version}  {run.run_id}",
        )
    )
    console.print(
        Text.assemble(
            "would be   ",
            state_text(found.expected, console),
            f"  in {found.expected_s:.1f} s",
            cell(f"  {found.reason}" if found.reason else ""),
        )
    )
    if found.changes:
        rows = [(each.name, each.one, each.other) for each in found.changes]
        console.print(make_table(("defined as+", "recorded", "other"), rows))
    different = [each for each in found.tasks if each.kind != "same"]
    if not different:
        console.print("All tasks would have ended alike.")
        return
    lines = [
        (
            instance_name(each.task_id, each.map_index),
            each.kind,
            state_text(each.recorded or "none", console),
            state_text(each.expected or "none", console),
            "assumed: the run does not say how it ends" if each.is_assumed else "",
        )
        for each in different[:MOST_SHOWN]
    ]
    console.print(make_table(("task+", "is", "was", "would be", "note"), lines))
    if found.different > len(lines):
        console.print(f"and {found.different - len(lines)} more; --json shows them.")
