"""Runs beside other runs, and beside what they would have done: calls of the client's history."""

from __future__ import annotations

import msgspec

from millstream.client.models import Run, RunRef, run_from, run_state_name, task_state_name
from millstream.client.modes import Calls, M, call
from millstream.core.spec import DagSpec
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import history_pb2


class InputDifference(msgspec.Struct, frozen=True, kw_only=True):
    """What two runs were made with, or how a task is defined, where it is not the same."""

    name: str
    one: str
    other: str


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """Where a task instance did another thing: ``kind`` is outcome, result (the same ends, other
    values), missing or extra. A position is 0 where there is no event; ``is_first``: no task above
    it diverges."""

    task_id: str
    map_index: tuple[int, ...]
    kind: str
    one: str
    other: str
    one_position: int
    other_position: int
    is_first: bool


class DurationChange(msgspec.Struct, frozen=True, kw_only=True):
    """A task instance that took much longer in one of the runs."""

    task_id: str
    map_index: tuple[int, ...]
    one_s: float
    other_s: float


class RunDiff(msgspec.Struct, frozen=True, kw_only=True):
    """``divergences``: the first thousand of ``divergence_count``, those first that have none above
    them; ``first_outcome``: the first one if values and messages do not count."""

    one: Run
    other: Run
    inputs: tuple[InputDifference, ...]
    tasks: tuple[InputDifference, ...]
    divergences: tuple[Divergence, ...]
    divergence_count: int
    first_outcome: Divergence | None
    durations: tuple[DurationChange, ...]

    @property
    def first(self) -> Divergence | None:
        """The first divergence of all."""
        return self.divergences[0] if self.divergences else None


class WhatIfTask(msgspec.Struct, frozen=True, kw_only=True):
    """How a task instance ended, and how it would have: ``kind`` is same, changed, new (the run had
    it not) or gone. A state is "" where it is not there; ``is_assumed``: the run does not say how
    it ends, so a success without a result is assumed."""

    task_id: str
    map_index: tuple[int, ...]
    kind: str
    recorded: str
    expected: str
    recorded_order: int
    expected_order: int
    is_assumed: bool


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """What a run would have done with another version of its DAG. ``tasks``: the first thousand,
    the ``different`` ones first; seconds from the beginning of the run to its end."""

    run: Run
    expected: str
    reason: str
    recorded_s: float
    expected_s: float
    changes: tuple[InputDifference, ...]
    tasks: tuple[WhatIfTask, ...]
    different: int
    assumed: int


class Comparisons(Calls[M]):
    """Part of the history."""

    @call
    async def diff(
        self, one: RunRef | str, other: RunRef | str, *, dag_id: str = "", other_dag_id: str = ""
    ) -> RunDiff:
        """Where two runs part. Raises :class:`NotFound`."""
        left, right = self._ref(one, dag_id), self._ref(other, other_dag_id)
        request = history_pb2.DiffRunsRequest(
            namespace=left.namespace,
            dag_id=left.dag_id,
            run_id=left.run_id,
            other_dag_id=right.dag_id,
            other_run_id=right.run_id,
            min_position=max(left.position, right.position),
        )
        answer = await self._ask(request)
        has_outcome = answer.HasField("first_outcome")
        return RunDiff(
            one=run_from(answer.one, 0),
            other=run_from(answer.other, 0),
            inputs=tuple(map(_input_from, answer.inputs)),
            tasks=tuple(map(_input_from, answer.tasks)),
            divergences=tuple(map(_divergence_from, answer.divergences)),
            divergence_count=answer.divergence_count,
            first_outcome=_divergence_from(answer.first_outcome) if has_outcome else None,
            durations=tuple(
                DurationChange(
                    task_id=one.task_id,
                    map_index=tuple(one.map_index),
                    one_s=one.one_seconds,
                    other_s=one.other_seconds,
                )
                for one in answer.durations
            ),
        )

    @call
    async def whatif(
        self,
        run: RunRef | str,
        spec: DagSpec | None = None,
        *,
        version: int = 0,
        dag_id: str = "",
    ) -> WhatIf:
        """What a run would have done with another version of its DAG: ``spec``, or a version that
        is registered (0: the newest). Its recorded outcomes are played against that version;
        nothing runs, and nothing is written. Raises :class:`InvalidDag`."""
        ref = self._ref(run, dag_id)
        request = history_pb2.WhatIfRequest(
            namespace=ref.namespace,
            dag_id=ref.dag_id,
            run_id=ref.run_id,
            spec=None if spec is None else spec_to_proto(spec),
            dag_version=version,
            min_position=ref.position,
        )
        answer = await self._ask(request)
        return WhatIf(
            run=run_from(answer.run, 0),
            expected=run_state_name(answer.expected),
            reason=answer.reason,
            recorded_s=answer.recorded_seconds,
            expected_s=answer.expected_seconds,
            changes=tuple(map(_input_from, answer.changes)),
            tasks=tuple(map(_whatif_task_from, answer.tasks)),
            different=answer.different,
            assumed=answer.assumed,
        )


def _task_state_name(state: int) -> str:
    name = task_state_name(state)
    return "" if name == "unspecified" else name


def _whatif_task_from(one: history_pb2.WhatIfTask) -> WhatIfTask:
    kind = history_pb2.WhatIfKind.Name(one.kind)
    return WhatIfTask(
        task_id=one.task_id,
        map_index=tuple(one.map_index),
        kind=kind.removeprefix("WHAT_IF_KIND_").lower(),
        recorded=_task_state_name(one.recorded),
        expected=_task_state_name(one.expected),
        recorded_order=one.recorded_order,
        expected_order=one.expected_order,
        is_assumed=one.is_assumed,
    )


def _input_from(one: history_pb2.InputDifference) -> InputDifference:
    return InputDifference(name=one.name, one=one.one, other=one.other)


def _divergence_from(one: history_pb2.Divergence) -> Divergence:
    kind = history_pb2.DivergenceKind.Name(one.kind)
    return Divergence(
        task_id=one.task_id,
        map_index=tuple(one.map_index),
        kind=kind.removeprefix("DIVERGENCE_KIND_").lower(),
        one=one.one,
        other=one.other,
        one_position=one.one_position,
        other_position=one.other_position,
        is_first=one.is_first,
    )
