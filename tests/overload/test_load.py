"""Many times the load that can be carried: what is taken is carried out once, the rest is told so,
nothing grows without bound, what runs goes on, and all of it is over soon after."""

from __future__ import annotations

import asyncio
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from integration.inbox import producing
from integration.running_stack import (
    ForkedStack,
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.verify import verify_log
from millstream.core.commands import encode_command
from millstream.core.errors import MillstreamError
from millstream.core.event_parts import Where
from millstream.core.reports import StartAttempt
from millstream.rpc.specs import spec_to_proto
from millstream.rpc.v1 import (
    dags_pb2,
    dags_pb2_grpc,
    events_pb2,
    events_pb2_grpc,
    runs_pb2,
    runs_pb2_grpc,
)
from overload.good_caller import GoodCaller, Watched, run_good

Code = grpc.StatusCode
# A place in the api is free again within milliseconds; who is refused comes back at once, which a
# caller should not do.
PAUSE_S = 0.02
GROWTH_MB = 200.0
RECOVERY_S = 20.0
# The caller's own end came first.
UNDECIDED = {"DEADLINE_EXCEEDED", "CANCELLED"}
LONGEST_STANDSTILL_S = 20.0


@dataclass
class Load:
    """How many callers of each kind there are, and for how long. ``standstill_s``: for so long the
    scheduler carries nothing at all, so that it is too much for a machine of any speed."""

    seconds: float
    standstill_s: float
    triggers: int
    reads: int
    submits: int
    watchers: int
    reports: int
    codes: Counter[str] = field(default_factory=Counter)
    # The requests that were answered, and those of which nobody knows.
    accepted: set[str] = field(default_factory=set)
    unknown: set[str] = field(default_factory=set)
    without_details: int = 0
    is_over: bool = False


@pytest.fixture(scope="module")
def loaded_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    stack = ForkedStack(tmp_path_factory.mktemp("loaded") / "a stack", {"MILLSTREAM_LEASE_S": "5"})
    with stack.running():
        run_good(stack)
        yield stack


def test_some_seconds(loaded_stack: RunningStack) -> None:
    load = Load(
        seconds=4, standstill_s=2, triggers=200, reads=20, submits=2, watchers=20, reports=5
    )
    bear(loaded_stack, load)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_minute(loaded_stack: RunningStack) -> None:
    load = Load(
        seconds=60, standstill_s=3, triggers=600, reads=600, submits=20, watchers=1200, reports=50
    )
    bear(loaded_stack, load)


def bear(stack: RunningStack, load: Load) -> None:
    client = stack.client()
    client.submit_spec(bash_dag("long", bash("a", f"sleep {load.seconds + 2}")))
    watched = Watched(stack)
    long = client.trigger("long")
    wait_for_event(client, long, "TaskStarted")
    with GoodCaller(stack) as good:
        asyncio.run(_load(stack, load))
    at_most = watched.growth_mb()
    began = time.monotonic()
    assert_success(client, client.trigger("good"), RECOVERY_S)
    recovered_s = time.monotonic() - began
    print(f"\n{dict(load.codes)}; a run took {recovered_s:.2f} s after that; worst {good.worst}")
    print(f"{len(load.accepted)} accepted, {len(load.unknown)} unknown; grown by {at_most} MB")
    assert set(load.codes) <= {"OK", "RESOURCE_EXHAUSTED", "UNAVAILABLE", *UNDECIDED}
    assert load.codes["RESOURCE_EXHAUSTED"], "it was no load"
    assert load.codes["OK"]
    assert not load.without_details
    assert good.errors == []
    assert good.runs
    assert max(at_most.values()) < GROWTH_MB, at_most
    assert_success(client, long)
    _check_runs(stack, load, len(good.runs) + 2)
    watched.assert_unharmed(GROWTH_MB)


def _check_runs(stack: RunningStack, load: Load, others: int) -> None:
    """Each accepted request made one run, which ended well, once; nothing was lost."""
    client = stack.client()
    requested: Counter[str] = Counter()
    ended: Counter[str] = Counter()
    for event in client.events(types=["RunCreated", "RunSucceeded", "TaskLost", "RunQuarantined"]):
        assert event.type in ("RunCreated", "RunSucceeded"), event
        if event.type == "RunCreated":
            requested[event.causation] += 1
        else:
            ended[event.run_id] += 1
    assert set(requested.values()) == {1}
    missing = load.accepted - set(requested)
    assert not missing, missing
    eventually(
        "every run is over",
        lambda: not list(client.list_runs("good", states=["queued", "running"])),
        60,
    )
    verify_log(stack)


async def _load(stack: RunningStack, load: Load) -> None:
    async with AsyncExitStack() as opened:
        # A connection has 256 calls at most.
        channels = [
            await opened.enter_async_context(grpc.aio.insecure_channel(stack.address, _ALONE))
            for _ in range(8)
        ]
        callers = [_trigger(channels[n % 8], load) for n in range(load.triggers)]
        callers += [_read(channels[n % 8], load) for n in range(load.reads)]
        callers += [_submit(channels[n % 8], load, n) for n in range(load.submits)]
        callers += [_watch(channels[n % 8], load) for n in range(load.watchers)]
        callers += [_report(stack, load), _stand_still(stack, load)]
        await asyncio.gather(*callers)


# Channels with equal options share a connection otherwise.
_ALONE = (("grpc.use_local_subchannel_pool", 1),)


async def _trigger(channel: Any, load: Load) -> None:
    stub: Any = runs_pb2_grpc.RunServiceStub(channel)  # type: ignore[no-untyped-call]
    while not load.is_over:
        request = runs_pb2.TriggerRunRequest(request_id=uuid.uuid4().hex, dag_id="good")
        code = await _call(stub.TriggerRun, request, load)
        if code is Code.OK:
            load.accepted.add(request.request_id)
        elif code is not Code.RESOURCE_EXHAUSTED:
            load.unknown.add(request.request_id)


async def _read(channel: Any, load: Load) -> None:
    stub: Any = runs_pb2_grpc.RunServiceStub(channel)  # type: ignore[no-untyped-call]
    while not load.is_over:
        await _call(stub.ListRuns, runs_pb2.ListRunsRequest(page_size=100), load)


async def _submit(channel: Any, load: Load, number: int) -> None:
    stub: Any = dags_pb2_grpc.DagServiceStub(channel)  # type: ignore[no-untyped-call]
    count = 0
    while not load.is_over:
        count += 1
        tasks = [bash(f"t{index}", f"echo {number} {count}") for index in range(200)]
        spec = spec_to_proto(bash_dag(f"large{number}", *tasks))
        await _call(stub.SubmitDag, dags_pb2.SubmitDagRequest(spec=spec), load)


async def _watch(channel: Any, load: Load) -> None:
    """Everything from the beginning, and it is never read."""
    stub: Any = events_pb2_grpc.EventServiceStub(channel)  # type: ignore[no-untyped-call]
    call = stub.WatchEvents(events_pb2.WatchEventsRequest())
    try:
        await call.read()
        while not load.is_over:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(1)
        load.codes["OK"] += 1
    except grpc.aio.AioRpcError as error:
        _note(error, load)
    finally:
        call.cancel()


async def _call(method: Any, request: Any, load: Load) -> Code:
    try:
        await method(request, timeout=30)
    except grpc.aio.AioRpcError as error:
        _note(error, load)
        await asyncio.sleep(PAUSE_S)
        code: Code = error.code()
        return code
    load.codes["OK"] += 1
    return Code.OK


def _note(error: grpc.aio.AioRpcError, load: Load) -> None:
    load.codes[error.code().name] += 1
    if error.code() is Code.RESOURCE_EXHAUSTED:
        trailers = dict(error.trailing_metadata() or ())
        status = status_pb2.Status.FromString(trailers.get("grpc-status-details-bin", b""))
        retry = error_details_pb2.RetryInfo()
        if not any(detail.Unpack(retry) and retry.retry_delay.seconds for detail in status.details):
            load.without_details += 1


async def _stand_still(stack: RunningStack, load: Load) -> None:
    """The scheduler carries nothing for a while; the callers go on until their time is over too."""
    began = time.monotonic()
    await asyncio.sleep(load.seconds / 4)
    scheduler = stack.identity("scheduler")
    scheduler.send(signal.SIGSTOP)
    try:
        await asyncio.sleep(load.standstill_s)
        # On a busy machine it takes the callers a while to be too many.
        deadline = time.monotonic() + LONGEST_STANDSTILL_S
        while not load.codes["RESOURCE_EXHAUSTED"] and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(PAUSE_S)
    finally:
        scheduler.send(signal.SIGCONT)
        await asyncio.sleep(max(began + load.seconds - time.monotonic(), 0.0))
        load.is_over = True


async def _report(stack: RunningStack, load: Load) -> None:
    """A worker with reports of attempts that nobody knows."""
    async with producing(stack.nats_url, "worker", "flood") as producer:

        async def flood() -> None:
            while not load.is_over:
                report = StartAttempt(
                    id=uuid.uuid4().hex,
                    where=Where("default", "good", "none", "only", (), 1),
                    worker="flood",
                    token="t",
                    started_at=datetime.now(UTC),
                )
                with suppress(MillstreamError):
                    await producer.put(encode_command(report))

        await asyncio.gather(*(flood() for _ in range(load.reports)))
