"""A read is never older than its caller asks for: for every method, from the descriptors."""

from __future__ import annotations

import asyncio
import signal
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import Default
from google.rpc import error_details_pb2, status_pb2

from integration.plain_requests import plain_request
from integration.running_stack import RunningStack, bash, bash_dag
from millstream.client import Client
from millstream.core.errors import Unavailable
from millstream_api.server import SERVICES

FAR = 10**15
DEADLINE_S = 4.0


def reads() -> list[MethodDescriptor]:
    """Every method that takes a min_position and changes nothing."""
    found = []
    for service in SERVICES:
        for method in Default().FindServiceByName(service).methods:
            fields = {field.name for field in method.input_type.fields}
            if "min_position" in fields and "request_id" not in fields:
                found.append(method)
    return found


def path_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def ask(channel: grpc.aio.Channel, method: MethodDescriptor, position: int) -> Any:
    """The error of a call, None if there was none."""
    request = plain_request(method, min_position=position).SerializeToString()
    try:
        if method.server_streaming:
            stream: Any = channel.unary_stream(path_of(method))(request, timeout=DEADLINE_S)
            while await stream.read() is not grpc.aio.EOF:
                pass
        else:
            await channel.unary_unary(path_of(method))(request, timeout=DEADLINE_S)
    except grpc.aio.AioRpcError as error:
        return error
    return None


def details(error: grpc.aio.AioRpcError) -> tuple[str, float]:
    """The reason, and after how many seconds to come again."""
    (packed,) = [v for k, v in error.trailing_metadata() or () if k == "grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in status_pb2.Status.FromString(packed).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    return info.reason, retry.retry_delay.seconds


async def ask_all(address: str, position: int) -> dict[str, Any]:
    async with grpc.aio.insecure_channel(address) as channel:
        errors = await asyncio.gather(*(ask(channel, method, position) for method in reads()))
    return {path_of(method): error for method, error in zip(reads(), errors, strict=True)}


def test_no_read_answers_with_less(stack: RunningStack) -> None:
    for path, error in asyncio.run(ask_all(stack.address, FAR)).items():
        assert error is not None, path
        assert error.code() is grpc.StatusCode.UNAVAILABLE, f"{path}: {error.details()}"
        assert details(error) == ("BEHIND", 1), path


def test_a_position_that_is_reached_holds_up_nobody(stack: RunningStack) -> None:
    for path, error in asyncio.run(ask_all(stack.address, 1)).items():
        if error is not None:
            assert error.code() is grpc.StatusCode.NOT_FOUND, f"{path}: {error.details()}"


def test_no_position_is_negative(stack: RunningStack) -> None:
    for path, error in asyncio.run(ask_all(stack.address, -1)).items():
        assert error is not None, path
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, f"{path}: {error.details()}"


def test_a_read_waits_for_the_projector(fault_stack: RunningStack) -> None:
    client = fault_stack.client()
    dag_id = client.submit_spec(bash_dag("positions", bash("only", "true"))).dag_id
    client.wait(client.trigger(dag_id), timeout_s=60)
    projector = fault_stack.kill("projector", signal.SIGSTOP)
    try:
        run = client.trigger(dag_id)
        with Client(fault_stack.address, timeout_s=1.5) as hasty:
            with pytest.raises(Unavailable) as caught:
                hasty.get_run(run)
            assert caught.value.reason == "BEHIND"
    finally:
        projector.send(signal.SIGCONT)
    assert client.get_run(run).run_id == run.run_id
