"""The rows of variables and connections: what there is, without values."""

from __future__ import annotations

from millstream.core.events import (
    ConnectionDeleted,
    ConnectionSet,
    Event,
    VariableDeleted,
    VariableSet,
)
from millstream.projection.changes import Changes, text_of
from millstream.projection.rows import ConnectionRow, VariableRow


def change_secrets(changes: Changes, event: Event) -> None:
    """Fold one event about a variable or a connection."""
    namespace = event.where.namespace
    match event.data:
        case VariableSet() as data:
            changes.put_again(
                VariableRow(
                    namespace=namespace,
                    key=data.key,
                    version=data.version,
                    description=text_of(data.description),
                    updated_at=event.recorded_at,
                    position=event.position,
                )
            )
        case ConnectionSet() as data:
            changes.put_again(
                ConnectionRow(
                    namespace=namespace,
                    conn_id=data.conn_id,
                    version=data.version,
                    description=text_of(data.description),
                    updated_at=event.recorded_at,
                    position=event.position,
                )
            )
        case VariableDeleted(key=key):
            changes.drop(VariableRow, (namespace, key))
        case ConnectionDeleted(conn_id=conn_id):
            changes.drop(ConnectionRow, (namespace, conn_id))
        case _:
            pass
