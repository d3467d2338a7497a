"""``millstream rebuild``: the read tables from the log, by the projector."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.options import DataDir, Json

URL = "MILLSTREAM_DATABASE_URL"


def rebuild(
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare with the log only; change nothing.")
    ] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Make the read tables anew from the event log, or verify that they are what it says."""
    command = [sys.executable, "-P", "-m", "millstream_projector", "rebuild"]
    if verify:
        command.append("--verify")
    if json:
        command.append("--json")
    done = subprocess.run(command, env=dict(os.environ) | _database(data_dir), check=False)
    raise typer.Exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def _database(data_dir: Path | None) -> dict[str, str]:
    """Where the log is: the environment says so, or a running `millstream up`."""
    from millstream.core.errors import MillstreamError
    from millstream.embedded.statefile import read_state

    if os.environ.get(URL):
        return {}
    folder = data_dir or Path(".millstream")
    state = read_state(folder)
    if state is None:
        raise MillstreamError(
            f"Millstream does not run on {folder}. Start it with `millstream up`, or name the "
            f"database with {URL}."
        )
    return {
        URL: state.database_url,
        "MILLSTREAM_NATS_URL": state.nats_url,
        "MILLSTREAM_BLOB_URL": state.blob_url,
    }
