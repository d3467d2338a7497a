"""What `millstream dags sync`, `up --dags` and `dev` share: a folder that is kept in step, in a
process of its own."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from millstream.client import Client
    from millstream.client.dag_file import ReadLimits

READY = "MILLSTREAM_READY_FD"


def sync_folder(
    client: Client, folder: Path, *, is_once: bool, limits: ReadLimits, state_file: Path | None
) -> int:
    """Until a signal, or with ``is_once`` until everything is submitted. Returns the exit code."""
    from millstream.client.dag_folder import DagFolder

    with closing(DagFolder(client, folder, tell, limits=limits, state_file=state_file)) as watched:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: watched.stop())
        say_ready()
        watched.run(until=lambda: is_once and watched.is_settled)
        return 1 if is_once and watched.faults else 0


def tell(line: str) -> None:
    """One line, at once, also into a file."""
    from millstream.cli.output import harmless

    typer.echo(" ".join(harmless(line).split("\n")))


def say_ready() -> None:
    """To a supervisor that waits for it."""
    number = int(os.environ.pop(READY, "-1"))
    if number >= 0:
        os.write(number, b"ready\n")
        os.close(number)
