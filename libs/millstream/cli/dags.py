"""``millstream dags``: list them, show one, pause and unpause."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks, dag_ids

if TYPE_CHECKING:
    from millstream.client import Client, Dag

DagIds = Annotated[list[str], typer.Argument(help="The ids of the DAGs.", autocompletion=dag_ids)]

dags = typer.Typer(help="DAGs: list them, show one, pause and unpause.", no_args_is_help=True)


@dags.command("list")
@asks
def list_dags(
    client: Client,
    json: Json = False,
) -> None:
    """List the DAGs."""
    from millstream.cli.output import local_time, make_console, make_table, print_json

    found = client.list_dags()
    if json:
        for dag in found:
            print_json(dag)
        return
    rows = [
        (d.dag_id, str(d.latest_version), local_time(d.submitted_at), _next_run(d)) for d in found
    ]
    if not rows:
        typer.echo("There are no DAGs yet. Submit one with: millstream submit FILE")
        return
    make_console().print(make_table(("dag+", "version", "submitted", "next run"), rows))


@dags.command("list-import-errors")
@asks
def list_import_errors(client: Client, json: Json = False) -> None:
    """List what is wrong with the files of watched folders. Exit code 1 if anything is."""
    from rich.padding import Padding
    from rich.text import Text

    from millstream.cli.output import harmless, make_console, print_json, short_time

    found = list(client.import_errors.list())
    if json:
        for one in found:
            print_json(one)
    elif not found:
        typer.echo("There are no import errors.")
    else:
        console = make_console()
        for one in found:
            place = f"{one.source}{one.file}" + (f":{one.line}" if one.line else "")
            console.print(Text.assemble((place, "bold"), f"  {short_time(one.at)}"))
            console.print(Padding(Text(harmless(one.message), style="red"), (0, 0, 0, 2)))
    if found:
        raise typer.Exit(1)


@dags.command()
@asks
def sync(
    client: Client,
    folder: Annotated[
        Path, typer.Argument(help="The folder of DAG files.", exists=True, file_okay=False)
    ],
    once: Annotated[
        bool, typer.Option("--once", help="Submit what is there and end; exit code 1 for errors.")
    ] = False,
    timeout: Annotated[
        float,
        typer.Option(
            min=1,
            envvar="MILLSTREAM_DAG_FILE_TIMEOUT_S",
            help="Seconds that importing one file may take.",
        ),
    ] = 30.0,
    memory_mb: Annotated[
        int,
        typer.Option(
            "--memory",
            min=0,
            envvar="MILLSTREAM_DAG_FILE_MEMORY_MB",
            help="MB of data that importing one file may take; 0: any.",
        ),
    ] = 4096,
    state: Annotated[
        Path | None,
        typer.Option(
            dir_okay=False,
            help="Keep here what the files make, so that what is deleted while nobody watches is "
            "noticed at the next start.",
        ),
    ] = None,
) -> None:
    """Submit the DAGs of a folder whenever its files change, as `millstream up --dags` does."""
    from millstream.cli.dag_folder import sync_folder
    from millstream.client.dag_file import ReadLimits

    limits = ReadLimits(timeout_s=timeout, memory_mb=memory_mb)
    code = sync_folder(client, folder, is_once=once, limits=limits, state_file=state)
    raise typer.Exit(code)


@dags.command()
@asks
def show(
    client: Client,
    dag: Annotated[str, typer.Argument(help="The id of the DAG.", autocompletion=dag_ids)],
    json: Json = False,
) -> None:
    """Show a DAG: its schedule, its next run, its tasks."""
    from rich.text import Text

    from millstream.cli.output import cell, local_time, make_console, make_table, print_json
    from millstream.core.schedule_text import describe

    found = client.get_dag(dag)
    if json:
        print_json(found)
        return
    assert found.spec is not None, "a single DAG comes with its spec"
    console = make_console()
    console.print(Text.assemble((found.dag_id, "bold"), f" v{found.latest_version}"))
    facts = [
        f"submitted {local_time(found.submitted_at)}",
        f"schedule {describe(found.spec.schedule)}, next run {_next_run(found)}",
    ]
    if found.is_paused:
        facts.append(f"go on with: millstream dags unpause {found.dag_id}")
    if found.spec.description:
        facts.append(found.spec.description)
    for fact in facts:
        console.print(Text("  ").append_text(cell(fact)), style="dim")
    rows = [
        (task.task_id, task.operator, task.trigger_rule.value, ", ".join(task.upstream))
        for task in found.spec.tasks
    ]
    console.print(make_table(("task+", "operator", "trigger rule", "upstream"), rows))


@dags.command()
@asks
def pause(
    client: Client,
    dag: DagIds,
) -> None:
    """Start nothing of a DAG, and make no runs by its schedule, until it is unpaused."""
    for dag_id in dag:
        was = "" if client.pause_dag(dag_id) else " already"
        typer.echo(f"DAG {dag_id} is paused{was}.")


@dags.command()
@asks
def unpause(
    client: Client,
    dag: DagIds,
) -> None:
    """Let a paused DAG go on."""
    for dag_id in dag:
        was = "goes on" if client.unpause_dag(dag_id) else "is not paused"
        typer.echo(f"DAG {dag_id} {was}.")


def _next_run(dag: Dag) -> str:
    from millstream.cli.output import local_time

    if dag.is_paused:
        return f"paused ({dag.pause_reason})" if dag.pause_reason else "paused"
    return local_time(dag.next_run.run_after) if dag.next_run else "-"
