"""One channel to the api: deadlines, retries of what may be retried, and errors as sentences."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import grpc

from millstream.client.errors import NotReached, Overloaded, WaitTimeout, from_grpc
from millstream.core.errors import Unavailable
from millstream.rpc.v1 import (
    assets_pb2_grpc,
    backfills_pb2_grpc,
    connections_pb2_grpc,
    dags_pb2_grpc,
    events_pb2_grpc,
    history_pb2_grpc,
    human_input_pb2_grpc,
    logs_pb2_grpc,
    pools_pb2_grpc,
    runs_pb2_grpc,
    system_pb2_grpc,
    variables_pb2_grpc,
)

RECEIVE_BYTES = 64 * 1024 * 1024
# How long an api that never answered is tried: it is probably not there.
FIRST_CONTACT_S = 3.0
# A stream that lived that long was well; the patience with outages begins anew.
HEALTHY_S = 5.0
_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 2.0
_OPTIONS = (
    ("grpc.max_receive_message_length", RECEIVE_BYTES),
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.enable_http_proxy", 0),
)

T = TypeVar("T")


class Channel:
    """The stubs of the services, and how to call them."""

    def __init__(self, address: str, timeout_s: float) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._was_reached = False
        self.dags: Any = dags_pb2_grpc.DagServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.runs: Any = runs_pb2_grpc.RunServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.pools: Any = pools_pb2_grpc.PoolServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.inputs: Any = human_input_pb2_grpc.HumanInputServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.logs: Any = logs_pb2_grpc.LogServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.assets: Any = assets_pb2_grpc.AssetServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.backfills: Any = backfills_pb2_grpc.BackfillServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.events: Any = events_pb2_grpc.EventServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.history: Any = history_pb2_grpc.HistoryServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.variables: Any = variables_pb2_grpc.VariableServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.connections: Any = connections_pb2_grpc.ConnectionServiceStub(self._channel)  # type: ignore[no-untyped-call]
        self.system: Any = system_pb2_grpc.SystemServiceStub(self._channel)  # type: ignore[no-untyped-call]

    def close(self) -> None:
        self._channel.close()

    def call(self, method: Callable[..., T], request: Callable[[], Any] | Any) -> T:
        """Call, and while the api is unavailable call again until the time is over.

        Every call that this is used for may be repeated: reads, and requests with an id. A request
        that cannot be sent twice (a stream) is handed in as a function that makes it.
        """
        outage = Outage(self.timeout_s)
        deadline = time.monotonic() + self.timeout_s
        while True:
            try:
                message = request() if callable(request) else request
                answer = method(message, timeout=max(deadline - time.monotonic(), 0.05))
                self._was_reached = True
                return answer
            except grpc.RpcError as error:
                self._judge(error, outage)

    def watch(
        self,
        method: Callable[..., Any],
        request: Callable[[int], Any],
        first: int,
        timeout_s: float | None,
    ) -> Iterator[Any]:
        """The events of a stream from position ``first`` on. A lost stream is opened again after
        the last event seen. Raises :class:`WaitTimeout` after ``timeout_s``."""
        upcoming = first

        def following() -> Any:
            return request(upcoming)

        for answer in self.stream(method, following, timeout_s):
            upcoming = answer.event.position + 1
            yield answer.event

    def stream(
        self, method: Callable[..., Any], request: Callable[[], Any], timeout_s: float | None
    ) -> Iterator[Any]:
        """The answers of a stream. A lost stream is opened again with what ``request`` gives then,
        which must ask for what follows the last answer. Raises :class:`WaitTimeout` after
        ``timeout_s``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        outage = Outage(self.timeout_s)
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise WaitTimeout(f"The time of {timeout_s:g} s is over.")
            opened = time.monotonic()
            stream = method(request(), timeout=left)
            try:
                for answer in stream:
                    outage.end()
                    self._was_reached = True
                    yield answer
                return
            except grpc.RpcError as error:
                if time.monotonic() - opened > HEALTHY_S:
                    outage.end()
                    self._was_reached = True
                if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED and deadline is not None:
                    raise WaitTimeout(f"The time of {timeout_s:g} s is over.") from None
                self._judge(error, outage, deadline)
            finally:
                with contextlib.suppress(Exception):
                    stream.cancel()

    def _judge(self, error: grpc.RpcError, outage: Outage, deadline: float | None = None) -> None:
        """Sleep if trying again is right, else raise what it means."""
        known = from_grpc(error, self.address)
        if not isinstance(known, NotReached):
            self._was_reached = True
        if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
            # What went wrong before says more than that the time is over.
            raise (outage.last_error or known) from None
        if not isinstance(known, Unavailable):
            raise known from None
        outage.last_error = known
        most = outage.patience_s if self._was_reached else FIRST_CONTACT_S
        if not outage.may_go_on(min(most, outage.patience_s)):
            raise known from None
        # Who is away may be back at once; who has too much to do is left alone as long as it asks.
        outage.sleep(deadline, known.retry_after_s if isinstance(known, Overloaded) else 0.0)


class Outage:
    """How long the api has been away, and how long to wait before the next try."""

    def __init__(self, patience_s: float) -> None:
        self.patience_s = patience_s
        self.last_error: Unavailable | None = None
        self._began: float | None = None
        self._pause_s = _FIRST_PAUSE_S
        self._overloads = 0

    def end(self) -> None:
        self.last_error = None
        self._began = None
        self._pause_s = _FIRST_PAUSE_S
        self._overloads = 0

    def may_go_on(self, most_s: float) -> bool:
        now = time.monotonic()
        if self._began is None:
            self._began = now
        return now - self._began + self._pause_s < most_s

    def pause_s(self, least_s: float = 0.0) -> float:
        """How long to wait now: longer each time, with jitter, so that those who were sent away
        together do not come back together; never less than ``least_s``."""
        if least_s:
            longest = least_s * 2 ** min(self._overloads, 3)
            self._overloads += 1
            return random.uniform(least_s, max(longest, least_s * 1.5))  # noqa: S311 - jitter
        pause_s = self._pause_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, no secret
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return pause_s

    def sleep(self, deadline: float | None, least_s: float = 0.0) -> None:
        pause_s = self.pause_s(least_s)
        if deadline is not None:
            pause_s = min(pause_s, max(deadline - time.monotonic(), 0.0))
        time.sleep(pause_s)
