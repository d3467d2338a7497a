"""Runs that are triggered one after the other while something is done to the servers."""

from __future__ import annotations

import threading
from types import TracebackType

from integration.running_stack import RunningStack, assert_success, eventually
from integration.test_faults import dozen
from millstream.client import RunRef
from millstream.core.errors import MillstreamError

PAUSE_S = 0.4


class Load:
    """``with Load(stack) as load:``. A trigger that fails is tried again with another run; what was
    acknowledged must end well."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._trigger, name="load", daemon=True)
        self.runs: list[RunRef] = []
        self.errors: list[str] = []

    def __enter__(self) -> Load:
        self._stack.client().submit_spec(dozen())
        self._thread.start()
        self.wait_for_more(1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._thread.join(60)

    def wait_for_more(self, count: int, timeout_s: float = 60.0) -> None:
        """Until so many more runs were acknowledged."""
        enough = len(self.runs) + count
        eventually(
            f"{count} more runs ({self.errors[-3:]})", lambda: len(self.runs) >= enough, timeout_s
        )

    def assert_all_succeed(self, timeout_s: float = 120) -> None:
        """After the block."""
        client = self._stack.client()
        for run in list(self.runs):
            assert_success(client, run, timeout_s)

    def _trigger(self) -> None:
        client = self._stack.client()
        while not self._stopping.wait(PAUSE_S):
            try:
                self.runs.append(client.trigger("dozen"))
            except MillstreamError as error:
                self.errors.append(f"{type(error).__name__}: {error}")
