"""A stack whose NATS is a cluster, or whose Postgres has a standby."""

from __future__ import annotations

from pathlib import Path

from cluster.nats_cluster import NatsCluster
from cluster.postgres_pair import PostgresPair
from integration.running_stack import ForkedStack

LEASE_S = "5"


class ClusterStack(ForkedStack):
    """What judges it from the outside asks a server that runs."""

    def __init__(
        self,
        data_dir: Path,
        nats: NatsCluster | None = None,
        postgres: PostgresPair | None = None,
        environment: dict[str, str] | None = None,
    ) -> None:
        settings = {"MILLSTREAM_LEASE_S": LEASE_S}
        if nats is not None:
            settings |= {
                "MILLSTREAM_NATS_URL": nats.urls(),
                "MILLSTREAM_STREAM_REPLICAS": "3",
                "MILLSTREAM_STREAM_MAX_BYTES": str(256 * 1024**2),
                "MILLSTREAM_INBOX_MAX_BYTES": str(64 * 1024**2),
            }
        if postgres is not None:
            settings["MILLSTREAM_DATABASE_URL"] = postgres.url
        super().__init__(data_dir, settings | (environment or {}))
        self._nats = nats
        self._postgres = postgres

    @property
    def nats_url(self) -> str:
        return super().nats_url if self._nats is None else self._nats.live_url

    @property
    def database_url(self) -> str:
        if self._postgres is None:
            return super().database_url
        pair = self._postgres
        return (pair.primary if pair.primary.is_running else pair.standby).url
