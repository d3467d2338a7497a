"""The XComs of one run in memory: found by instance, and in the order of paths below a prefix."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from millstream.core.xcoms import MapIndex, Place, XComQuery
from millstream.projection.rows import XComRow

_Rows = dict[str, XComRow]


class KeptXComs:
    """Rows by task, path and key. The paths of mapped tasks are kept sorted, so that what lies
    below one element of an outer level is found without looking at the others."""

    __slots__ = ("_paths", "_rows")

    def __init__(self) -> None:
        self._rows: dict[str, dict[MapIndex, _Rows]] = {}
        self._paths: dict[str, list[MapIndex]] = {}

    def put(self, row: XComRow) -> None:
        by_path = self._rows.setdefault(row.task_id, {})
        rows = by_path.get(row.map_index)
        if rows is None:
            rows = by_path[row.map_index] = {}
            if row.map_index:
                insort(self._paths.setdefault(row.task_id, []), row.map_index)
        rows[row.key] = row

    def pop(self, task_id: str, map_index: MapIndex) -> Iterable[XComRow]:
        """Forget what an instance handed on, and return it."""
        rows = self._rows.get(task_id, {}).pop(map_index, None)
        if rows is None:
            return ()
        if map_index:
            paths = self._paths[task_id]
            del paths[bisect_left(paths, map_index)]
        return rows.values()

    def of(self, task_id: str, map_index: MapIndex) -> Iterable[XComRow]:
        """What an instance handed on."""
        return self._rows.get(task_id, {}).get(map_index, {}).values()

    def find(
        self, queries: tuple[XComQuery, ...], after: Place | None
    ) -> Iterator[tuple[int, XComRow]]:
        """By query and path, beginning after ``after``."""
        first = after.query if after else 0
        for number, query in enumerate(queries[first:], first):
            begin = after.map_index if after and number == first else None
            for path in self._paths_of(query, begin):
                row = self._rows.get(query.task_id, {}).get(path, {}).get(query.key)
                if row is not None:
                    yield number, row

    def _paths_of(self, query: XComQuery, after: MapIndex | None) -> Iterable[MapIndex]:
        prefix = query.map_index
        if not query.under:
            return (prefix,) if after is None else ()
        paths = self._paths.get(query.task_id)
        if paths is None:
            return (prefix,) if after is None else ()
        begin = bisect_left(paths, prefix) if after is None else bisect_right(paths, after)
        end = bisect_left(paths, (*prefix[:-1], prefix[-1] + 1)) if prefix else len(paths)
        return paths[begin:end]
