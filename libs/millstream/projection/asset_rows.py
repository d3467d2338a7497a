"""The rows of assets, and of their updates."""

from __future__ import annotations

import msgspec

from millstream.core.asset_conditions import AssetRef
from millstream.core.assets import refs_of
from millstream.core.events import AssetUpdated, Event
from millstream.core.spec import DagSpec
from millstream.projection.changes import Changes
from millstream.projection.changes import text_of as _text
from millstream.projection.rows import AssetEventRow, AssetRow


def name_assets(changes: Changes, event: Event, spec: DagSpec) -> None:
    """The assets that a version of a DAG knows."""
    for ref in refs_of(spec):
        if isinstance(ref, AssetRef) and ref.name and ref.uri:
            _name_asset(changes, event, ref.name, ref.uri, ref.group)


def update_asset(changes: Changes, event: Event, data: AssetUpdated) -> None:
    where = event.where
    if data.aliases:  # no spec may name it
        _name_asset(changes, event, data.name, data.uri, "")
    changes.put(
        AssetEventRow(
            position=event.position,
            namespace=where.namespace,
            name=_text(data.name),
            uri=_text(data.uri),
            extra=msgspec.json.encode(data.extra).decode(),
            aliases=msgspec.json.encode(data.aliases).decode(),
            dag_id=where.dag_id,
            run_id=where.run_id,
            task_id=where.task_id,
            map_index=where.map_index,
            recorded_at=event.recorded_at,
        )
    )


def _name_asset(changes: Changes, event: Event, name: str, uri: str, group: str) -> None:
    changes.put(
        AssetRow(
            namespace=event.where.namespace,
            name=_text(name),
            uri=_text(uri),
            asset_group=_text(group),
            position=event.position,
        )
    )
