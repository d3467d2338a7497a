"""Logs of the core as rows, and rows with their digests made anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from millstream.core.events import Event
from millstream.core.wire import canonical_bytes, to_record
from millstream.verify.rows import Row, canonical, decode


def rows_of(log: Iterable[Event]) -> list[Row]:
    """A log as its table holds it, behind the event with which a scheduler begins."""
    rows = [decode(canonical_bytes(to_record(event))) for event in log]
    began = msgspec.structs.replace(
        rows[0],
        **dict.fromkeys(("dag_id", "run_id", "task_id"), ""),
        type="EpochStarted",
        data=msgspec.Raw(b'{"holder":"test"}'),
    )
    return seal([began, *rows])


def seal(rows: Iterable[Row]) -> list[Row]:
    """The same rows with positions 1, 2, 3.. and the digests that follow, as a faulty scheduler
    would have written them."""
    sealed, digest = [], bytes(32)
    for position, row in enumerate(rows, 1):
        open_row = msgspec.structs.replace(row, position=position, digest="")
        digest = hashlib.sha256(digest + canonical(open_row)).digest()
        sealed.append(msgspec.structs.replace(open_row, digest=digest.hex()))
    return sealed


def read_rows(path: Path) -> list[Row]:
    return [decode(line) for line in path.read_bytes().splitlines()]
