"""Where clocks change, runs are due when they always were."""

from __future__ import annotations

from golden.clock_changes import PAGE, page


def test_runs_where_clocks_change() -> None:
    assert page() == PAGE.read_text(encoding="utf-8")
