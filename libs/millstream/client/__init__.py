"""The client: ``from millstream.client import Client``. It speaks gRPC to the api, no more."""

from __future__ import annotations

from millstream.client.client import Client
from millstream.client.control import Controlled, ControlledTask
from millstream.client.errors import RunFailed, WaitTimeout
from millstream.client.history import ChainHeads, DagAt, Export, Head, RunAt, StateAt
from millstream.client.logs import LogLine, LogReader
from millstream.client.models import (
    Dag,
    Event,
    Run,
    RunRef,
    Status,
    Submitted,
    TaskInstance,
    Worker,
    XCom,
    describe_xcom,
)
from millstream.client.secrets import ConnectionInfo, VariableInfo

__all__ = [
    "ChainHeads",
    "Client",
    "ConnectionInfo",
    "Controlled",
    "ControlledTask",
    "Dag",
    "DagAt",
    "Event",
    "Export",
    "Head",
    "LogLine",
    "LogReader",
    "Run",
    "RunAt",
    "RunFailed",
    "RunRef",
    "StateAt",
    "Status",
    "Submitted",
    "TaskInstance",
    "VariableInfo",
    "WaitTimeout",
    "Worker",
    "XCom",
    "describe_xcom",
]
