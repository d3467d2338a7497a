"""How things look: states, times, tables, JSON. Text that a task made is shown, not obeyed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

# A pipe has no width: nothing is cut there but what is beyond reason.
PIPE_WIDTH = 4000
LONGEST_CELL = 160
# A column this narrow never gives way.
KEPT_WIDTH = 24

STYLES = {
    "none": "dim",
    "queued": "blue",
    "running": "cyan",
    "up_for_retry": "yellow",
    "scheduled": "blue",
    "up_for_reschedule": "yellow",
    "deferred": "yellow",
    "awaiting_input": "bold yellow",
    "success": "green",
    "failed": "bold red",
    "skipped": "magenta",
    "upstream_failed": "red",
    "removed": "dim",
}
_GLYPHS = {
    "none": "·",
    "queued": "◌",
    "running": "▶",
    "up_for_retry": "↻",
    "scheduled": "◌",
    "up_for_reschedule": "↻",
    "deferred": "⏸",
    "awaiting_input": "?",
    "success": "✔",
    "failed": "✘",
    "skipped": "»",
    "upstream_failed": "⊘",
    "removed": "∅",
}
_ASCII_GLYPHS = {
    "none": ".",
    "queued": "o",
    "running": ">",
    "up_for_retry": "~",
    "scheduled": "o",
    "up_for_reschedule": "~",
    "deferred": "=",
    "awaiting_input": "?",
    "success": "+",
    "failed": "x",
    "skipped": "-",
    "upstream_failed": "!",
    "removed": "/",
}


def make_console(*, stderr: bool = False) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPE_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, soft_wrap=not stream.isatty())


def print_json(value: Any) -> None:
    """One object on one line, at once."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def state_text(state: str, console: Console) -> Text:
    """A glyph and the word, coloured."""
    glyphs = _GLYPHS if console.encoding.startswith("utf") else _ASCII_GLYPHS
    return Text(f"{glyphs.get(state, '?')} {state}", style=STYLES.get(state, ""))


def harmless(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(c if c.isprintable() or c in "\n\t" else f"\\x{ord(c):02x}" for c in text)


def instance_name(task_id: str, map_index: Sequence[int], map_name: str = "") -> str:
    """A task, or an instance of a mapped one: ``train[3]``, ``train[3][1] (its name)``."""
    name = task_id + "".join(f"[{index}]" for index in map_index)
    return f"{name} ({harmless(map_name)})" if map_name else name


def cell(text: str) -> Text:
    """One line of text for a table, cut where it is too long."""
    line = " ".join(harmless(text).split())
    if len(line) > LONGEST_CELL:
        line = f"{line[: LONGEST_CELL - 1]}…"
    return Text(line, no_wrap=True, overflow="ellipsis")


def local_time(instant: datetime | None) -> str:
    """In the time zone of this machine."""
    return instant.astimezone().strftime("%Y-%m-%d %H:%M:%S") if instant else "-"


def short_time(instant: datetime | None) -> str:
    """The time of today, else the date as well."""
    if instant is None:
        return "-"
    local = instant.astimezone()
    is_today = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if is_today else "%Y-%m-%d %H:%M")


def duration(start: datetime | None, end: datetime | None) -> str:
    """Between two instants, or up to now."""
    if start is None:
        return "-"
    seconds = max(((end or datetime.now(UTC)) - start).total_seconds(), 0.0)
    if seconds < 60:
        return f"{seconds:.2f}s" if seconds < 10 else f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m {rest:02}s" if hours else f"{minutes}m {rest:02}s"


def make_table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> Table:
    """One line a row. On a narrow terminal long columns give way, the last one first, with an
    ellipsis; a column whose name ends in "+" stays whole, since people copy from it."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
    cells = [[part if isinstance(part, Text) else cell(part) for part in row] for row in rows]
    for index, column in enumerate(columns):
        width = max((row[index].cell_len for row in cells), default=0)
        is_kept = column.endswith("+") or (width <= KEPT_WIDTH and index < len(columns) - 1)
        # rich shrinks the columns that may wrap; the cells themselves keep to one line.
        table.add_column(column.removesuffix("+"), no_wrap=is_kept, overflow="ellipsis")
    for row in cells:
        table.add_row(*row)
    return table
