"""``millstream submit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import Json, asks

if TYPE_CHECKING:
    from millstream.client import Client


@asks
def submit(
    client: Client,
    file: Annotated[Path, typer.Argument(help="The Python file that makes the DAGs.")],
    root: Annotated[
        Path | None,
        typer.Option(
            file_okay=False,
            help="The project directory to bundle.",
            show_default="that of the file",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Register the DAGs of a file."""
    from millstream.cli.output import print_json

    for done in client.submit_file(file, root):
        if json:
            print_json(done)
        else:
            typer.echo(
                f"DAG {done.dag_id} is version {done.version}. "
                f"Run it with: millstream trigger {done.dag_id} --wait"
            )
