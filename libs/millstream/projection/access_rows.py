"""The rows of users, roles and tokens: what there is, without anything secret."""

from __future__ import annotations

from millstream.core.events import (
    AccessData,
    Event,
    RoleGranted,
    RoleRevoked,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserDeleted,
)
from millstream.projection.changes import Changes, text_of
from millstream.projection.rows import RoleBindingRow, TokenRow, UserRow


def change_access(changes: Changes, event: Event, data: AccessData) -> None:
    """Fold one event about a user, a role or a token."""
    match data:
        case UserCreated(name=name):
            changes.put_again(
                UserRow(name=name, created_at=event.recorded_at, position=event.position)
            )
        case UserDeleted(name=name):
            changes.drop(UserRow, (name,))
        case RoleGranted():
            changes.put_again(
                RoleBindingRow(
                    subject=data.subject,
                    role=data.role,
                    namespace=data.namespace,
                    dag_id=data.dag_id,
                    granted_at=event.recorded_at,
                    granted_by=event.actor,
                    position=event.position,
                )
            )
        case RoleRevoked():
            changes.drop(RoleBindingRow, (data.subject, data.role, data.namespace, data.dag_id))
        case TokenCreated():
            changes.put_again(
                TokenRow(
                    token_id=data.token_id,
                    user_name=data.user,
                    label=text_of(data.label),
                    scopes=",".join(data.scopes),
                    created_at=event.recorded_at,
                    created_by=event.actor,
                    expires_at=data.expires_at,
                    position=event.position,
                )
            )
        case TokenRevoked(token_id=token_id):
            changes.drop(TokenRow, (token_id,))
