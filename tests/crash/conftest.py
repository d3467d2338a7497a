"""Stacks with failpoints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crash.crash_stack import CrashStack


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[Callable[[], CrashStack]]:
    """Makes a stack, and ends the one before it."""
    made: list[CrashStack] = []

    def make() -> CrashStack:
        if made:
            made[-1].down()
        made.append(CrashStack(tmp_path / str(len(made)) / "a stack"))
        made[-1].up()
        return made[-1]

    yield make
    if made:
        made[-1].down()
