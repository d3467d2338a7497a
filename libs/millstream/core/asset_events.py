"""The question that a task asks about updates of assets, and an answer's parts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AssetEventsQuestion(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Which updates: with ``is_of_run`` those that led to the asker's run, else the latest
    ``limit`` ones of an asset or an alias."""

    is_of_run: bool = False
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
