"""The question that a task asks about updates of assets, and an answer's parts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AssetEventsQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which updates: the latest ``limit`` ones of an asset or an alias. Without either: those that
    led to the asker's run."""

    name: str = ""
    uri: str = ""
    alias: str = ""
    after: datetime | None = None
    before: datetime | None = None
    limit: int = 1000


class AssetEventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An update as the read tables have it; oldest first in an answer."""

    position: int
    name: str
    uri: str
    extra: dict[str, Any]
    aliases: tuple[str, ...]
    dag_id: str
    run_id: str
    task_id: str
    map_index: tuple[int, ...]
    recorded_at: datetime


class AssetAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    events: tuple[AssetEventRecord, ...]
