"""Submit a DAG of bash tasks and watch its run, with nothing but gRPC reflection.

The api tells which services and messages it has, as it tells grpcurl; requests are written as JSON.
Nothing of Millstream is imported and no code is generated: any language with gRPC can do the same.

    pip install grpcio-reflection
    python submit_by_reflection.py localhost:27800

With grpcurl the calls are

    grpcurl -plaintext localhost:27800 list
    grpcurl -plaintext -d '{"dag_id": "from_reflection"}' localhost:27800 \\
        millstream.rpc.v1.RunService/TriggerRun
"""

from __future__ import annotations

import json
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

PACKAGE = "millstream.rpc.v1"
CALL_S = 30.0
MOST_TRIES = 10
DAG = {
    "dag_id": "from_reflection",
    "description": "Submitted through gRPC reflection alone.",
    "tasks": [
        {"task_id": "extract", "bash": {"command": "echo 42", "append_env": True}},
        {
            "task_id": "report",
            "upstream": ["extract"],
            "bash": {"command": "echo done", "append_env": True},
        },
    ],
}


class Api:
    """Calls methods by name, with requests as JSON."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = DescriptorPool(self._database)

    def services(self) -> list[str]:
        return sorted(self._database.get_services())

    def call(self, service: str, method: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer as JSON. While the api is unavailable the same request is sent again, which
        its ``request_id`` makes harmless."""
        for tries in range(MOST_TRIES):
            try:
                send, message = self._method(service, method, request)
                return _as_json(send(message, timeout=CALL_S))
            except grpc.RpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE or tries == MOST_TRIES - 1:
                    raise
                time.sleep(min(0.1 * 2**tries, 2.0))
        raise AssertionError("the last try returns or raises")

    def stream(
        self, service: str, method: str, request: dict[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """The answers of a stream, as JSON."""
        send, message = self._method(service, method, request)
        yield from map(_as_json, send(message))

    def _method(self, service: str, method: str, request: dict[str, Any]) -> tuple[Any, Any]:
        name = f"{PACKAGE}.{service}"
        found = self._pool.FindServiceByName(name).methods_by_name[method]
        kind = "unary_stream" if found.server_streaming else "unary_unary"
        send = getattr(self._channel, kind)(
            f"/{name}/{method}",
            request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=GetMessageClass(found.output_type).FromString,
        )
        return send, json_format.ParseDict(request, GetMessageClass(found.input_type)())


def _as_json(message: Any) -> dict[str, Any]:
    found: dict[str, Any] = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return found


def main(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        api = Api(channel)
        print("services:", ", ".join(name.rpartition(".")[2] for name in api.services()))
        submit = {"request_id": uuid.uuid4().hex, "spec": DAG}
        print(json.dumps(api.call("DagService", "SubmitDag", submit)))
        trigger = {"request_id": uuid.uuid4().hex, "dag_id": DAG["dag_id"], "unpause": True}
        run = api.call("RunService", "TriggerRun", trigger)
        print(json.dumps(run))
        watch = {"dag_id": run["dag_id"], "run_id": run["run_id"]}
        last = ""
        for answer in api.stream("RunService", "WatchRun", watch):
            event = answer["event"]
            last = event["type"]
            print(event["position"], last, event.get("task_id", ""))
    return 0 if last == "RunSucceeded" else 3


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else "localhost:27800"))
