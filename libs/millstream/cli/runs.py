"""``millstream runs``: list them, show one, watch one, end one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, OfDag, asks, run_ids

if TYPE_CHECKING:
    from rich.console import Console

    from millstream.client import Client, Run, TaskInstance

MOST_TRACEBACKS = 3

app = typer.Typer(help="Runs: list, show, watch, mark and cancel.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(help="The id of the run.", autocompletion=run_ids)]
Note = Annotated[str, typer.Option(help="Why.")]
Timeout = Annotated[float | None, typer.Option(min=0, help="Seconds to wait at most.")]


@app.command("list")
@asks
def list_runs(
    client: Client,
    dag: Annotated[str, typer.Option(help="Only of this DAG.")] = "",
    state: Annotated[
        list[str] | None, typer.Option(help="queued, running, success or failed; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 20,
    json: Json = False,
) -> None:
    """List runs, the newest first."""
    from millstream.cli.output import (
        duration,
        make_console,
        make_table,
        print_json,
        short_time,
        state_text,
    )

    console = make_console()
    found = list(client.list_runs(dag, state or (), limit))
    if json:
        for run in found:
            print_json(run)
        return
    if not found:
        typer.echo("There are no such runs." if dag or state else "There are no runs yet.")
        return
    rows = [
        (
            run.dag_id,
            run.run_id,
            state_text(run.state, console),
            short_time(run.started_at or run.created_at),
            duration(run.started_at, run.ended_at),
            run.reason,
        )
        for run in found
    ]
    console.print(make_table(("dag", "run+", "state", "started", "time", "reason"), rows))


@app.command()
@asks
def show(
    client: Client,
    run_id: RunId,
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Show a run and its tasks."""
    from millstream.cli.output import make_console, print_json

    found = client.get_run(run_id, dag)
    tasks = client.list_task_instances(found)
    if json:
        print_json({"run": found, "tasks": tasks})
        return
    console = make_console()
    _print_run(console, found)
    print_tasks(console, tasks)
    tell_failures(console, found, tasks)


@app.command()
@asks
def watch(
    client: Client,
    run_id: RunId,
    timeout: Timeout = None,
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Follow a run until it is over. Exit code 0 for a success, 3 for a failed run, 4 for a
    time-out. With --json: its events, one a line."""
    from millstream.cli.events import plain_event
    from millstream.cli.output import print_json
    from millstream.cli.trigger import EXIT_RUN_FAILED, EXIT_TIMEOUT, follow
    from millstream.client import WaitTimeout

    found = client.get_run(run_id, dag)
    if not json:
        raise typer.Exit(follow(client, found, timeout, json=False))
    run = client.run(found)
    try:
        for event in run.watch(timeout_s=timeout):
            print_json(plain_event(event))
    except WaitTimeout as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(EXIT_TIMEOUT) from None
    raise typer.Exit(0 if run.get().state == "success" else EXIT_RUN_FAILED)


@app.command()
@asks
def result(
    client: Client,
    run_id: RunId,
    timeout: Timeout = None,
    dag: OfDag = "",
) -> None:
    """Print as JSON what the result task of a run returned; waits until the run is over."""
    from millstream.cli.output import print_json

    print_json(client.result(run_id, dag, timeout_s=timeout))


@app.command()
@asks
def mark(
    client: Client,
    run_id: RunId,
    state: Annotated[str, typer.Argument(help="success or failed.")],
    note: Note = "",
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """Say how a run ends, and with it all of its tasks."""
    _mark(client, run_id, state, note, dag, json=json)


@app.command()
@asks
def cancel(
    client: Client,
    run_id: RunId,
    note: Note = "",
    dag: OfDag = "",
    json: Json = False,
) -> None:
    """End a run as failed: what runs is stopped, what has not begun is skipped; teardowns run."""
    _mark(client, run_id, "failed", note, dag, json=json)


def _mark(client: Client, run_id: str, state: str, note: str, dag: str, *, json: bool) -> None:
    from millstream.cli.output import print_json

    position = client.mark_run(run_id, state, dag_id=dag, note=note)
    if json:
        print_json({"run_id": run_id, "state": state, "position": position})
    else:
        typer.echo(f"Run {run_id} is marked {state}.")


def _print_run(console: Console, run: Run) -> None:
    import msgspec
    from rich.text import Text

    from millstream.cli.output import cell, duration, local_time, state_text

    console.print(
        Text.assemble(
            state_text(run.state, console),
            "  ",
            (run.dag_id, "bold"),
            f" v{run.version}  {run.run_id}  ",
            (duration(run.started_at, run.ended_at) if run.started_at else "", "dim"),
        )
    )
    facts = [
        f"{run.run_type}, logical date {local_time(run.logical_date)}",
        f"created {local_time(run.created_at)}, started {local_time(run.started_at)}, "
        f"ended {local_time(run.ended_at)}",
    ]
    if run.conf:
        facts.append(f"conf {msgspec.json.encode(run.conf).decode()}")
    if run.note:
        facts.append(f"note {run.note}")
    for fact in facts:
        console.print(Text("  ").append_text(cell(fact)), style="dim")


def print_tasks(console: Console, tasks: list[TaskInstance]) -> None:
    """A line for each task of a run."""
    from millstream.cli.output import duration, make_table, state_text

    rows = [
        (
            _name(task),
            state_text(task.state, console),
            str(task.attempt or ""),
            duration(task.started_at, task.ended_at),
            task.worker,
            task.reason,
        )
        for task in tasks
    ]
    console.print(make_table(("task+", "state", "try", "time", "worker", "reason"), rows))


def tell_failures(console: Console, run: Run, tasks: list[TaskInstance]) -> None:
    """Why a run failed, with the first tracebacks."""
    from millstream.cli.output import harmless

    if run.reason:
        console.print(harmless(run.reason), style="red", markup=False)
    failed = [task for task in tasks if task.state == "failed"]
    for task in failed[:MOST_TRACEBACKS]:
        console.print(f"\n{_name(task)}: {harmless(task.reason)}", style="red", markup=False)
        if task.traceback:
            console.print(harmless(task.traceback.rstrip()), style="dim", markup=False)
        if task.started_at is not None:
            console.print(f"Its log: {log_command(run, task)}", markup=False, soft_wrap=True)
    if len(failed) > MOST_TRACEBACKS:
        console.print(f"\n... and {len(failed) - MOST_TRACEBACKS} more failed tasks.")


def log_command(run: Run, task: TaskInstance) -> str:
    """How to see the log of a task's latest attempt."""
    import shlex

    words = ["millstream", "logs", run.run_id, task.task_id, "--dag", run.dag_id]
    if task.map_index:
        words += ["--map-index", ",".join(map(str, task.map_index))]
    return shlex.join(words)


def _name(task: TaskInstance) -> str:
    from millstream.cli.output import instance_name

    return instance_name(task.task_id, task.map_index, task.map_name)
