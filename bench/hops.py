"""Hops: from the end of one task of a chain to the end of the next, as the log says."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise

import msgspec

from bench.quantiles import quantile
from millstream.client import Client, Event


class Hops(msgspec.Struct, frozen=True):
    """Milliseconds."""

    p50: float
    p99: float
    count: int


def hops_since(client: Client, dag_id: str, position: int) -> Hops:
    """Of all runs of a DAG whose tasks are in a row, from a position of the log on."""
    events = client.events(dag_id=dag_id, from_position=position, types=("TaskSucceeded",))
    ms = hops_of(events)
    return Hops(quantile(ms, 0.5), quantile(ms, 0.99), len(ms))


def hops_of(events: Iterable[Event]) -> list[float]:
    """Milliseconds of each, of the ends of tasks in the order of the log."""
    ends: dict[str, list[datetime]] = {}
    for event in events:
        ends.setdefault(event.run_id, []).append(datetime.fromisoformat(event.data["ended_at"]))
    return [
        (after - before).total_seconds() * 1e3
        for of_run in ends.values()
        for before, after in pairwise(of_run)
    ]
