"""The names of lanes, and which of them a shard needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.core.errors import InvalidArgument
from millstream.core.lanes import lane_name, lanes_of, parse_lane
from millstream.core.task_events import TaskReady
from shard import Shard, dag, fold, task

QUEUES = st.from_regex(r"[A-Za-z0-9_-]{1,20}", fullmatch=True)
RESOURCES = st.dictionaries(
    st.from_regex(r"[a-z][a-z0-9_]{0,9}", fullmatch=True), st.integers(1, 10**9), max_size=4
)


def test_names() -> None:
    assert lane_name("gpus", {}) == "gpus"
    assert lane_name("gpus", {"gpu": 1, "cpu": 2}) == "gpus=cpu-2=gpu-1"
    assert lane_name("default", {"async": 1}) == "default=async-1"


@given(QUEUES, RESOURCES)
def test_a_name_says_all(queue: str, resources: dict[str, int]) -> None:
    assert parse_lane(lane_name(queue, resources)) == (queue, resources)


@pytest.mark.parametrize(
    "lane", ["", "=gpu-1", "q=gpu", "q=gpu-0", "q=gpu-01", "q=GPU-1", "q=gpu-1=cpu-1", "q="]
)
def test_no_lane(lane: str) -> None:
    with pytest.raises(InvalidArgument):
        parse_lane(lane)


def test_a_ready_event_tells_what_its_task_asks_for() -> None:
    shard = Shard()
    events = shard.begin(dag(task("a", resources={"gpu": 1}), task("b")))
    ready = [event.data for event in events if isinstance(event.data, TaskReady)]
    assert [data.resources for data in ready] == [{"gpu": 1}, {}]


def test_the_lanes_of_a_dag_are_those_of_its_tasks_and_the_plain_one_of_each_queue() -> None:
    spec = dag(
        task("a", queue="gpus", resources={"gpu": 1}),
        task("b", queue="gpus", resources={"gpu": 1}),
        task("c"),
    )
    assert list(lanes_of(spec)) == ["gpus", "gpus=gpu-1", "default"]


def test_a_shard_needs_the_lanes_of_the_latest_versions_and_of_live_runs() -> None:
    shard = Shard()
    shard.begin(dag(task("a", resources={"memory": 1000})))
    shard.submit(dag(task("a", resources={"memory": 2000})))
    both = {"default", "default=memory-1000", "default=memory-2000"}
    assert shard.state.lanes() == fold(shard.log).lanes() == both
    shard.succeed("a")
    assert shard.state.lanes() == fold(shard.log).lanes() == {"default", "default=memory-2000"}
