"""``millstream tasks``: those of a run, and how to let them run again or say how they ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, MapIndex, OfDag, asks, named_instance, run_ids

if TYPE_CHECKING:
    from millstream.client import Client
    from millstream.client.control import Controlled

app = typer.Typer(help="Tasks of a run: list, rendered, clear, mark.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(help="The id of the run.", autocompletion=run_ids)]
TaskIds = Annotated[
    list[str] | None,
    typer.Option(
        "--task-id", "-t", help="A task, a group, or TASK[0,2] for one instance; repeatable."
    ),
]
Upstream = Annotated[bool, typer.Option("--upstream", help="Also what is upstream.")]
Downstream = Annotated[bool, typer.Option("--downstream", help="Also what is downstream.")]
Past = Annotated[bool, typer.Option("--past", help="Also in runs of earlier logical dates.")]
Future = Annotated[bool, typer.Option("--future", help="Also in runs of later logical dates.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]
Note = Annotated[str, typer.Option(help="Why.")]


@app.command("list")
@asks
def list_tasks(
    client: Client,
    run_id: RunId,
    state: Annotated[
        list[str] | None, typer.Option(help="Only in this state, such as failed; repeatable.")
    ] = None,
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """List the tasks of a run, with their states."""
    from millstream.cli.output import make_console, print_json
    from millstream.cli.runs import print_tasks

    tasks = client.list_task_instances(client.get_run(run_id, dag))
    found = [task for task in tasks if not state or task.state in state]
    if json:
        for task in found:
            print_json(task)
    elif found:
        print_tasks(make_console(), found)
    else:
        typer.echo(f"Run {run_id} has no such tasks.")


@app.command()
@asks
def rendered(
    client: Client,
    run_id: RunId,
    task: Annotated[str, typer.Argument(help="TASK, or TASK[3] for an instance.")],
    attempt: Annotated[
        int, typer.Option(min=0, help="Which attempt.", show_default="the latest that has any")
    ] = 0,
    map_index: MapIndex = "",
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Show what the templates of a task became. Secrets are masked."""
    from millstream.cli.output import harmless, make_console, print_json

    name, path = named_instance(task, map_index)
    fields = client.rendered_fields(run_id, name, dag_id=dag, map_index=path, attempt=attempt)
    if json:
        print_json(fields)
        return
    if not fields:
        typer.echo("There was nothing to render, or no attempt has ended by itself yet.")
    console = make_console()
    for field, text in fields.items():
        console.print(field, style="bold", markup=False, highlight=False)
        console.print(harmless(text), markup=False, highlight=False, soft_wrap=True)


@app.command()
@asks
def clear(
    client: Client,
    run_id: RunId,
    task_id: TaskIds = None,
    upstream: Upstream = False,
    downstream: Downstream = False,
    past: Past = False,
    future: Future = False,
    only_failed: Annotated[
        bool | None,
        typer.Option(
            "--only-failed/--all",
            help="Only what failed, or whatever it did.",
            show_default="only-failed",
        ),
    ] = None,
    only_running: Annotated[
        bool, typer.Option("--only-running", help="Only what runs; with --only-failed, either.")
    ] = False,
    latest_version: Annotated[
        bool, typer.Option("--latest-version", help="Go on with the newest version of the DAG.")
    ] = False,
    leave_finished: Annotated[
        bool, typer.Option("--leave-finished", help="Leave runs that are over alone.")
    ] = False,
    dry_run: DryRun = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Let tasks of a run run again: what runs of them is stopped first, and a run that is over is
    queued again. All tasks that failed, unless some are named."""
    from millstream.cli.output import print_json

    if json and not (yes or dry_run):
        raise typer.BadParameter("needs --yes or --dry-run", param_hint="--json")

    def ask(is_dry: bool) -> Controlled:
        return client.clear(
            run_id,
            task_id or (),
            dag_id=dag,
            upstream=upstream,
            downstream=downstream,
            past=past,
            future=future,
            only_failed=not only_running if only_failed is None else only_failed,
            only_running=only_running,
            run_on_latest_version=latest_version,
            reset_dag_runs=not leave_finished,
            dry_run=is_dry,
        )

    if not yes:
        would = ask(True)
        if not json:
            _tell(would, "would be cleared", run_id)
        if dry_run or not would.tasks:
            if json:
                print_json(would)
            return
        typer.confirm("Clear them?", abort=True)
    done = ask(dry_run)
    if json:
        print_json(done)
    else:
        _tell(done, "would be cleared" if dry_run else "cleared", run_id)


@app.command()
@asks
def mark(
    client: Client,
    run_id: RunId,
    state: Annotated[str, typer.Argument(help="success, failed or skipped.")],
    task_id: Annotated[
        list[str],
        typer.Option(
            "--task-id", "-t", help="A task, a group, or TASK[0,2] for one instance; repeatable."
        ),
    ],
    upstream: Upstream = False,
    downstream: Downstream = False,
    past: Past = False,
    future: Future = False,
    note: Note = "",
    dry_run: DryRun = False,
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Say how tasks ended; what failed downstream of them runs again."""
    from millstream.cli.output import print_json

    done = client.mark_tasks(
        run_id,
        task_id,
        state,
        dag_id=dag,
        upstream=upstream,
        downstream=downstream,
        past=past,
        future=future,
        note=note,
        dry_run=dry_run,
    )
    if json:
        print_json(done)
    else:
        _tell(done, f"would be marked {state}" if dry_run else f"marked {state}", run_id)


def _tell(controlled: Controlled, what: str, run_id: str) -> None:
    for marker in controlled.not_followed:
        typer.echo(
            f"Not followed: marker {marker.name} of run {marker.run_id}; what it names is a "
            f"template, so clear that by hand.",
            err=True,
        )
    if not controlled.tasks:
        typer.echo(f"No task of run {run_id} is concerned.")
        return
    own_dag = controlled.tasks[0].dag_id  # the run's own tasks come first
    for task in controlled.tasks:
        elsewhere = "" if task.dag_id == own_dag else f"  (DAG {task.dag_id})"
        typer.echo(f"{task.run_id}  {task.name}{elsewhere}")
    count = len(controlled.tasks)
    typer.echo(f"{count} task{'s' if count > 1 else ''} {what}.")
