"""Requests, connections and messages that nobody should send: refused by name, and nobody else is
harmed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from typing import Any

import grpc
import msgspec
import pytest
from hypothesis import given, settings

from integration.inbox import producing
from integration.running_stack import ForkedStack, RunningStack
from integration.verify import verify_log
from millstream.adapters.heartbeat import Heartbeat
from millstream.adapters.lookup import AssetQuestion, ConfQuestion, SecretQuestion, XComQuestion
from millstream.core.commands import SubmitDag, encode_command
from millstream.core.receipts import Receipt
from millstream.core.run_states import StatesQuestion
from millstream.core.spec import DagSpec
from overload.any_request import Maker, Method, methods
from overload.good_caller import GoodCaller, Watched, run_good
from overload.hostile_bytes import CONNECTIONS, connect, publish
from overload.request_strategy import Drawn, requests
from shard import dag, task

Code = grpc.StatusCode
AT_ONCE = 20
OF_ANOTHER = {"worker": "worker-2"}
DEEP = (
    b'{"type":"TriggerRun","id":"deep","namespace":"default","dag_id":"good","conf":'
    + b'{"a":' * 50_000
    + b"1"
    + b"}" * 50_001
)
# What a request may be answered, whatever it is.
CLEAR = {
    *(Code.OK, Code.INVALID_ARGUMENT, Code.NOT_FOUND, Code.ALREADY_EXISTS, Code.OUT_OF_RANGE),
    *(Code.FAILED_PRECONDITION, Code.RESOURCE_EXHAUSTED, Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED),
}
GROWTH_MB = 50.0
# Aimed at is a second; other tests run on the same cores.
SLOWEST_S = 10.0


@pytest.fixture(scope="module")
def hostile_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    with ForkedStack(tmp_path_factory.mktemp("hostile") / "a stack").running() as running:
        run_good(running)
        yield running


@pytest.fixture
def beside(hostile_stack: RunningStack) -> Iterator[GoodCaller]:
    """A good caller beside the test; afterwards nothing must be broken."""
    watched = Watched(hostile_stack)
    with GoodCaller(hostile_stack) as good:
        yield good
    print(f"\nworst {good.worst}, {len(good.runs)} runs, grown by {watched.growth_mb()} MB")
    assert good.errors == []
    assert good.runs
    assert max(good.worst.values()) < SLOWEST_S, good.worst
    watched.assert_unharmed(GROWTH_MB)


class TestRequests:
    def test_every_method(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        ask_everything(hostile_stack, per_method=12, seed=1)

    @pytest.mark.soak
    @pytest.mark.timeout(900)
    def test_ten_thousand(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        ask_everything(hostile_stack, per_method=250, seed=2)

    def test_what_hypothesis_draws(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        draw_requests(hostile_stack, count=300)

    @pytest.mark.soak
    @pytest.mark.timeout(3600)
    def test_ten_thousand_of_those(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        draw_requests(hostile_stack, count=10_000)


def draw_requests(stack: RunningStack, count: int) -> None:
    """One after another, so that what fails can be made small."""
    codes: Counter[str] = Counter()

    async def ask(method: Method, request: bytes) -> tuple[Code, str]:
        async with grpc.aio.insecure_channel(stack.address) as channel:
            return await _answer(channel, method, request)

    @settings(max_examples=count, derandomize=True, database=None)
    @given(drawn=requests())
    def one(drawn: Drawn) -> None:
        code, text = asyncio.run(ask(drawn.method, drawn.message.SerializeToString()))
        codes[code.name] += 1
        assert code in CLEAR, f"{code.name}: {text}"
        assert text or code is Code.OK
        assert "Traceback" not in text

    one()
    print(f"\n{codes.total()} requests: {dict(codes)}")


def ask_everything(stack: RunningStack, per_method: int, seed: int) -> None:
    """Requests of every method, each with an answer that says what is wrong."""
    maker = Maker(seed)
    every = [method for method in methods() for _ in range(per_method)]
    maker.random.shuffle(every)
    unclear, codes = asyncio.run(_ask(stack.address, [(m, maker.request(m)) for m in every]))
    print(f"\n{len(every)} requests: {dict(codes)}")
    assert unclear == []


async def _ask(
    address: str, requests: list[tuple[Method, bytes]]
) -> tuple[list[str], Counter[str]]:
    gate = asyncio.Semaphore(AT_ONCE)
    codes: Counter[str] = Counter()
    unclear: list[str] = []

    async with grpc.aio.insecure_channel(address) as channel:

        async def ask(method: Method, request: bytes) -> None:
            async with gate:
                code, text = await _answer(channel, method, request)
            codes[code.name] += 1
            if code not in CLEAR or "Traceback" in text or not (text or code is Code.OK):
                unclear.append(f"{method.path} {code.name} {text!r} {request!r:.2000}")

        await asyncio.gather(*(ask(*request) for request in requests))
    return unclear, codes


async def _answer(channel: grpc.aio.Channel, method: Method, request: bytes) -> tuple[Code, str]:
    try:
        if method.descriptor.client_streaming:
            await channel.stream_unary(method.path)(iter([request, request]), timeout=2)  # type: ignore[arg-type]
        elif method.descriptor.server_streaming:
            call: Any = channel.unary_stream(method.path)(request, timeout=0.5)  # type: ignore[arg-type]
            while await call.read() is not grpc.aio.EOF:
                pass
        else:
            await channel.unary_unary(method.path)(request, timeout=2)  # type: ignore[arg-type]
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    return Code.OK, ""


class TestConnections:
    def test_bytes_that_are_no_grpc(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        misconnect(hostile_stack, times=3, idle=100)

    @pytest.mark.soak
    @pytest.mark.timeout(900)
    def test_many(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        misconnect(hostile_stack, times=100, idle=1500)


def misconnect(stack: RunningStack, times: int, idle: int) -> None:
    """Each kind of bad connection some times, while many are open that say nothing."""
    host, _, port = stack.address.rpartition(":")

    async def run() -> None:
        silent = [await asyncio.open_connection(host, int(port)) for _ in range(idle)]
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(name: str, number: int) -> None:
            async with gate:
                await connect(host, int(port), CONNECTIONS[name](number))

        await asyncio.gather(*(one(name, n) for name in sorted(CONNECTIONS) for n in range(times)))
        for _, writer in silent:
            writer.close()

    asyncio.run(run())


class TestSubjects:
    def test_what_services_listen_to(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        ask_services(hostile_stack, count=600, seed=1)

    @pytest.mark.soak
    @pytest.mark.timeout(900)
    def test_ten_thousand(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        ask_services(hostile_stack, count=10_000, seed=2)


def ask_services(stack: RunningStack, count: int, seed: int) -> None:
    """Rubbish and odd questions on every subject of core NATS."""
    maker = Maker(seed)
    subjects = {
        "ms.look.0.xcom": XComQuestion | ConfQuestion | AssetQuestion | SecretQuestion,
        "ms.states.0": StatesQuestion,
        "ms.hb.hostile": Heartbeat,
        "ms.hb.worker-1": Heartbeat,
        "ms.rcpt.api.api-1": list[Receipt],
        "ms.rcpt.worker.worker-1": list[Receipt],
        "ms.closed.worker-1": list[str],
        "ms.lane.0": list[str],
        "ms.proj.0": dict[str, int],
    }

    async def run() -> None:
        async with producing(stack.nats_url, "api", "hostile") as producer:
            answers: list[object] = []
            await producer.bus.listen("answers.>", answers.append)
            for number in range(count):
                subject = maker.random.choice(sorted(subjects))
                claims = OF_ANOTHER if subject == "ms.hb.worker-1" else {}
                payload = maker.value(subjects[subject], claims)
                if maker.random.random() < 0.2:
                    payload = maker.mangled(payload)
                producer.bus.send(subject, payload, f"answers.{number}")
                if number % 50 == 0:
                    await producer.bus.flush()
            await producer.bus.flush()

    asyncio.run(run())


class TestInbox:
    def test_messages(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        fill_inbox(hostile_stack, count=400, seed=1)

    def test_a_queue_that_no_subject_holds(
        self, hostile_stack: RunningStack, beside: GoodCaller
    ) -> None:
        submit_beside_others(hostile_stack, dag(task("t", queue="ä" * 5000)))

    @pytest.mark.soak
    @pytest.mark.timeout(900)
    def test_ten_thousand(self, hostile_stack: RunningStack, beside: GoodCaller) -> None:
        fill_inbox(hostile_stack, count=10_000, seed=2)


def test_the_log_is_right_after_all_that(hostile_stack: RunningStack) -> None:
    verify_log(hostile_stack)


def submit_beside_others(stack: RunningStack, spec: DagSpec) -> None:
    """A DAG that is refused, in one commit with what is not."""
    other = dag(task("t"), dag_id="beside_one_that_is_refused")

    async def run() -> None:
        async with producing(stack.nats_url, "api", "hostile") as producer:
            for number in range(400):
                for name, each in (
                    ("bad", spec),
                    ("good", msgspec.structs.replace(other, doc=str(number))),
                ):
                    command = SubmitDag(id=f"{name}/{number}", namespace="default", spec=each)
                    await producer.bus.publish(producer.subject, encode_command(command))
            last = SubmitDag(id="last", namespace="default", spec=spec)
            assert (await producer.ask(last)).reason == "INVALID_DAG"

    asyncio.run(run())


def fill_inbox(stack: RunningStack, count: int, seed: int) -> None:
    """Commands of every kind from everybody, rubbish, and headers that end nats-py's read loop; all
    of it is taken off the stream."""
    maker = Maker(seed)
    random = maker.random
    subjects = [
        *("ms.in.0.api.hostile", "ms.in.0.worker.hostile", "ms.in.0.worker.worker-1"),
        *(
            "ms.in.0.scheduler.x",
            "ms.in.0.nobody.x",
            "ms.in.0.api.a.b",
            "ms.in.0.API.x",
            "ms.in.0.x",
        ),
    ]

    async def run() -> None:
        async with producing(stack.nats_url, "api", "hostile") as producer:
            for number in range(count):
                subject = random.choice(subjects[:3] if random.random() < 0.8 else subjects)
                name = subject.rpartition(".")[2]
                mine = {"id": f"h/{seed}/{number}"} | random.choice(
                    ({}, {"worker": name}, {"worker": "x"})
                )
                match random.randrange(20):
                    case 0:
                        await producer.put(random.randbytes(random.randrange(2000)), subject)
                    case 1:
                        await producer.put(b"[" * random.choice((10, 100_000)), subject)
                    case 2:
                        await producer.put(DEEP, subject)
                    case 3 if number % 10 == 0:
                        await producer.put(
                            b'{"type":"TriggerRun","id":"%s"' % (b"x" * 5_000_000), subject
                        )
                    case 4:
                        await publish(stack.nats_url, subject, number, maker.command(mine))
                    case _:
                        await producer.put(maker.command(mine), subject)

            async def left() -> int:
                info = await producer.bus.jetstream("STREAM.INFO.INBOX")
                return int(info["state"]["messages"])

            deadline = asyncio.get_running_loop().time() + 60
            while await left():
                assert asyncio.get_running_loop().time() < deadline, "messages are left in INBOX"

    asyncio.run(run())
