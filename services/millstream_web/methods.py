"""The methods of the API, found in the descriptors that the generated code carries."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

import millstream.rpc.v1 as package


class Method(NamedTuple):
    """One method. ``path`` is that of gRPC: ``/millstream.rpc.v1.RunService/ListRuns``."""

    service: str
    name: str
    path: str
    descriptor: MethodDescriptor
    request: type[Message]
    response: type[Message]
    takes_stream: bool
    gives_stream: bool

    @property
    def is_read(self) -> bool:
        """It changes nothing: what changes something takes a ``request_id``, or a stream."""
        return not self.takes_stream and "request_id" not in self.request.DESCRIPTOR.fields_by_name


def services() -> Iterator[ServiceDescriptor]:
    """By name of the proto file, then in the order of the file."""
    for module in sorted(found.name for found in pkgutil.iter_modules(package.__path__)):
        if module.endswith("_pb2"):
            file: Any = importlib.import_module(f"{package.__name__}.{module}").DESCRIPTOR
            yield from file.services_by_name.values()


def methods() -> dict[tuple[str, str], Method]:
    """By the names of the service and the method."""
    return {
        (service.name, each.name): Method(
            service=service.name,
            name=each.name,
            path=f"/{service.full_name}/{each.name}",
            descriptor=each,
            request=GetMessageClass(each.input_type),
            response=GetMessageClass(each.output_type),
            takes_stream=each.client_streaming,
            gives_stream=each.server_streaming,
        )
        for service in services()
        for each in service.methods
    }
