"""The commands about DAGs, runs and events; each is in a module of its own."""

from __future__ import annotations

import typer

from millstream.cli.audit import app as audit
from millstream.cli.connections import app as connections
from millstream.cli.control import cancel, clear, mark
from millstream.cli.dags import dags
from millstream.cli.events import app as events
from millstream.cli.logs import logs
from millstream.cli.rebuild import rebuild
from millstream.cli.runs import run, runs
from millstream.cli.state import state
from millstream.cli.submit import submit
from millstream.cli.trigger import trigger
from millstream.cli.variables import app as variables
from millstream.cli.verify import verify
from millstream.cli.xcom import xcom


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (submit, trigger, clear, mark, cancel, runs, run, logs, xcom, state):
        app.command()(command)
    app.command()(rebuild)
    app.command()(verify)
    app.add_typer(dags, name="dags")
    app.add_typer(events, name="events")
    app.add_typer(audit, name="audit")
    for group in (variables, connections):
        app.add_typer(group)
