"""Which consumers the scheduler makes, makes again and removes."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from millstream.core.state import State
from millstream_scheduler.lanes import Lanes
from shard import Shard, dag, task


class Nats:
    """The consumers of one stream. ``waits``: those in which something waits."""

    def __init__(self, *names: str) -> None:
        self.consumers = dict.fromkeys(names, "")
        self.waits: set[str] = set()
        self.said: list[list[str]] = []

    async def jetstream(self, api: str, body: Any = None) -> dict[str, Any]:
        what, name = api.split(".")[1], api.rpartition(".")[2]
        match what:
            case "DURABLE":
                self.consumers[name] = body["config"]["filter_subject"]
                return {}
            case "NAMES":
                offset = body["offset"]
                page = sorted(self.consumers)[offset : offset + 2]
                return {"total": len(self.consumers), "consumers": page}
            case "INFO":
                return {"num_pending": int(name in self.waits), "num_ack_pending": 0}
            case "DELETE":
                del self.consumers[name]
                return {}
        raise AssertionError(api)

    def send(self, subject: str, payload: bytes) -> None:
        assert subject == "ms.lane.0"
        self.said.append(msgspec.json.decode(payload))


def lanes(nats: Nats, state: State) -> Lanes:
    bus: Any = nats
    return Lanes(bus, 0, state)


def shard_with(**resources: int) -> Shard:
    shard = Shard()
    shard.submit(dag(task("a", queue="gpus", resources=resources)))
    return shard


PLAIN = ["trigger-default", "trigger-gpus", "worker-default", "worker-gpus"]


@pytest.mark.asyncio
async def test_who_starts_makes_all_that_may_be_needed_and_says_so() -> None:
    nats = Nats()
    await lanes(nats, shard_with(gpu=1).state).recover()
    assert sorted(nats.consumers) == [*PLAIN, "worker-gpus=gpu-1"]
    assert nats.consumers["worker-gpus=gpu-1"] == "ms.ev.0.TaskReady.gpus=gpu-1"
    assert nats.consumers["trigger-gpus"] == "ms.ev.0.TriggerReady.gpus"
    assert nats.said == [["gpus=gpu-1"]]


@pytest.mark.asyncio
async def test_what_no_dag_names_any_more_is_removed_unless_something_waits_in_it() -> None:
    nats = Nats("worker-gpus=gpu-2", "worker-gpus=gpu-3", "worker-old", "scheduler-0")
    nats.waits = {"worker-gpus=gpu-3"}
    await lanes(nats, shard_with(gpu=1).state).recover()
    assert "worker-gpus=gpu-2" not in nats.consumers
    assert {"worker-gpus=gpu-3", "worker-gpus=gpu-1", "worker-old", "scheduler-0"} <= {
        *nats.consumers
    }


@pytest.mark.asyncio
async def test_a_consumer_that_somebody_deleted_is_made_again() -> None:
    nats = Nats()
    ours = lanes(nats, shard_with(gpu=1).state)
    await ours.recover()
    for name in ("worker-gpus=gpu-1", "trigger-gpus"):
        del nats.consumers[name]
    await ours.check()
    assert sorted(nats.consumers) == [*PLAIN, "worker-gpus=gpu-1"]
    assert nats.said[1:] == [["gpus=gpu-1"]]


@pytest.mark.asyncio
async def test_a_ready_event_brings_a_lane_that_has_no_consumer() -> None:
    nats = Nats()
    ours = lanes(nats, shard_with(gpu=1).state)
    await ours.recover()
    missing = []
    for lane in ("gpus=gpu-1", "gpus=gpu-7"):
        ours.note(lane)
        missing.append(ours.is_any_missing)
    await ours.make()
    missing.append(ours.is_any_missing)
    assert missing == [False, True, False]
    assert "worker-gpus=gpu-7" in nats.consumers
