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
# A column this narrow gives way only where nothing else can, and one as narrow as that never.
KEPT_WIDTH = 24
LEAST_WIDTH = 9
LEAST_LAST = 8
GAP = 2

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


def make_table(
    columns: Sequence[str], rows: Iterable[Sequence[str | Text]], width: int | None = None
) -> Table:
    """One line a row. On a narrow terminal columns without anything in them are left out, and long
    ones give way, the last one first, with an ellipsis; a column whose name ends in "+" stays
    whole, since people copy from it. ``width``: that of the terminal."""
    cells = [[part if isinstance(part, Text) else cell(part) for part in row] for row in rows]
    widths = [
        max([len(name.removesuffix("+")), *(row[index].cell_len for row in cells)])
        for index, name in enumerate(columns)
    ]
    room = (make_console().width if width is None else width) - GAP * len(columns)
    shown = list(range(len(columns)))
    if sum(widths) > room:
        shown = [i for i in shown if i == 0 or any(row[i].cell_len for row in cells) or not cells]
    # Short columns are kept as they are, unless that takes too much.
    kept = sum(widths[i] for i in shown if columns[i].endswith("+") or widths[i] <= KEPT_WIDTH)
    is_tight = kept + LEAST_LAST > room
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, header_style="bold")
    for index in shown:
        name, natural = columns[index], widths[index]
        is_whole = name.endswith("+")
        is_last = index == len(columns) - 1
        is_short = natural <= (LEAST_WIDTH if is_tight else KEPT_WIDTH) and not is_last
        # rich shrinks the columns that may wrap; the cells themselves keep to one line.
        table.add_column(
            name.removesuffix("+"),
            no_wrap=is_whole or is_short,
            min_width=natural if is_whole or is_short else None,
            overflow="ellipsis",
        )
    for row in cells:
        table.add_row(*(row[index] for index in shown))
    return table
