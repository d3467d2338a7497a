"""``millstream state``: how a run, or everything, stood at a position of the log or an instant."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.instants import SAYS, parse_place
from millstream.cli.options import Json, OfDag, asks

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

    from millstream.client import Client, Run, RunAt, StateAt


@asks
def state(
    client: Client,
    run: Annotated[str, typer.Argument(help="The id of a run.", show_default="everything")] = "",
    at: Annotated[
        str,
        typer.Option(help=f"A position of the log, or an instant: {SAYS}.", show_default="now"),
    ] = "",
    dag: OfDag = "",
    states: Annotated[
        list[str] | None,
        typer.Option("--state", help="Of everything, only runs in this state; repeatable."),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many runs at most; 0: all.")] = 20,
    json: Json = False,
) -> None:
    """Show a run, or everything, as it stood at a position of the log or at an instant."""
    from millstream.cli.output import make_console, print_json

    position, instant = parse_place(at, "--at")
    moment: int | datetime | None = instant if instant is not None else position or None
    if at.strip() == "0":
        raise typer.BadParameter("positions count from 1", param_hint="--at")
    if run:
        found = client.history.run(run, moment, dag_id=dag)
        if json:
            print_json(found)
        else:
            _show_run(make_console(), found)
        return
    everything = client.history.state(moment)
    runs = _runs(client, everything, dag, states or [], limit)
    dags = list(client.history.dags(everything.position)) if everything.position else []
    if json:
        print_json({"state": everything, "dags": dags, "runs": runs})
        return
    _show_everything(make_console(), everything, runs)


def _runs(
    client: Client, everything: StateAt, dag: str, states: list[str], limit: int
) -> list[Run]:
    if not everything.position:
        return []
    found = client.history.runs(everything.position, dag, states)
    return list(islice(found, limit or None))


def _show_run(console: Console, found: RunAt) -> None:
    from millstream.cli.output import duration, instance_name, local_time, make_table, state_text

    run = found.run
    console.print(
        f"At position {found.position}, {local_time(found.recorded_at)}:", style="dim", markup=False
    )
    console.print(
        state_text(run.state, console), f" {run.dag_id} v{run.version}  {run.run_id}", markup=False
    )
    rows = [
        (
            instance_name(task.task_id, task.map_index, task.map_name),
            state_text(task.state, console),
            str(task.attempt or ""),
            duration(task.started_at, task.ended_at or found.recorded_at),
            task.worker,
            task.reason,
        )
        for task in found.tasks
    ]
    console.print(make_table(("task+", "state", "try", "time", "worker", "reason"), rows))


def _show_everything(console: Console, found: StateAt, runs: list[Run]) -> None:
    from millstream.cli.output import duration, local_time, make_table, short_time, state_text

    console.print(
        f"At position {found.position}, {local_time(found.recorded_at)}, epoch {found.epoch}:",
        style="dim",
        markup=False,
    )
    counts = ", ".join(f"{count} {state}" for state, count in found.runs.items()) or "none"
    console.print(f"DAGs: {found.dags}, {found.paused_dags} of them paused. Runs: {counts}.")
    for title, names in (
        ("Pools", found.pools),
        ("Variables (versions)", found.variables),
        ("Connections (versions)", found.connections),
    ):
        if names:
            listed = ", ".join(f"{name} ({value})" for name, value in names.items())
            console.print(f"{title}: {listed}", markup=False)
    rows = [
        (
            run.dag_id,
            run.run_id,
            state_text(run.state, console),
            short_time(run.started_at or run.created_at),
            duration(run.started_at, run.ended_at or found.recorded_at),
            run.reason,
        )
        for run in runs
    ]
    if rows:
        console.print(make_table(("dag", "run+", "state", "started", "time", "reason"), rows))
