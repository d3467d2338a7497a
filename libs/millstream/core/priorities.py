"""How urgent a task is among those that wait for the same slots. Source: Airflow 3.3,
``task/priority_strategy.py`` and ``models/taskinstance.py``."""

from __future__ import annotations

from collections.abc import Sequence

from millstream.core.spec import TaskSpec, WeightRule

LEAST, MOST = -(2**31), 2**31 - 1

_Edges = Sequence[Sequence[int]]


def effective_priorities(
    tasks: Sequence[TaskSpec], upstream: _Edges, downstream: _Edges
) -> tuple[int, ...]:
    """The priority of each task: its own weight, and by its rule that of all tasks downstream or
    upstream of it, each once; within 32 bits."""
    sums = {
        WeightRule.DOWNSTREAM: _Sums(tasks, downstream, upstream),
        WeightRule.UPSTREAM: _Sums(tasks, upstream, downstream),
        WeightRule.ABSOLUTE: None,
    }
    priorities = []
    for number, task in enumerate(tasks):
        beyond = sums[task.weight_rule]
        weight = task.priority_weight + (beyond(number) if beyond is not None else 0)
        priorities.append(min(max(weight, LEAST), MOST))
    return tuple(priorities)


class _Sums:
    """The sum of the weights of all that can be reached from a task along some edges.

    A set of tasks is one whole number with a bit for each, so that a DAG of ten thousand tasks in
    a row costs a fraction of a second. Weights are added up a binary digit at a time.
    """

    def __init__(self, tasks: Sequence[TaskSpec], edges: _Edges, back: _Edges) -> None:
        self._tasks, self._edges, self._back = tasks, edges, back
        self._reached: list[int] | None = None
        self._digits: list[tuple[int, int]] = []

    def __call__(self, number: int) -> int:
        if self._reached is None:
            self._reached = self._reach()
            self._digits = list(self._masks())
        reached = self._reached[number]
        return sum(value * (reached & mask).bit_count() for value, mask in self._digits)

    def _reach(self) -> list[int]:
        reached = [0] * len(self._tasks)
        waits = [len(after) for after in self._edges]
        done = [number for number, count in enumerate(waits) if not count]
        for number in done:
            for after in self._edges[number]:
                reached[number] |= reached[after] | 1 << after
            for before in self._back[number]:
                waits[before] -= 1
                if not waits[before]:
                    done.append(before)
        return reached

    def _masks(self) -> list[tuple[int, int]]:
        masks: dict[int, int] = {}
        for number, task in enumerate(self._tasks):
            weight = task.priority_weight
            sign = -1 if weight < 0 else 1
            for digit in range(abs(weight).bit_length()):
                if abs(weight) >> digit & 1:
                    value = sign << digit
                    masks[value] = masks.get(value, 0) | 1 << number
        return list(masks.items())
