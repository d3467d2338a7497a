from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from bench.hops import hops_of
from millstream.client import Event

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def ended(run_id: str, ms: float) -> Event:
    at = (NOW + timedelta(milliseconds=ms)).isoformat()
    return Event(
        position=1,
        epoch=1,
        type="TaskSucceeded",
        namespace="n",
        dag_id="d",
        run_id=run_id,
        task_id="t",
        map_index=(),
        attempt=1,
        actor="worker/w",
        causation="",
        recorded_at=NOW,
        data_json=json.dumps({"ended_at": at}),
        digest="",
    )


def test_a_hop_is_from_one_end_to_the_next_of_the_same_run() -> None:
    events = [ended("a", 0), ended("b", 1), ended("a", 2.5), ended("b", 5), ended("a", 4)]
    assert sorted(hops_of(events)) == pytest.approx([1.5, 2.5, 4.0])
