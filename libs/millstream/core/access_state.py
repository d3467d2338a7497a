"""Users, their roles and their tokens as they stand: a fold of the log, like everything else.

The scheduler decides with it, and each api asks it who a caller is. No secret is in it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import get_args

import msgspec

from millstream.core.access import GROUP, Binding, Role, parse_binding
from millstream.core.errors import InvalidArgument
from millstream.core.events import (
    AccessData,
    RoleGranted,
    RoleRevoked,
    TokenCreated,
    TokenRevoked,
    UserCreated,
    UserDeleted,
)

# The types of the events that say it.
ACCESS_TYPES = tuple(kind.__name__ for kind in get_args(AccessData))


class Token(msgspec.Struct, frozen=True):
    """A token that was made and not revoked. ``scopes`` (): all that its user may."""

    token_id: str
    user: str
    scopes: tuple[Binding, ...] = ()
    expires_at: datetime | None = None


@dataclass(slots=True)
class Access:
    """``bindings`` are those of each subject, in the order in which they were granted; ``owned``
    the ids of the tokens of each user."""

    users: dict[str, None] = field(default_factory=dict)
    bindings: dict[str, dict[Binding, None]] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    owned: dict[str, dict[str, None]] = field(default_factory=dict)

    def bindings_of(self, user: str, groups: Iterable[str] = ()) -> tuple[Binding, ...]:
        """All that a user has, by name and through groups."""
        subjects = (user, *(f"{GROUP}{group}" for group in groups))
        return tuple(binding for name in subjects for binding in self.bindings.get(name, ()))

    def tokens_of(self, user: str) -> list[Token]:
        return [self.tokens[token_id] for token_id in self.owned.get(user, ())]


def fold_access(access: Access, data: AccessData) -> None:
    """Fold one event, of which :func:`is_legal_access` has said that it may happen."""
    match data:
        case UserCreated(name=name):
            access.users[name] = None
        case UserDeleted(name=name):
            del access.users[name]
            access.owned.pop(name, None)
        case RoleGranted():
            access.bindings.setdefault(data.subject, {})[binding_of(data)] = None
        case RoleRevoked():
            del access.bindings[data.subject][binding_of(data)]
            if not access.bindings[data.subject]:
                del access.bindings[data.subject]
        case TokenCreated():
            scopes = tuple(parse_binding(scope) for scope in data.scopes)
            token = Token(data.token_id, data.user, scopes, data.expires_at)
            access.tokens[data.token_id] = token
            access.owned.setdefault(data.user, {})[data.token_id] = None
        case TokenRevoked(token_id=token_id):
            owned = access.owned[access.tokens.pop(token_id).user]
            del owned[token_id]


def is_legal_access(access: Access, data: AccessData) -> bool:
    """Does the event fit what is there?"""
    match data:
        case UserCreated(name=name):
            return name not in access.users
        case UserDeleted(name=name):
            return name in access.users
        case RoleGranted():
            return binding_of(data) not in access.bindings.get(data.subject, {})
        case RoleRevoked():
            return binding_of(data) in access.bindings.get(data.subject, {})
        case TokenCreated():
            is_new = data.token_id not in access.tokens and data.user in access.users
            return is_new and all(map(_is_scope, data.scopes))
        case TokenRevoked(token_id=token_id):
            return token_id in access.tokens


def _is_scope(text: str) -> bool:
    try:
        parse_binding(text)
    except InvalidArgument:
        return False
    return True


def binding_of(data: RoleGranted | RoleRevoked) -> Binding:
    return Binding(Role(data.role), data.namespace, data.dag_id)
