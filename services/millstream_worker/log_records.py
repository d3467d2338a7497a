"""Records of ``logging`` on their way from a task to its log: lines of its standard output, so that
they are in order with what it prints, with a mark that says level and logger."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_LEVELS = {"D": "DEBUG", "I": "INFO", "W": "WARNING", "E": "ERROR", "C": "CRITICAL"}
# A record separator, which no text has; the text of the mark cannot be longer.
_MARK = re.compile(r"\x1e([DIWEC])([^\x1e\n]{0,200})\x1e")
MARK = "\x1e"
_STDOUT = 1


class Style(NamedTuple):
    """What a mark says of the line after it."""

    level: str = ""
    logger: str = ""


PLAIN = Style()


def split_marks(line: str, style: Style) -> Iterator[tuple[Style, str]]:
    """The texts of one line of output, each with its style; the first is in ``style`` unless a mark
    begins the line. What was printed without an end of line stands before the record."""
    end = 0
    for match in _MARK.finditer(line):
        if match.start() > end:
            yield style, line[end : match.start()]
        style = Style(_LEVELS[match[1]], match[2])
        end = match.end()
    yield style, line[end:]


class RecordWriter(logging.Handler):
    """Hands records to ``write``, or else writes them to the process's standard output, whatever
    ``sys.stdout`` is by now."""

    def __init__(self, write: Callable[[str], object] | None = None) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = marked_lines(record, self.format(record))
            if self._write is not None:
                self._write(text)
                return
            data = text.encode("utf-8", "backslashreplace")
            while data:
                data = data[os.write(_STDOUT, data) :]
        except OSError:
            pass  # the task closed it: nobody reads it any more
        except Exception:
            self.handleError(record)


def marked_lines(record: logging.LogRecord, text: str) -> str:
    """``text``, of this record, as the lines of it that the worker knows."""
    logger = record.name.replace(MARK, "").replace("\n", " ")[:200]
    mark = f"{MARK}{_letter(record.levelno)}{logger}{MARK}"
    return "".join(f"{mark}{line}\n" for line in text.split("\n"))


def _letter(level: int) -> str:
    """Of the level that it reaches."""
    bounds = (("C", logging.CRITICAL), ("E", logging.ERROR), ("W", logging.WARNING))
    for letter, least in (*bounds, ("I", logging.INFO)):
        if level >= least:
            return letter
    return "D"


def log_to_worker(write: Callable[[str], object] | None = None) -> None:
    """Send what is logged in this process to the worker, from INFO on."""
    logging.basicConfig(
        level=logging.INFO, format="%(message)s", handlers=[RecordWriter(write)], force=True
    )
