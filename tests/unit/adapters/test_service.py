"""What all services have in common."""

from __future__ import annotations

from typing import TextIO, cast

from millstream.adapters.service import Unfailing


class FullDisk:
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_log_line_that_cannot_be_written_raises_nothing() -> None:
    stream = Unfailing(cast(TextIO, FullDisk()))
    assert stream.write("a line") == 6
    stream.flush()
