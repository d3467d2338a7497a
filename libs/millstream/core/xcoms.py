"""How XComs are asked for: plain data that tasks, workers and the projector share.

A query names one instance of a task by its path of map indices, or all instances whose path begins
with a prefix: those of an unmapped task are the one with the path ().
"""

from __future__ import annotations

import msgspec

from millstream.core.event_parts import XCom

RETURN_VALUE = "return_value"
MapIndex = tuple[int, ...]


class XComQuery(msgspec.Struct, frozen=True, omit_defaults=True):
    """The value under ``key`` of the instance at ``map_index``; with ``under`` the values of all
    instances whose path begins with ``map_index``, in the order of their paths."""

    task_id: str
    key: str = RETURN_VALUE
    map_index: MapIndex = ()
    under: bool = False


class Place(msgspec.Struct, frozen=True):
    """Where an answer stopped: at this instance of the query of this number."""

    query: int
    map_index: MapIndex


class XComPull(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a running task asks for, in one go.

    ``dag_id`` and ``run_id`` are empty for the task's own. ``include_prior_dates``: each query is
    answered from the newest run of that DAG that has a value for it and is not later than the run
    that is named. ``after``: what came up to there is known already.
    """

    queries: tuple[XComQuery, ...]
    dag_id: str = ""
    run_id: str = ""
    include_prior_dates: bool = False
    after: Place | None = None


class FoundXCom(msgspec.Struct, frozen=True):
    """A value for the query of this number."""

    query: int
    map_index: MapIndex
    xcom: XCom


class XComAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """By query and path; what has no value is missing. ``after`` is set where not all did fit: ask
    again from there. ``position``: as of which it is, 0 where that is not said."""

    found: tuple[FoundXCom, ...] = ()
    after: Place | None = None
    position: int = 0
