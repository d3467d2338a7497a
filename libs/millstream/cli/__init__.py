"""The command line ``millstream``.

What a command needs is imported inside it: ``millstream --help`` must not wait for gRPC.
"""

from __future__ import annotations

import importlib
import sys
from typing import Annotated

import typer

from millstream.core.errors import MillstreamError
from millstream.version import __version__

EXIT_ERROR = 1
EXIT_INTERRUPTED = 130
# Each offers ``register(app)``; the order is the one of the help text.
MODULES = (
    "lifecycle",
    "workflow",
    "assets",
    "backfill",
    "pools",
    "approvals",
    "access",
    "secret_keys",
    "services",
    "nats_accounts",
)

app = typer.Typer(
    name="millstream",
    help="Run DAGs of tasks, with every change kept as an event.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"millstream {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def _register_all() -> None:
    for name in MODULES:
        path = f"millstream.cli.{name}"
        try:
            module = importlib.import_module(path)
        except ModuleNotFoundError as error:
            if error.name != path:
                raise
            continue
        module.register(app)


def main() -> None:
    """Runs one command. Exit codes: 0, 1 for an error, 2 for wrong usage, 130 after Ctrl-C."""
    try:
        app(prog_name="millstream")
    except MillstreamError as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


_register_all()
