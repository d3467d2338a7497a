"""``execution_timeout`` where there is no worker that could end the process: a signal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from millstream.sdk.errors import AirflowTaskTimeout

_LEAST_S = 1e-6  # 0 would switch the timer off


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises :class:`AirflowTaskTimeout` in the block when it has taken that long. Only the main
    thread gets signals: in another one there is no limit, and that is said."""
    if seconds is None:
        yield
        return
    if threading.current_thread() is not threading.main_thread():
        print(
            f"--- execution_timeout of {seconds:g} s is not enforced: this is not the main thread",
            flush=True,
        )
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise AirflowTaskTimeout(f"execution_timeout of {seconds:g} s is over")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, _LEAST_S))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
