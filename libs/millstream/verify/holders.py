"""Users, and the roles and tokens that they hold."""

from __future__ import annotations

from typing import Any

from millstream.verify.rows import Row


class Holders:
    """What there is: nothing is made twice, and nothing goes that is not there."""

    def __init__(self) -> None:
        self._users: set[str] = set()
        self._roles: set[tuple[str, str, str, str]] = set()
        self._tokens: dict[str, str] = {}

    def add(self, row: Row, data: Any) -> str:
        """What is wrong with an event about such a thing, which is then taken; "" if nothing is."""
        match row.type:
            case "UserCreated":
                return self._make(self._users, data.name, f"user {data.name!r}")
            case "UserDeleted":
                left = [token for token, user in self._tokens.items() if user == data.name]
                if left:
                    return f"user {data.name!r} goes and leaves token {left[0]!r}"
                return self._end(self._users, data.name, f"user {data.name!r}")
            case "RoleGranted":
                role = (data.subject, data.role, data.namespace, data.dag_id)
                return self._make(self._roles, role, f"role {role!r}")
            case "RoleRevoked":
                role = (data.subject, data.role, data.namespace, data.dag_id)
                return self._end(self._roles, role, f"role {role!r}")
            case "TokenCreated":
                is_new = data.token_id not in self._tokens and data.user in self._users
                self._tokens[data.token_id] = data.user
                return "" if is_new else f"token {data.token_id!r} is there, or its user is not"
            case _:
                gone = self._tokens.pop(data.token_id, None)
                return "" if gone is not None else f"there is no token {data.token_id!r}"

    def _make(self, there: set[Any], what: Any, name: str) -> str:
        is_new = what not in there
        there.add(what)
        return "" if is_new else f"{name} is there already"

    def _end(self, there: set[Any], what: Any, name: str) -> str:
        is_there = what in there
        there.discard(what)
        return "" if is_there else f"there is no {name}"
