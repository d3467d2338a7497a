"""The two clients: the same calls, one that blocks and one for asyncio."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from millstream.client.access import Access
from millstream.client.address import find_address
from millstream.client.approvals import Approvals
from millstream.client.assets import Assets
from millstream.client.backfills import Backfills
from millstream.client.channel import Channel
from millstream.client.dags import DagCalls
from millstream.client.events import EventCalls
from millstream.client.explain import ExplainCalls
from millstream.client.grid import GridCalls
from millstream.client.history import History
from millstream.client.import_errors import ImportErrors
from millstream.client.logs import Logs
from millstream.client.models import Status, status_from
from millstream.client.modes import Async, M, Sync, call, run_now
from millstream.client.overview import OverviewCalls
from millstream.client.pools import Pools
from millstream.client.runs import RunCalls
from millstream.client.secret_keys import SecretKeys
from millstream.client.secrets import Connections, Variables
from millstream.client.target import Target, data_dir_asked, from_environment
from millstream.client.transport import AsyncTransport, SyncTransport, Transport
from millstream.rpc.v1 import system_pb2

TIMEOUT_S = 30.0


class _Api(
    DagCalls[M], RunCalls[M], GridCalls[M], EventCalls[M], ExplainCalls[M], OverviewCalls[M]
):
    """What both clients know. A group of calls is one line in ``__init__``."""

    def __init__(self, channel: Channel, namespace: str) -> None:
        super().__init__(channel, namespace)
        self.address = channel.address
        self.namespace = namespace
        self.variables: Variables[M] = Variables(channel, namespace)
        self.connections: Connections[M] = Connections(channel, namespace)
        self.assets: Assets[M] = Assets(channel, namespace)
        self.approvals: Approvals[M] = Approvals(channel, namespace)
        self.pools: Pools[M] = Pools(channel, namespace)
        self.logs: Logs[M] = Logs(channel, namespace)
        self.backfills: Backfills[M] = Backfills(channel, namespace)
        self.import_errors: ImportErrors[M] = ImportErrors(channel, namespace)
        self.history: History[M] = History(channel, namespace)
        self.access: Access[M] = Access(channel, namespace)
        self.secret_keys: SecretKeys[M] = SecretKeys(channel, namespace)

    @call
    async def status(self) -> Status:
        """Of the installation as a whole."""
        return status_from(await self._ask(system_pb2.GetStatusRequest()))

    @call
    async def look_up(self, what: str, name: str) -> str | None:
        """What a DAG file is told while it is read: ``what`` is "variable" or "connection". None if
        there is none. Raises :class:`InvalidArgument` for a secret."""
        return await self._find(what, name)

    async def _find(self, what: str, name: str) -> str | None:
        """What a DAG file looks up while it is read, as far as it is given out."""
        if what == "variable":
            return await self.variables.for_dag_file(name)
        return await self.connections.for_dag_file(name)


class Client(_Api[Sync]):
    """Talks to the api at ``address`` (``host:port``, or ``grpcs://host:port`` for TLS), or where
    :func:`find_address` finds one; ``target`` says more of it, such as a token.

    ``timeout_s`` bounds each call with its retries: a change carries an id, so that trying again
    never makes it twice. Every error is a :class:`MillstreamError`. A run is named by what
    :meth:`trigger` and the reads return, or by its run id where that is unique. One instance may be
    used from several threads.
    """

    def __init__(
        self,
        address: str | None = None,
        namespace: str = "default",
        timeout_s: float = TIMEOUT_S,
        *,
        data_dir: str | Path | None = None,
        target: Target | None = None,
    ) -> None:
        wanted = target or from_environment(
            address or find_address(data_dir), data_dir_asked(address, data_dir)
        )
        super().__init__(_channel(wanted, timeout_s, SyncTransport(wanted)), namespace)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        run_now(self._channel.transport.close())


class AsyncClient(_Api[Async]):
    """The calls of :class:`Client`, to be awaited: ``await client.trigger("etl")``,
    ``async for event in run.watch(): ...``. It belongs to the event loop of its first call."""

    def __init__(
        self,
        address: str | None = None,
        namespace: str = "default",
        timeout_s: float = TIMEOUT_S,
        *,
        data_dir: str | Path | None = None,
        target: Target | None = None,
    ) -> None:
        wanted = target or from_environment(
            address or find_address(data_dir), data_dir_asked(address, data_dir)
        )
        super().__init__(_channel(wanted, timeout_s, AsyncTransport(wanted)), namespace)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._channel.transport.close()


def _channel(target: Target, timeout_s: float, transport: Transport) -> Channel:
    return Channel(target.address, timeout_s, transport)
