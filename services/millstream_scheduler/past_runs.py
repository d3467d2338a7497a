"""Runs that are over, brought back from the log for the commands that are about them.

A large run takes seconds to fold, so it is done beside the writer's work: the command waits, and
nothing else does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from millstream.adapters.event_log import EventLog
from millstream.core.errors import Unavailable
from millstream.core.recall import Recall
from millstream.core.state import Run, RunKey, State
from millstream.core.wire import to_event

log = structlog.get_logger(__name__)

# A run, and the position up to which it is wanted; 0: as it was left.
PastKey = tuple[RunKey, int]

RETRY_AFTER_S = 0.2
BATCH = 500
# So many are folded at a time; each holds its run and reads from one connection.
MOST_AT_ONCE = 4


class PastRuns:
    """``fetch`` a run, ``take`` it once it is there."""

    def __init__(self, event_log: EventLog, state: State) -> None:
        self._log = event_log
        self._state = state
        self._known: dict[PastKey, Run | None] = {}
        self._waiting: dict[PastKey, list[Callable[[], None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._turn = asyncio.Semaphore(MOST_AT_ONCE)

    @property
    def waiting(self) -> int:
        """How many commands wait here."""
        return sum(map(len, self._waiting.values()))

    def has(self, key: RunKey, until: int = 0) -> bool:
        """Is it known how the run stood, or that there is none such?"""
        return (key, until) in self._known

    def take(self, key: RunKey, until: int = 0) -> Run | None:
        """The run. What is decided about it now makes what is known here old."""
        return self._known.pop((key, until), None)

    def fetch(self, key: RunKey, then: Callable[[], None], until: int = 0) -> None:
        """Find out about a run of which every event (up to ``until``) is in the log; ``then`` is
        called after."""
        waiting = self._waiting.setdefault((key, until), [])
        waiting.append(then)
        if len(waiting) == 1:
            task = asyncio.ensure_future(self._fetch((key, until)))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _fetch(self, key: PastKey) -> None:
        run = None
        try:
            async with self._turn:
                run = await self._fold(*key)
        except Exception:  # else the command would wait for ever
            log.exception("recall_failed", run_id=key[0][2])
        self._known[key] = run
        for then in self._waiting.pop(key):
            then()

    async def _fold(self, key: RunKey, until: int) -> Run | None:
        namespace, dag_id, run_id = key
        recall = Recall(self._state, key)
        position = 1
        while True:
            try:
                batch = await self._log.read(
                    position,
                    BATCH,
                    namespace=namespace,
                    dag_id=dag_id,
                    run_id=run_id,
                    last=until or None,
                )
            except Unavailable as error:
                log.warning("recall_waits", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)
                continue
            for stored in batch:
                recall.fold(to_event(stored.record))
            if len(batch) < BATCH:
                return recall.run
            position = batch[-1].record.position + 1
