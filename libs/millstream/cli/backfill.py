"""``millstream backfill``."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks, dag_ids

if TYPE_CHECKING:
    from millstream.client import Client

app = typer.Typer(help="Backfills: the runs of a DAG between two dates.", no_args_is_help=True)

DagId = Annotated[str, typer.Argument(help="The id of the DAG.", autocompletion=dag_ids)]
BackfillId = Annotated[
    str, typer.Argument(help="The id of the backfill.", show_default="the one that goes on")
]


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="backfill")


@app.command("create")
@asks
def create(
    client: Client,
    dag: DagId,
    from_date: Annotated[str, typer.Option(help="ISO 8601, inclusive; UTC without an offset.")],
    to_date: Annotated[str, typer.Option(help="ISO 8601, inclusive; UTC without an offset.")],
    reprocess: Annotated[
        str, typer.Option(help="Dates that have a run: none, failed (run again) or completed.")
    ] = "none",
    backwards: Annotated[bool, typer.Option("--backwards", help="The latest date first.")] = False,
    max_active_runs: Annotated[int, typer.Option(min=1, help="How many at once.")] = 10,
    conf: Annotated[str, typer.Option(help="A JSON object for the tasks.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done and do nothing.")
    ] = False,
    json: Json = False,
) -> None:
    """Make runs for the dates of the DAG's schedule between two dates."""
    from millstream.cli.output import print_json
    from millstream.cli.trigger import parse_conf

    first, last = _date(from_date, "--from-date"), _date(to_date, "--to-date")
    parsed = parse_conf(conf)
    if dry_run:
        _tell_dates(
            client.backfills.dry_run(
                dag,
                first,
                last,
                reprocess_behavior=reprocess,
                run_backwards=backwards,
                max_active_runs=max_active_runs,
            ),
            json,
        )
        return
    done = client.backfills.create(
        dag,
        first,
        last,
        reprocess_behavior=reprocess,
        run_backwards=backwards,
        max_active_runs=max_active_runs,
        conf=parsed,
    )
    if json:
        print_json(done)
    else:
        typer.echo(f"Backfill {done.backfill_id} of DAG {done.dag_id} is under way.")


def _tell_dates(dates: object, json: bool) -> None:
    from millstream.cli.output import make_console, make_table, print_json
    from millstream.client.backfills import BackfillDate

    assert isinstance(dates, list)
    rows = []
    for one in dates:
        assert isinstance(one, BackfillDate)
        if json:
            print_json(one)
        what = one.reason or (f"runs again: {one.run_id}" if one.run_id else "a new run")
        rows.append((one.times.logical_date.isoformat(), what))
    if not json:
        make_console().print(make_table(("logical date+", "what would be done"), rows))


@app.command("list")
@asks
def list_backfills(
    client: Client,
    dag: Annotated[str, typer.Argument(help="Only of this DAG.")] = "",
    json: Json = False,
) -> None:
    """List backfills, the newest first."""
    from millstream.cli.output import make_console, make_table, print_json

    found = list(client.backfills.list(dag))
    if json:
        for one in found:
            print_json(one)
        return
    if not found:
        typer.echo("There are no backfills.")
        return
    rows = [
        (
            one.dag_id,
            one.backfill_id,
            one.state,
            f"{one.number}/{one.total}",
            str(one.skipped),
            one.from_date.isoformat() if one.from_date else "",
            one.to_date.isoformat() if one.to_date else "",
        )
        for one in found
    ]
    columns = ("dag+", "id+", "state", "dates", "skipped", "from", "to")
    make_console().print(make_table(columns, rows))


@app.command("pause")
@asks
def pause(
    client: Client,
    dag: DagId,
    backfill: BackfillId = "",
) -> None:
    """Make and start no further runs, until it is unpaused."""
    client.backfills.pause(dag, backfill)
    typer.echo(f"The backfill of DAG {dag} is paused.")


@app.command("unpause")
@asks
def unpause(
    client: Client,
    dag: DagId,
    backfill: BackfillId = "",
) -> None:
    """Let a paused backfill go on."""
    client.backfills.pause(dag, backfill, is_paused=False)
    typer.echo(f"The backfill of DAG {dag} goes on.")


@app.command("cancel")
@asks
def cancel(
    client: Client,
    dag: DagId,
    backfill: BackfillId = "",
) -> None:
    """End it: what runs goes on, what waits fails."""
    client.backfills.cancel(dag, backfill)
    typer.echo(f"The backfill of DAG {dag} is cancelled.")


def _date(text: str, option: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
