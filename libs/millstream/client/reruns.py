"""New runs out of old ones: calls of the client's history."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from millstream.client.control import selectors
from millstream.client.models import Run, RunRef, run_from
from millstream.client.modes import Calls, M, call
from millstream.client.moments import At, moment_to_proto
from millstream.rpc.convert import struct_from
from millstream.rpc.v1 import history_pb2


class Rerun(RunRef, frozen=True, kw_only=True):
    """A run that was made from another one, with how many results of that one."""

    taken_over: int = 0


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """The runs that a run was made from, the nearest first, and those that were made from it."""

    run: Run
    ancestors: tuple[Run, ...]
    reruns: tuple[Run, ...]


class Reruns(Calls[M]):
    """Part of the history."""

    @call
    async def rerun(
        self,
        run: RunRef | str,
        tasks: Iterable[str] = (),
        *,
        at: At = None,
        dag_id: str = "",
        conf: Mapping[str, Any] | None = None,
        version: int = 0,
        latest_version: bool = False,
        run_id: str = "",
        note: str = "",
        request_id: str | None = None,
    ) -> Rerun:
        """Make a new run from one that there is: what succeeded in that one stands, by reference,
        unless it is downstream of what runs again.

        What runs again is what did not succeed; with ``tasks`` (task ids, group ids or ``TASK[0]``)
        these as well; with ``at``, a position or an instant, what had not ended then. ``conf`` and
        the version are those of the run unless given.
        """
        ref = self._ref(run, dag_id)
        selected = selectors(tasks)
        start = history_pb2.RERUN_START_FAILED
        if at is not None:
            start = history_pb2.RERUN_START_EVENT
        elif selected:
            start = history_pb2.RERUN_START_TASKS
        request = history_pb2.RerunRunRequest(
            request_id=request_id or uuid.uuid4().hex,
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            new_run_id=run_id,
            start=start,
            tasks=selected,
            at=moment_to_proto(at),
            conf=None if conf is None else struct_from(conf, "conf"),
            dag_version=version,
            latest_version=latest_version,
            note=note,
            min_position=ref.position,
        )
        answer = await self._ask(request)
        return Rerun(
            namespace=ref.namespace,
            dag_id=answer.dag_id,
            run_id=answer.run_id,
            position=answer.position,
            taken_over=answer.taken_over,
        )

    @call
    async def lineage(self, run: RunRef | str, *, dag_id: str = "") -> Lineage:
        """Where a run comes from, and what came of it. Raises :class:`NotFound`."""
        ref = self._ref(run, dag_id)
        request = history_pb2.GetLineageRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            min_position=ref.position,
        )
        answer = await self._ask(request)
        return Lineage(
            run=run_from(answer.run, 0),
            ancestors=tuple(run_from(one, 0) for one in answer.ancestors),
            reruns=tuple(run_from(one, 0) for one in answer.reruns),
        )
