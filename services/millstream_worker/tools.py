"""What the attempts and triggers of a worker share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus
from millstream.adapters.settings import Settings
from millstream_worker.children import Children
from millstream_worker.code import CodeStore
from millstream_worker.guarding import Guarding
from millstream_worker.heartbeats import Heartbeats
from millstream_worker.hosts import Hosts
from millstream_worker.log_files import LogFiles
from millstream_worker.pulls import Pulls
from millstream_worker.reports import Reports
from millstream_worker.secrets import Secrets


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """``scratch`` is where large values pass between the worker and its children."""

    bus: Bus
    settings: Settings
    children: Children
    hosts: Hosts
    code: CodeStore
    blobs: FsspecBlobs
    reports: Reports
    scratch: Path
    secrets: Secrets
    logs: LogFiles
    heartbeats: Heartbeats
    guarding: Guarding
    pulls: Pulls

    @property
    def shard(self) -> int:
        return self.settings.shard

    @property
    def worker(self) -> str:
        """The name of this worker in claims and reports."""
        return self.settings.instance
