"""Keeps a set of processes running, and ends them in order.

It must run in a thread that lives as long as the processes: the kernel ends a child when the
*thread* that forked it ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path

from millstream.core.errors import MillstreamError
from millstream.embedded.spec import ProcessSpec
from millstream.embedded.statefile import ProcessState
from millstream.embedded.supervised import Supervised

MOST_DEATHS_BEFORE_READY = 5
TAIL_LINES = 15


class NotReady(MillstreamError):
    """Some process did not get ready; ``processes`` names them."""

    reason = "NOT_READY"

    def __init__(self, processes: list[ProcessState], tails: dict[str, str]) -> None:
        self.processes = [process.name for process in processes]
        parts = []
        for process in processes:
            end = f" ({process.last_exit})" if process.last_exit else ""
            parts.append(f"{process.name} is not ready{end}\n{tails[process.name]}".rstrip())
        super().__init__("\n".join(parts))


class Supervisor:
    """``on_change(sentence)`` is called after every change; it is empty for routine ones."""

    def __init__(
        self,
        specs: Iterable[ProcessSpec],
        log_dir: Path,
        on_change: Callable[[str], None] = lambda sentence: None,
    ) -> None:
        self._all = [Supervised(spec, log_dir / f"{spec.name}.log", on_change) for spec in specs]

    def states(self) -> tuple[ProcessState, ...]:
        """What to show of each process, in the order in which they were given."""
        return tuple(process.state() for process in self._all)

    def start(self) -> None:
        """Starts everything at once: a service waits for its servers by itself."""
        for process in self._all:
            process.start()

    async def wait_ready(self, timeout_s: float) -> None:
        """Returns when all are ready.

        Raises :class:`NotReady` after ``timeout_s``, or as soon as one process keeps dying although
        the servers (stage 0) are there.
        """
        try:
            async with asyncio.timeout(timeout_s):
                while not all(process.is_ready.is_set() for process in self._all):
                    self._give_up_on_the_dying()
                    await asyncio.sleep(0.02)
        except TimeoutError:
            late = [process for process in self._all if not process.is_ready.is_set()]
            raise self._not_ready(late) from None

    def _give_up_on_the_dying(self) -> None:
        servers = [process for process in self._all if process.spec.stage == 0]
        dying = [
            process
            for process in self._all
            if process.deaths_before_ready >= MOST_DEATHS_BEFORE_READY
            and not process.is_ready.is_set()
        ]
        if any(process in servers for process in dying) or (
            dying and all(server.is_ready.is_set() for server in servers)
        ):
            raise self._not_ready(dying)

    def _not_ready(self, processes: list[Supervised]) -> NotReady:
        tails = {process.spec.name: tail(process.log) for process in processes}
        return NotReady([process.state() for process in processes], tails)

    def hurry(self) -> None:
        """Makes :meth:`stop` use SIGKILL at once."""
        for process in self._all:
            process.hurry()

    async def stop(self) -> None:
        """Ends everything, higher stages first, and returns when every process is gone."""
        for stage in sorted({process.spec.stage for process in self._all}, reverse=True):
            group = [process for process in self._all if process.spec.stage == stage]
            await asyncio.gather(*(process.stop() for process in group))


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """The last lines of a log, each moved in by two, under its path."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join([f"  {log}:", *(f"  | {line}" for line in text.splitlines()[-lines:])])
