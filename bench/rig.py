"""What workloads are measured on: one fresh installation that they share, started when the first
one needs it and ended before one that wants the machine for itself."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from bench.installation import Installation, fresh
from bench.large_log import LargeLog, make

EVENTS = 1_000_000
ACTIVE_RUNS = 10_000


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for. ``scale`` makes the large workloads smaller, to try them out."""

    slots: int = 4
    soak_minutes: float = 30.0
    scale: float = 1.0
    is_quick: bool = False

    def scaled(self, count: int) -> int:
        """Of so many, as many as the scale leaves, and at least one."""
        return max(1, round(count * self.scale))


class Rig:
    """To be used in a ``with`` block, which ends what it started."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self._stack = ExitStack()
        self._shared: Installation | None = None
        self._kept = ExitStack()
        self._large_log: LargeLog | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()
        self._kept.close()

    def shared(self) -> Installation:
        """The installation that all may use who leave nothing behind that others would feel."""
        if self._shared is None:
            self._shared = self._stack.enter_context(fresh(slots=self.options.slots))
        return self._shared

    def large_log(self) -> LargeLog:
        """A log of a million events, made for the first who wants it. Who starts something on it
        ends it again."""
        if self._large_log is None:
            folder = tempfile.TemporaryDirectory(prefix="millstream-bench-")
            data_dir = Path(self._kept.enter_context(folder))
            scaled = self.options.scaled
            self._large_log = make(data_dir, scaled(EVENTS), scaled(ACTIVE_RUNS))
        return self._large_log

    def clear(self) -> None:
        """Nothing of ours runs any more."""
        self._shared = None
        self._stack.close()
