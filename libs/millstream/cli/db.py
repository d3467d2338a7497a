"""``millstream db``: what may be deleted of what is kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.instants import SAYS, parse_instant
from millstream.cli.options import DataDir, Json

if TYPE_CHECKING:
    from pathlib import Path

    from millstream.adapters.blobs import FsspecBlobs

app = typer.Typer(help="What is kept, and what of it may be deleted.", no_args_is_help=True)

YOUNGEST = timedelta(days=1)


@app.callback()
def _group() -> None:
    pass


@app.command()
def clean(
    before: Annotated[str, typer.Option(help=f"Delete what is older: {SAYS}.")] = "30d",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
    json: Json = False,
) -> None:
    """Delete the logs of attempts that ended long ago: of the `millstream up` here, or of the blob
    store that MILLSTREAM_BLOB_URL names.

    Nothing else can go: the event log is what all is computed from, XComs and bundles are needed by
    runs that are cleared, and what was refused the scheduler forgets by itself after thirty days.
    """
    from millstream.cli.output import print_json

    oldest = parse_instant(before, "--before")
    assert oldest is not None, "there is a default"
    if oldest > datetime.now(UTC) - YOUNGEST:
        raise typer.BadParameter("it must be a day ago or more", param_hint="--before")
    if json and not (yes or dry_run):
        raise typer.BadParameter("needs --yes or --dry-run", param_hint="--json")
    blobs = _blobs(data_dir, os.environ)
    old = [log for log in blobs.logs() if log.stored_at is not None and log.stored_at < oldest]
    size = sum(log.size for log in old)
    if old and not (dry_run or yes):
        typer.confirm(f"Delete {len(old)} logs, {_amount(size)}?", abort=True)
    if not dry_run:
        for log in old:
            blobs.remove_log(log.name)
    if json:
        print_json({"logs": len(old), "bytes": size, "deleted": not dry_run, "before": oldest})
        return
    what = "would be deleted" if dry_run else "are deleted"
    since = oldest.astimezone().strftime("%Y-%m-%d %H:%M")
    typer.echo(f"{len(old)} logs of before {since} {what}, {_amount(size)}.")


def _blobs(data_dir: Path | None, environ: Mapping[str, str]) -> FsspecBlobs:
    from millstream.adapters.blobs import FsspecBlobs
    from millstream.adapters.settings import read_settings
    from millstream.cli.rebuild import log_of

    given = dict(environ)
    if data_dir is not None or not given.get("MILLSTREAM_BLOB_URL"):
        given |= log_of(data_dir, {})
    settings = read_settings(given)
    return FsspecBlobs(settings.blob_url, settings.blob_options)


def _amount(size: int) -> str:
    amount = float(size)
    for unit in ("bytes", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"
