"""``millstream trigger``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from millstream.cli.options import Json, asks, dag_ids

if TYPE_CHECKING:
    from millstream.client import Client, RunRef

EXIT_RUN_FAILED = 3
EXIT_TIMEOUT = 4


@asks
def trigger(
    client: Client,
    dag: Annotated[str, typer.Argument(help="The id of the DAG.", autocompletion=dag_ids)],
    conf: Annotated[str, typer.Option(help="A JSON object for the tasks.")] = "",
    run_id: Annotated[str, typer.Option(help="An id for the run.", show_default="made up")] = "",
    logical_date: Annotated[
        str, typer.Option(help="ISO 8601; UTC without an offset.", show_default="now")
    ] = "",
    no_logical_date: Annotated[
        bool, typer.Option("--no-logical-date", help="No logical date and no data interval.")
    ] = False,
    run_after: Annotated[
        str, typer.Option(help="ISO 8601; the run waits until then.", show_default="now")
    ] = "",
    keep_paused: Annotated[
        bool, typer.Option("--keep-paused", help="Let a paused DAG not go on: the run waits.")
    ] = False,
    note: Annotated[str, typer.Option(help="A note on the run.")] = "",
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it is over.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait at most (with --wait).")
    ] = None,
    result: Annotated[
        bool, typer.Option("--result", help="With --wait: print the result of the run as JSON.")
    ] = False,
    json: Json = False,
) -> None:
    """Start a run. With --wait: exit code 0 for a success, 3 for a failed run, 4 for a time-out."""
    from millstream.cli.output import print_json

    if timeout is not None and not wait:
        raise typer.BadParameter("only together with --wait", param_hint="--timeout")
    if result and not wait:
        raise typer.BadParameter("only together with --wait", param_hint="--result")
    parsed_conf = parse_conf(conf)
    if logical_date and no_logical_date:
        raise typer.BadParameter("not with --logical-date", param_hint="--no-logical-date")
    parsed_date = _parse_date(logical_date, "--logical-date")
    parsed_after = _parse_date(run_after, "--run-after")
    run = client.trigger(
        dag,
        parsed_conf,
        run_id=run_id or None,
        logical_date=parsed_date,
        has_logical_date=not no_logical_date,
        run_after=parsed_after,
        unpause=not keep_paused,
        note=note,
    )
    if run.unpaused and not json:
        typer.echo(f"DAG {run.dag_id} was paused; it goes on now.", err=True)
    if result:
        print_json(client.result(run, timeout_s=timeout))
        return
    if wait:
        raise typer.Exit(follow(client, run, timeout, json=json))
    if json:
        print_json(run)
    else:
        is_later = keep_paused or parsed_after is not None
        typer.echo(
            f"Run {run.run_id} of DAG {run.dag_id} is {'queued' if is_later else 'started'}."
        )


def follow(client: Client, run: RunRef, timeout_s: float | None, *, json: bool) -> int:
    """Show a run until it is over; returns the exit code."""
    from millstream.cli.output import make_console, print_json
    from millstream.cli.progress import follow_run
    from millstream.cli.runs import tell_failures
    from millstream.client import WaitTimeout

    console = make_console()
    try:
        if json:
            done = client.wait(run, timeout_s=timeout_s)
            print_json({"run": done, "tasks": client.list_task_instances(done)})
        else:
            done = follow_run(client, run, console, timeout_s)
            if done.state != "success":
                tell_failures(console, done, client.list_task_instances(done))
    except WaitTimeout as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        return EXIT_TIMEOUT
    except KeyboardInterrupt:
        typer.echo(f"\nRun {run.run_id} goes on.", err=True)
        raise
    return 0 if done.state == "success" else EXIT_RUN_FAILED


def parse_conf(text: str) -> dict[str, Any] | None:
    """The value of ``--conf``."""
    import msgspec

    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise typer.BadParameter(
            f'it must be a JSON object such as \'{{"day": "monday"}}\': {error}',
            param_hint="--conf",
        ) from None


def _parse_date(text: str, option: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
