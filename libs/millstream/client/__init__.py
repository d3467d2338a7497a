"""The clients: ``from millstream.client import Client, AsyncClient``. They speak gRPC to the api,
no more."""

from __future__ import annotations

from millstream.client.client import AsyncClient, Client
from millstream.client.comparison import Divergence, RunDiff, WhatIf
from millstream.client.control import Controlled, ControlledTask
from millstream.client.errors import (
    NotAuthenticated,
    NotPermitted,
    NotReached,
    Overloaded,
    RunFailed,
    WaitTimeout,
)
from millstream.client.export import ChainHeads, Export, Head
from millstream.client.grid import DayOfRuns, Grid, GridCell, GridRun
from millstream.client.history import DagAt, RunAt, StateAt
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
from millstream.client.overview import Overview
from millstream.client.reruns import Lineage, Rerun
from millstream.client.run_handle import RunHandle, Triggered
from millstream.client.secrets import ConnectionInfo, VariableInfo
from millstream.client.target import Target

__all__ = [
    "AsyncClient",
    "ChainHeads",
    "Client",
    "ConnectionInfo",
    "Controlled",
    "ControlledTask",
    "Dag",
    "DagAt",
    "DayOfRuns",
    "Divergence",
    "Event",
    "Export",
    "Grid",
    "GridCell",
    "GridRun",
    "Head",
    "Lineage",
    "LogLine",
    "LogReader",
    "NotAuthenticated",
    "NotPermitted",
    "NotReached",
    "Overloaded",
    "Overview",
    "Rerun",
    "Run",
    "RunAt",
    "RunDiff",
    "RunFailed",
    "RunHandle",
    "RunRef",
    "StateAt",
    "Status",
    "Submitted",
    "Target",
    "TaskInstance",
    "Triggered",
    "VariableInfo",
    "WaitTimeout",
    "WhatIf",
    "Worker",
    "XCom",
    "describe_xcom",
]
