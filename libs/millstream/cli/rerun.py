"""``millstream rerun`` and ``millstream lineage``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.instants import SAYS, parse_place
from millstream.cli.options import Json, OfDag, asks

if TYPE_CHECKING:
    from rich.console import Console

    from millstream.client import Client, Run


@asks
def rerun(
    client: Client,
    run: Annotated[str, typer.Argument(help="The id of the run to take results from.")],
    tasks: Annotated[
        list[str] | None,
        typer.Option(
            "--task", "-t", help="Run this task (TASK, GROUP or TASK[0]) again, too; repeatable."
        ),
    ] = None,
    at: Annotated[
        str,
        typer.Option(
            "--from",
            help="Go on from a position of the log, or from an instant: "
            f"{SAYS}. The run need not be over.",
        ),
    ] = "",
    conf: Annotated[
        str, typer.Option(help="A JSON object, or @FILE.", show_default="that of the run")
    ] = "",
    latest: Annotated[
        bool, typer.Option("--latest-version", help="With the newest version of the DAG.")
    ] = False,
    version: Annotated[
        int, typer.Option(min=0, help="With this version.", show_default="that of the run")
    ] = 0,
    run_id: Annotated[str, typer.Option(help="The id of the new run.")] = "",
    note: Annotated[str, typer.Option(help="Why.")] = "",
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Make a new run from an old one: what succeeded stands, the rest runs again.

    Without --task and --from: what failed or could not run, and all that is downstream of it.
    """
    from millstream.cli.output import print_json
    from millstream.cli.trigger import parse_conf

    position, instant = parse_place(at, "--from")
    if tasks and at:
        raise typer.BadParameter("it goes not with --task", param_hint="--from")
    parsed = parse_conf(conf) if conf else None
    found = client.history.rerun(
        run,
        tasks or (),
        dag_id=dag,
        at=instant if instant is not None else position or None,
        conf=parsed,
        version=version,
        latest_version=latest,
        run_id=run_id,
        note=note,
    )
    if json:
        print_json(found)
        return
    typer.echo(f"Run {found.run_id} of DAG {found.dag_id}: {found.taken_over} results taken over.")
    typer.echo(f"Follow it: millstream runs watch {found.run_id} --dag {found.dag_id}")


@asks
def lineage(
    client: Client,
    run: Annotated[str, typer.Argument(help="The id of the run.")],
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Show which run a run was made from, and which were made from it."""
    from millstream.cli.output import make_console, print_json

    found = client.history.lineage(run, dag_id=dag)
    if json:
        print_json(found)
        return
    console = make_console()
    line = [*reversed(found.ancestors), found.run]
    for depth, one in enumerate(line):
        _show(console, one, depth, is_asked=one is found.run)
    for one in found.reruns:
        _show(console, one, len(line), is_asked=False)


def _show(console: Console, run: Run, depth: int, *, is_asked: bool) -> None:
    from rich.text import Text

    from millstream.cli.output import cell, state_text

    made = ""
    if run.rerun_of:
        start = {"failed": "from what failed", "tasks": "from some tasks"}.get(
            run.rerun_start, f"from position {run.rerun_position}"
        )
        made = f"  {start} of {run.rerun_of}"
    console.print(
        Text("  " * depth).append_text(
            Text.assemble(
                state_text(run.state, console),
                "  ",
                (run.run_id, "bold" if is_asked else ""),
                f"  v{run.version}",
                cell(made),
            )
        )
    )
