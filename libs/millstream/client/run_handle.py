"""A run that can be asked: what ``client.trigger`` and ``client.run`` return."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Collection
from typing import TYPE_CHECKING, Any, Self

from millstream.client.models import Event, Run, RunRef, TaskInstance
from millstream.client.modes import M, Speaks, call, listing

if TYPE_CHECKING:
    from millstream.client.channel import Channel
    from millstream.client.runs import RunCalls


class RunHandle(RunRef, Speaks[M], frozen=True, kw_only=True, dict=True):
    """A run and the client that knows it.

    ``for event in run.watch(): ...`` follows it, ``run.result()`` waits for what it returns; of an
    ``AsyncClient`` these are awaited. What it reads is never older than what it has seen.
    """

    @classmethod
    def made(cls, runs: RunCalls[Any], **fields: Any) -> Self:
        """By the client."""
        handle = cls(**fields)
        handle.__dict__["_runs"] = runs
        handle.__dict__["_seen"] = handle.position
        return handle

    @property
    def _channel(self) -> Channel:  # type: ignore[override]
        return self._runs._channel

    @property
    def _runs(self) -> RunCalls[M]:
        runs: RunCalls[M] = self.__dict__["_runs"]
        return runs

    @listing
    async def watch(
        self,
        *,
        from_position: int = 0,
        types: Collection[str] = (),
        timeout_s: float | None = None,
    ) -> AsyncIterator[Event]:
        """The events of the run as they are committed, from its first on, or those of some
        ``types``; ends after the run's last one.

        A lost connection is made again and nothing is missed or repeated. Raises
        :class:`WaitTimeout`.
        """
        events = self._runs._watch(self.ref(), from_position, types, timeout_s)
        async with contextlib.aclosing(events):
            async for event in events:
                self._saw(event.position)
                yield event

    @call
    async def wait(self, *, timeout_s: float | None = None) -> Run:
        """The run when it is over, be it a success or a failure. Raises :class:`WaitTimeout`."""
        return await self._wait(timeout_s)

    @call
    async def result(self, *, timeout_s: float | None = None) -> Any:
        """What the run's result task returned, when the run is over.

        Raises :class:`RunFailed` for a run that failed, :class:`NotFound` where no task of the DAG
        returns its result, and :class:`WaitTimeout`.
        """
        return await self._runs._result(await self._wait(timeout_s))

    @call
    async def get(self) -> Run:
        """The run as it is now. Raises :class:`NotFound`."""
        return await self._runs._get_run(self.ref())

    @call
    async def tasks(self) -> list[TaskInstance]:
        """Every task of the run, in the order of its DAG."""
        return await self._runs._tasks(self.ref())

    @call
    async def xcom(
        self, task_id: str, key: str = "return_value", *, map_index: tuple[int, ...] = ()
    ) -> Any:
        """The value that a task handed on, as :meth:`Client.xcom` gives it. Raises
        :class:`NotFound`."""
        return await self._runs._value(self.ref(), task_id, key, map_index)

    @call
    async def cancel(self, *, note: str = "", request_id: str | None = None) -> int:
        """End it as failed: what runs is stopped, what has not begun is skipped, teardowns run.
        Returns the position at which that is in the log."""
        position = await self._runs._mark_run(self.ref(), "failed", note, request_id)
        self._saw(position)
        return position

    async def _wait(self, timeout_s: float | None) -> Run:
        done = await self._runs._wait(self.ref(), timeout_s)
        self._saw(done.position)
        return done

    def _saw(self, position: int) -> None:
        self.__dict__["_seen"] = max(self.__dict__["_seen"], position)

    def ref(self) -> RunRef:
        """Its name, with the position of the last that was seen of it."""
        return RunRef(
            namespace=self.namespace,
            dag_id=self.dag_id,
            run_id=self.run_id,
            position=self.__dict__["_seen"],
        )


class Triggered(RunHandle[M], frozen=True, kw_only=True):
    """A run that was requested. ``unpaused``: its DAG was paused and goes on."""

    unpaused: bool = False
