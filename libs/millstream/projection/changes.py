"""What an event changes in the read tables, until it is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from millstream.projection.rows import Key, Row, key_of


@dataclass(slots=True)
class Changes:
    """What has to be written: whole rows, and the keys of rows that are gone. The last word
    counts. Only tables whose rows may go are looked up for that: see :meth:`put_again`."""

    rows: dict[type[Row], dict[Key, Row]] = field(default_factory=dict)
    gone: dict[type[Row], dict[Key, None]] = field(default_factory=dict)

    def put(self, row: Row) -> None:
        self.rows.setdefault(type(row), {})[key_of(row)] = row

    def put_again(self, row: Row) -> None:
        """For a row that may have been dropped before."""
        self.gone.get(type(row), {}).pop(key_of(row), None)
        self.put(row)

    def drop(self, row_type: type[Row], key: Key) -> None:
        self.rows.get(row_type, {}).pop(key, None)
        self.gone.setdefault(row_type, {})[key] = None


def changed_rows(changes: Changes) -> Iterator[tuple[type[Row], list[Row]]]:
    """The rows to write, a table at a time."""
    for row_type, rows in changes.rows.items():
        if rows:
            yield row_type, list(rows.values())


def text_of(text: str) -> str:
    """Postgres has no NUL in its texts; the event keeps it."""
    return text.replace("\0", "\\0") if "\0" in text else text
