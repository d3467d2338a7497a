"""``millstream rebuild``: the read tables from the log, by the projector."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
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
    words = ["rebuild", *(["--verify"] if verify else []), *(["--json"] if json else [])]
    done = run_projector(words, dict(os.environ) | log_of(data_dir, os.environ))
    raise typer.Exit(done.returncode if done.returncode >= 0 else 128 - done.returncode)


def run_projector(
    words: list[str], environ: Mapping[str, str], *, capture: bool = False
) -> subprocess.CompletedProcess[str]:
    """The projector's own command line. With ``capture`` what it prints is in the result."""
    command = [sys.executable, "-P", "-m", "millstream_projector", *words]
    return subprocess.run(command, env=environ, check=False, capture_output=capture, text=True)


def log_of(data_dir: Path | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Where the log is, unless the environment says so: what a running `millstream up` uses."""
    from millstream.core.errors import MillstreamError
    from millstream.embedded.statefile import read_state

    if environ.get(URL):
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
