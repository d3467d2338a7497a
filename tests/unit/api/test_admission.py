"""What the api does with more calls than it carries, and with calls that never become requests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1._async import HealthServicer

from millstream.rpc.v1 import dags_pb2, dags_pb2_grpc, events_pb2, events_pb2_grpc
from millstream_api.admission import Admission, Overloaded
from millstream_api.interceptor import ErrorInterceptor

Code = grpc.StatusCode
DAGS = "/millstream.rpc.v1.DagService"


class Waiting(dags_pb2_grpc.DagServiceServicer, events_pb2_grpc.EventServiceServicer):
    """Answers when it is told to."""

    address = ""

    def __init__(self) -> None:
        self.arrived = asyncio.Semaphore(0)
        self.go_on = asyncio.Event()

    async def GetDag(self, request: dags_pb2.GetDagRequest, context: object) -> object:
        self.arrived.release()
        await self.go_on.wait()
        return dags_pb2.GetDagResponse(dag=dags_pb2.Dag(dag_id=request.dag_id))

    async def UploadBundle(self, chunks: AsyncIterator[Any], context: object) -> object:
        size = sum([len(chunk.chunk) async for chunk in chunks])
        return dags_pb2.UploadBundleResponse(size=size)

    async def WatchEvents(self, request: object, context: object) -> AsyncIterator[object]:
        yield events_pb2.WatchEventsResponse()
        self.arrived.release()
        await self.go_on.wait()


def serve(
    test: Callable[[Any, Waiting], Awaitable[None]],
    admission: Admission,
    request_s: float = 10.0,
) -> None:
    async def run() -> None:
        server = grpc.aio.server(interceptors=[ErrorInterceptor(admission, request_s)])
        service = Waiting()
        dags_pb2_grpc.add_DagServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
        events_pb2_grpc.add_EventServiceServicer_to_server(service, server)  # type: ignore[no-untyped-call]
        health_pb2_grpc.add_HealthServicer_to_server(HealthServicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        service.address = f"127.0.0.1:{port}"
        async with grpc.aio.insecure_channel(service.address) as channel:
            try:
                await test(channel, service)
            finally:
                service.go_on.set()
        await server.stop(0)

    asyncio.run(run())


def details_of(error: grpc.aio.AioRpcError) -> list[str]:
    """The types of the details, and the reason."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    names = [detail.type_url.rpartition(".")[2] for detail in status.details]
    info = error_details_pb2.ErrorInfo()
    status.details[0].Unpack(info)
    return [info.reason, *names]


def test_one_call_too_many_is_told_so_and_the_others_are_answered() -> None:
    async def test(channel: Any, service: Waiting) -> None:
        stub = dags_pb2_grpc.DagServiceStub(channel)  # type: ignore[no-untyped-call]
        calls = [stub.GetDag(dags_pb2.GetDagRequest(dag_id=f"d{n}")) for n in range(2)]
        under_way = [asyncio.ensure_future(call) for call in calls]
        for _ in calls:
            await service.arrived.acquire()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetDag(dags_pb2.GetDagRequest(dag_id="d2"))
        assert caught.value.code() is Code.RESOURCE_EXHAUSTED
        assert details_of(caught.value) == ["OVERLOADED", "ErrorInfo", "RetryInfo"]
        service.go_on.set()
        assert [(await call).dag.dag_id for call in under_way] == ["d0", "d1"]
        assert (await stub.GetDag(dags_pb2.GetDagRequest(dag_id="d3"))).dag.dag_id == "d3"

    serve(test, Admission(most_calls=2))


def test_a_stream_too_many_is_told_so_until_one_ends() -> None:
    async def test(channel: Any, service: Waiting) -> None:
        stub = events_pb2_grpc.EventServiceStub(channel)  # type: ignore[no-untyped-call]
        first = stub.WatchEvents(events_pb2.WatchEventsRequest())
        await first.read()
        second = stub.WatchEvents(events_pb2.WatchEventsRequest())
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await second.read()
        assert details_of(caught.value)[0] == "OVERLOADED"
        service.go_on.set()
        assert await first.read() is grpc.aio.EOF
        assert await stub.WatchEvents(events_pb2.WatchEventsRequest()).read()

    serve(test, Admission(most_streams=1))


def test_requests_are_bounded_in_bytes_too() -> None:
    async def test(channel: Any, service: Waiting) -> None:
        stub = dags_pb2_grpc.DagServiceStub(channel)  # type: ignore[no-untyped-call]
        large = asyncio.ensure_future(stub.GetDag(dags_pb2.GetDagRequest(dag_id="x" * 2000)))
        await service.arrived.acquire()  # the largest is taken when it is alone
        with pytest.raises(grpc.aio.AioRpcError, match="try again later"):
            await stub.GetDag(dags_pb2.GetDagRequest(dag_id="d"))
        service.go_on.set()
        await large

    serve(test, Admission(most_bytes=1000))


@pytest.mark.parametrize("method", ["GetDag", "UploadBundle"])
def test_bytes_that_are_no_request_are_the_callers_fault(method: str) -> None:
    """gRPC itself would answer INTERNAL and write a traceback to the log."""

    async def test(channel: Any, service: Waiting) -> None:
        call = channel.stream_unary(f"{DAGS}/{method}")(iter([b"\xff\xff\xff"]))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is Code.INVALID_ARGUMENT
        assert details_of(caught.value)[0] == "INVALID_ARGUMENT"

    serve(test, Admission())


def test_a_call_without_a_request_is_ended() -> None:
    """Else some thousand of them would keep everybody out."""

    async def test(channel: Any, service: Waiting) -> None:
        call = channel.stream_unary(f"{DAGS}/GetDag")()  # headers, and then nothing
        async with asyncio.timeout(5):
            with pytest.raises(grpc.aio.AioRpcError, match="send it again"):
                await call
            with pytest.raises(grpc.aio.AioRpcError, match="without a request"):
                await channel.stream_unary(f"{DAGS}/GetDag")(iter([]))

    serve(test, Admission(), request_s=0.1)


def test_an_upload_that_stands_still_is_ended() -> None:
    async def test(channel: Any, service: Waiting) -> None:
        call = channel.stream_unary(f"{DAGS}/UploadBundle")()
        await call.write(dags_pb2.UploadBundleRequest(chunk=b"x").SerializeToString())
        with pytest.raises(grpc.aio.AioRpcError, match="send it again"):
            await call

    serve(test, Admission(), request_s=0.1)


def test_places_are_given_back_whatever_happens() -> None:
    admission = Admission(most_calls=1, most_streams=1, most_bytes=10)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), admission.call(10), admission.stream():
            raise ZeroDivisionError
    with admission.call(10), pytest.raises(Overloaded), admission.call(1):
        pass


class TestShares:
    """Four places."""

    @pytest.fixture
    def places(self) -> Iterator[tuple[Admission, ExitStack]]:
        with ExitStack() as taken:
            yield Admission(most_calls=4), taken

    def take(self, places: tuple[Admission, ExitStack], who: str) -> None:
        places[1].enter_context(places[0].call(0, who))

    def test_one_alone_has_them_all(self, places: tuple[Admission, ExitStack]) -> None:
        for _ in range(4):
            self.take(places, "a")
        with pytest.raises(Overloaded):
            self.take(places, "a")

    def test_who_comes_to_others_who_have_them_all_gets_a_share(
        self, places: tuple[Admission, ExitStack]
    ) -> None:
        for _ in range(4):
            self.take(places, "a")
        self.take(places, "b")
        self.take(places, "b")
        with pytest.raises(Overloaded):
            self.take(places, "b")
        with pytest.raises(Overloaded):
            self.take(places, "a")
        self.take(places, "c")
        self.take(places, "d")
        with pytest.raises(Overloaded):
            self.take(places, "e")  # twice as many as there are is the end

    def test_who_gave_theirs_back_has_none(self, places: tuple[Admission, ExitStack]) -> None:
        admission, _ = places
        with admission.call(0, "b"):
            pass
        for _ in range(4):
            self.take(places, "a")
        with pytest.raises(Overloaded):
            self.take(places, "a")


def test_a_connection_that_takes_all_places_keeps_no_other_one_out() -> None:
    async def test(channel: Any, service: Waiting) -> None:
        stub = dags_pb2_grpc.DagServiceStub(channel)  # type: ignore[no-untyped-call]
        request = dags_pb2.GetDagRequest(dag_id="etl")
        waiting = [asyncio.ensure_future(stub.GetDag(request)) for _ in range(2)]
        for _ in waiting:
            await service.arrived.acquire()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.GetDag(request)
        assert caught.value.code() is Code.RESOURCE_EXHAUSTED
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(service.address, own) as another:
            other: Any = dags_pb2_grpc.DagServiceStub(another)  # type: ignore[no-untyped-call]
            asked = asyncio.ensure_future(other.GetDag(request))
            await service.arrived.acquire()
            service.go_on.set()
            assert (await asked).dag.dag_id == "etl"
        await asyncio.gather(*waiting)

    serve(test, Admission(most_calls=2))


def test_one_connection_too_many_is_closed() -> None:
    """Each is an open file, and without files the api reaches neither Postgres nor NATS."""

    async def run() -> None:
        options = (("grpc.max_allowed_incoming_connections", 3),)
        server = grpc.aio.server(options=options)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        connections = []
        for _ in range(3):
            connections.append(await asyncio.open_connection("127.0.0.1", port))
            assert await connections[-1][0].read(1)  # the server's settings
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        for _, other in (*connections, (reader, writer)):
            other.close()
        await server.stop(0)

    asyncio.run(run())
