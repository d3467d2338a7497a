"""The commands about DAGs, runs and events; each is in a module of its own."""

from __future__ import annotations

import typer

from millstream.cli.audit import app as audit
from millstream.cli.completion import completion
from millstream.cli.connections import app as connections
from millstream.cli.contexts import app as contexts
from millstream.cli.dags import dags
from millstream.cli.db import app as db
from millstream.cli.diff import diff
from millstream.cli.events import app as events
from millstream.cli.logs import logs
from millstream.cli.rebuild import rebuild
from millstream.cli.rerun import lineage, rerun
from millstream.cli.runs import app as runs
from millstream.cli.state import state
from millstream.cli.submit import submit
from millstream.cli.tasks import app as tasks
from millstream.cli.trigger import trigger
from millstream.cli.variables import app as variables
from millstream.cli.verify import verify
from millstream.cli.whatif import whatif
from millstream.cli.why import why
from millstream.cli.xcoms import app as xcoms


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    for command in (
        submit,
        trigger,
        logs,
        why,
        state,
        diff,
        rerun,
        lineage,
        whatif,
        rebuild,
        verify,
    ):
        app.command()(command)
    dags.command("trigger")(trigger)
    app.command()(completion)
    for name, group in {
        "dags": dags,
        "runs": runs,
        "tasks": tasks,
        "xcoms": xcoms,
        "events": events,
        "db": db,
        "audit": audit,
        "variables": variables,
        "connections": connections,
        "context": contexts,
    }.items():
        app.add_typer(group, name=name)
