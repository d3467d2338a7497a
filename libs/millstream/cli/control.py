"""``millstream clear``, ``mark`` and ``cancel``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Address, DataDir, Json, Namespace, OfDag, connect

if TYPE_CHECKING:
    from millstream.client.control import Controlled

RunId = Annotated[str, typer.Argument(help="The id of the run.")]
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


def clear(
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
    address: Address = None,
    data_dir: DataDir = None,
    namespace: Namespace = "default",
) -> None:
    """Let tasks of a run run again: what runs of them is stopped first, and a run that is over is
    queued again. All tasks that failed, unless some are named."""
    from millstream.cli.output import print_json

    if json and not (yes or dry_run):
        raise typer.BadParameter("needs --yes or --dry-run", param_hint="--json")
    with connect(address, data_dir, namespace) as client:

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


def mark(
    run_id: RunId,
    state: Annotated[str, typer.Argument(help="success or failed; skipped for tasks only.")],
    task_id: TaskIds = None,
    upstream: Upstream = False,
    downstream: Downstream = False,
    past: Past = False,
    future: Future = False,
    note: Note = "",
    dry_run: DryRun = False,
    dag: OfDag = "",
    json: Json = False,
    address: Address = None,
    data_dir: DataDir = None,
    namespace: Namespace = "default",
) -> None:
    """Say how tasks ended, or the run as a whole where no task is named. What failed downstream of
    a marked task runs again."""
    from millstream.cli.output import print_json

    if not task_id:
        for option, is_given in (
            *(("--upstream", upstream), ("--downstream", downstream)),
            *(("--past", past), ("--future", future), ("--dry-run", dry_run)),
        ):
            if is_given:
                raise typer.BadParameter("only together with --task-id", param_hint=option)
        _mark_run(run_id, state, note, dag, json, address, data_dir, namespace)
        return
    with connect(address, data_dir, namespace) as client:
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


def cancel(
    run_id: RunId,
    note: Note = "",
    dag: OfDag = "",
    json: Json = False,
    address: Address = None,
    data_dir: DataDir = None,
    namespace: Namespace = "default",
) -> None:
    """End a run as failed: what runs is stopped, what has not begun is skipped; teardowns run."""
    _mark_run(run_id, "failed", note, dag, json, address, data_dir, namespace)


def _mark_run(
    run_id: str,
    state: str,
    note: str,
    dag: str,
    json: bool,
    address: Address,
    data_dir: DataDir,
    namespace: str,
) -> None:
    from millstream.cli.output import print_json

    with connect(address, data_dir, namespace) as client:
        position = client.mark_run(run_id, state, dag_id=dag, note=note)
    if json:
        print_json({"run_id": run_id, "state": state, "position": position})
    else:
        typer.echo(f"Run {run_id} is marked {state}.")


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
