"""Somebody who does nothing wrong, beside those who do: how long is he kept waiting?"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from integration.running_stack import RunningStack, assert_success, bash_dag, eventually
from millstream.client import Client
from millstream.core.spec import DagSpec, EmptyAction, TaskSpec

SERVICES = ("api", "scheduler", "projector", "worker-1")
PAUSE_S = 0.05


def good_dag(dag_id: str = "good") -> DagSpec:
    return bash_dag(dag_id, TaskSpec(task_id="only", action=EmptyAction()))


def run_good(stack: RunningStack) -> None:
    """From here on the stack is warm, and good callers have their DAG."""
    client = stack.client()
    client.submit_spec(good_dag())
    assert_success(client, client.trigger("good"))


class GoodCaller:
    """As long as the block runs: asks for the health, reads, triggers runs and waits for them.
    ``worst`` has the longest answer of each kind in seconds, ``errors`` what went wrong."""

    def __init__(self, stack: RunningStack) -> None:
        self._client = Client(stack.address, timeout_s=30.0)
        self._channel = grpc.insecure_channel(stack.address)
        self._health: Any = health_pb2_grpc.HealthStub(self._channel)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.worst = {"health": 0.0, "read": 0.0, "run": 0.0}
        self.errors: list[str] = []
        self.runs: list[str] = []

    def __enter__(self) -> GoodCaller:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_over.set()
        self._thread.join(60)
        self._client.close()
        self._channel.close()

    def _run(self) -> None:
        while not self._is_over.wait(PAUSE_S):
            for kind, call in (
                ("health", self._check_health),
                ("read", self._read),
                ("run", self._trigger),
            ):
                began = time.monotonic()
                try:
                    call()
                except Exception as error:  # judged by the test
                    self.errors.append(f"{kind}: {error!r}")
                self.worst[kind] = max(self.worst[kind], time.monotonic() - began)

    def _check_health(self) -> None:
        answer = self._health.Check(health_pb2.HealthCheckRequest(), timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING, answer

    def _read(self) -> None:
        assert self._client.get_dag("good").dag_id == "good"

    def _trigger(self) -> None:
        run = self._client.trigger("good")
        assert self._client.wait(run, timeout_s=30).state == "success"
        self.runs.append(run.run_id)


class Watched:
    """The services of a stack before and after: the same processes, and not much larger."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._before = {name: stack.identity(name) for name in SERVICES}
        self._rss = self.rss_mb()
        self._log_sizes = {name: len(stack.log(name)) for name in SERVICES}

    def rss_mb(self) -> dict[str, float]:
        sizes = {}
        for name in SERVICES:
            status = Path(f"/proc/{self._stack.pid(name)}/status").read_text()
            sizes[name] = int(status.partition("VmRSS:")[2].split()[0]) / 1024
        return sizes

    def growth_mb(self) -> dict[str, float]:
        now = self.rss_mb()
        return {name: round(now[name] - self._rss[name], 1) for name in SERVICES}

    def said(self, name: str) -> str:
        """What a service wrote to its log since."""
        return self._stack.log(name)[self._log_sizes[name] :]

    def assert_unharmed(self, most_growth_mb: float) -> None:
        for name in SERVICES:
            said = self.said(name)
            place = said.find("Traceback")
            assert place < 0, f"{name}: {said[max(place - 500, 0) : place + 3000]}"
            assert self._stack.identity(name) == self._before[name], f"{name}: {said[-3000:]}"
        eventually(
            f"grown by less than {most_growth_mb} MB",
            lambda: max(self.growth_mb().values()) < most_growth_mb,
            30.0,
        )
