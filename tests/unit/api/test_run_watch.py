"""Who waits for a run gets its own events, each once, and the run with the last of them."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from millstream.adapters.event_log import EventLog, Stored
from millstream.core.errors import NotFound, Unavailable
from millstream.core.event_parts import Rerun, Where
from millstream.core.events import (
    Data,
    Event,
    ResultsTakenOver,
    RunCreated,
    RunFailed,
    RunMarked,
    RunReopened,
    RunStarted,
    RunSucceeded,
)
from millstream.core.statuses import RUN_ENDS
from millstream.core.wire import Record, canonical_bytes, published_bytes, to_record
from millstream.rpc.v1 import runs_pb2
from millstream_api.hub import Hub, Scope
from millstream_api.progress import Progress
from millstream_api.recent_runs import OF_RUNS
from millstream_api.run_watch import watch_run
from millstream_api.runs import RunService
from millstream_api.snapshot import Snapshots
from unit.api.local_hub import LocalHub

DIGEST = bytes(32)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
SCOPE = Scope("default", "etl", "r1")
CREATED = RunCreated(
    version=3, run_type="manual", triggered_by="rpc", run_after=NOW, conf={"n": 1}, note="so"
)
FAILED = RunFailed(failed_leaves=("t",))


def record(position: int, data: Data, run_id: str = "r1") -> Record:
    at = NOW + timedelta(seconds=position)
    where = Where("default", "etl", run_id, "", (), 0)
    return to_record(Event(position, 1, where, data, "api/1", "c", at))


class Log:
    """A log in memory; every read takes a turn of the loop, as Postgres does."""

    def __init__(self, *events: Data) -> None:
        self.records = [record(number, data) for number, data in enumerate(events, start=1)]
        self.reads = 0

    def add(self, data: Data, run_id: str = "r1") -> int:
        self.records.append(record(len(self.records) + 1, data, run_id))
        return len(self.records)

    async def read_run(self, namespace: str, dag_id: str, run_id: str) -> list[Stored]:
        self.reads += 1
        found = [Stored(one, DIGEST) for one in self.records if one.run_id == run_id]
        await asyncio.sleep(0)
        return found


def relay(hub: LocalHub, log: Log, position: int) -> None:
    hub.relay(position, published_bytes(canonical_bytes(log.records[position - 1]), DIGEST))


async def watched(
    log: Log, hub: Hub | None = None, first: int = 0, wanted: frozenset[str] = RUN_ENDS
) -> list[runs_pb2.WatchRunResponse]:
    answers = watch_run(hub or LocalHub(), cast(EventLog, log), SCOPE, first, wanted)
    return [answer async for answer in answers]


def seen(answers: list[runs_pb2.WatchRunResponse]) -> list[tuple[int, str, bool]]:
    return [(one.event.position, one.event.type, one.HasField("run")) for one in answers]


@pytest.mark.asyncio
async def test_a_run_that_is_over_is_told_at_once() -> None:
    log = Log(CREATED, RunStarted(), RunSucceeded())
    (answer,) = await watched(log)
    assert seen([answer]) == [(3, "RunSucceeded", True)]
    assert log.reads == 1
    run = answer.run
    assert (run.namespace, run.dag_id, run.run_id, run.dag_version) == ("default", "etl", "r1", 3)
    assert (run.state, run.note, run.created_position) == (runs_pb2.RUN_STATE_SUCCESS, "so", 1)
    assert dict(run.conf) == {"n": 1}
    times = [run.created_at, run.started_at, run.ended_at]
    assert [time.ToDatetime(UTC) - NOW for time in times] == [
        timedelta(seconds=n) for n in (1, 2, 3)
    ]


@pytest.mark.asyncio
async def test_who_waits_for_what_was_just_made_asks_no_postgres() -> None:
    log, hub = Log(CREATED, RunStarted()), LocalHub()
    relay(hub, log, 1)
    relay(hub, log, 2)
    waiting = asyncio.create_task(watched(log, hub, wanted=OF_RUNS))
    for _ in range(5):
        await asyncio.sleep(0)
    relay(hub, log, log.add(RunSucceeded()))
    assert seen(await waiting) == [
        (1, "RunCreated", False),
        (2, "RunStarted", False),
        (3, "RunSucceeded", True),
    ]
    assert seen(await watched(log, hub)) == [(3, "RunSucceeded", True)]
    assert log.reads == 0


@pytest.mark.asyncio
async def test_what_was_not_heard_as_a_whole_is_read() -> None:
    log, hub = Log(CREATED, RunStarted(), RunSucceeded()), LocalHub()
    relay(hub, log, 1)
    relay(hub, log, 3)
    assert seen(await watched(log, hub)) == [(3, "RunSucceeded", True)]
    assert log.reads == 1
    late, hub = Log(CREATED, RunStarted(), RunSucceeded()), LocalHub()
    hub._fanout.position = 1
    for position in (2, 3):
        relay(hub, late, position)
    assert seen(await watched(late, hub)) == [(3, "RunSucceeded", True)]
    assert late.reads == 1


@pytest.mark.asyncio
async def test_who_has_waited_for_long_looks_into_postgres(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("millstream_api.run_watch.LOOK_AGAIN_S", 0.01)
    log, hub = Log(CREATED), LocalHub()
    relay(hub, log, 1)
    waiting = asyncio.create_task(watched(log, hub))
    await asyncio.sleep(0)
    log.add(RunSucceeded())  # of which the stream says nothing
    assert seen(await waiting) == [(2, "RunSucceeded", True)]
    assert log.reads == 1


@pytest.mark.asyncio
async def test_why_it_failed() -> None:
    (by_itself,) = await watched(Log(CREATED, RunStarted(), FAILED))
    assert (by_itself.run.state, by_itself.run.reason) == (
        runs_pb2.RUN_STATE_FAILED,
        "failed tasks: t",
    )
    marked = Log(CREATED, RunMarked(state="failed", reason="by hand"), RunFailed(reason="by hand"))
    (by_hand,) = await watched(marked)
    assert by_hand.run.reason == "by hand"


@pytest.mark.asyncio
async def test_one_that_took_over_results() -> None:
    """From a run that is not read here."""
    origin = Rerun(run_id="r0", position=9, start="failed")
    created = msgspec.structs.replace(CREATED, rerun=origin)
    log = Log(created, ResultsTakenOver(tasks=()), RunStarted(), RunSucceeded())
    (answer,) = await watched(log)
    assert (answer.run.rerun_of, answer.run.rerun_position) == ("r0", 9)


@pytest.mark.asyncio
async def test_an_end_that_was_taken_back_is_no_end() -> None:
    reopened = RunReopened(version=4, created=CREATED)
    log = Log(CREATED, RunStarted(), FAILED, reopened, RunStarted(), RunSucceeded())
    answers = await watched(log)
    assert seen(answers) == [(3, "RunFailed", False), (6, "RunSucceeded", True)]
    assert answers[-1].run.dag_version == 4
    assert seen(await watched(log, first=4)) == [(6, "RunSucceeded", True)]
    assert seen(await watched(log, first=7)) == []


@pytest.mark.asyncio
async def test_the_run_comes_with_its_last_event_alone() -> None:
    log = Log(CREATED, RunStarted(), RunSucceeded())
    assert seen(await watched(log, wanted=OF_RUNS)) == [
        (1, "RunCreated", False),
        (2, "RunStarted", False),
        (3, "RunSucceeded", True),
    ]
    assert seen(await watched(log, wanted=frozenset({"RunStarted"}))) == [(2, "RunStarted", False)]


@pytest.mark.asyncio
async def test_one_that_is_not_there() -> None:
    with pytest.raises(NotFound, match="'r1' does not exist"):
        await watched(Log())


@pytest.mark.asyncio
async def test_a_stopping_server_says_so() -> None:
    hub = LocalHub()
    waiting = asyncio.create_task(watched(Log(CREATED), hub))
    for _ in range(10):
        await asyncio.sleep(0)
    hub.stop()
    with pytest.raises(Unavailable, match="stops"):
        await waiting
    assert not hub.is_watched


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.asyncio
async def test_each_event_once_whatever_the_stream_does(seed: int) -> None:
    """Commits, relays, repeats and gaps at random, with queues that overflow."""
    rng = random.Random(seed)
    log, hub = Log(CREATED), LocalHub()
    hub.most = rng.choice([1, 2, 50])
    history: list[Data] = [RunStarted()]
    for _ in range(rng.randrange(3)):
        history += [FAILED, RunReopened(version=1, created=CREATED), RunStarted()]
    history.append(RunSucceeded())

    async def run_scheduler() -> None:
        upcoming, relayed = iter(history), 0
        while relayed < len(log.records) or len(log.records) < 60:
            for _ in range(rng.randrange(3)):
                data: Any = next(upcoming, None) if rng.random() < 0.3 else None
                log.add(data or RunStarted(), "r1" if data else "r2")
            while relayed < len(log.records) and rng.random() < 0.7:
                relayed += 1
                if rng.random() > 0.1:  # else the stream loses it
                    relay(hub, log, relayed)
                if rng.random() < 0.1:
                    relay(hub, log, max(relayed - 2, 1))
            await asyncio.sleep(0)
        for data in upcoming:
            relay(hub, log, log.add(data))

    async with asyncio.timeout(10):
        _, answers = await asyncio.gather(run_scheduler(), watched(log, hub, 0, OF_RUNS))
    own = [(one.position, one.type) for one in log.records if one.run_id == "r1"]
    found = [(position, kind) for position, kind, _ in seen(answers)]
    assert found == own[: len(found)]
    assert [has_run for _, _, has_run in seen(answers)] == [False] * (len(found) - 1) + [True]
    ended = runs_pb2.RUN_STATE_SUCCESS if len(found) == len(own) else runs_pb2.RUN_STATE_FAILED
    assert answers[-1].run.state == ended
    assert not hub.is_watched


def test_the_projector_is_told_that_the_end_will_be_read() -> None:
    log, asked = Log(CREATED, RunStarted(), RunSucceeded()), list[int]()
    nothing: Any = None
    snapshots = Snapshots(nothing, Progress(asked.append), 0)
    service = RunService(nothing, snapshots, nothing, LocalHub(), cast(EventLog, log), nothing, 1.0)
    request = runs_pb2.WatchRunRequest(dag_id="etl", run_id="r1", types=sorted(RUN_ENDS))

    async def watch() -> list[runs_pb2.WatchRunResponse]:
        return [answer async for answer in service.WatchRun(request, nothing)]

    assert [one.event.position for one in asyncio.run(watch())] == [3]
    assert asked == [3]
