"""The methods of the API, found in the descriptors that the generated code carries."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import millstream.rpc.v1 as package


class Method(NamedTuple):
    """One method. ``path`` is that of gRPC: ``/millstream.rpc.v1.RunService/ListRuns``."""

    service: str
    name: str
    path: str
    descriptor: MethodDescriptor
    takes: Descriptor
    gives: Descriptor
    request: type[Message]
    response: type[Message]
    takes_stream: bool
    gives_stream: bool

    @property
    def is_read(self) -> bool:
        """It changes nothing: what changes something takes a ``request_id``, or a stream."""
        return not self.takes_stream and "request_id" not in self.takes.fields_by_name

    def on(self, channel: grpc.aio.Channel) -> Any:
        """What calls it over a channel."""
        kinds: dict[tuple[bool, bool], Any] = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
        }
        return kinds[self.takes_stream, self.gives_stream](
            self.path,
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )


def services() -> Iterator[ServiceDescriptor]:
    """By name of the proto file, then in the order of the file."""
    for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
        if module.endswith("_pb2"):
            file: Any = importlib.import_module(f"{package.__name__}.{module}").DESCRIPTOR
            yield from file.services_by_name.values()


@cache
def methods() -> dict[tuple[str, str], Method]:
    """By the names of the service and the method."""
    return {
        (service.name, each.name): Method(
            service=service.name,
            name=each.name,
            path=f"/{service.full_name}/{each.name}",
            descriptor=each,
            takes=each.input_type,
            gives=each.output_type,
            request=GetMessageClass(each.input_type),
            response=GetMessageClass(each.output_type),
            takes_stream=each.client_streaming,
            gives_stream=each.server_streaming,
        )
        for service in services()
        for each in service.methods
    }
