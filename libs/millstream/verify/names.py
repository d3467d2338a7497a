"""Things with names and versions: variables, connections and pools."""

from __future__ import annotations

from typing import Any

from millstream.verify.places import DEFAULT_POOL, Places, Pool
from millstream.verify.rows import Row


class Names:
    """The version of each variable and connection that there is."""

    def __init__(self, places: Places) -> None:
        self._versions: dict[tuple[str, str, str], int] = {}
        self._places = places

    def add(self, row: Row, data: Any) -> str:
        """What is wrong with an event about such a thing, which is then taken; "" if nothing is."""
        match row.type:
            case "VariableSet":
                return self._set(("variable", row.namespace, data.key), data.version)
            case "VariableDeleted":
                return self._delete(("variable", row.namespace, data.key))
            case "ConnectionSet":
                return self._set(("connection", row.namespace, data.conn_id), data.version)
            case "ConnectionDeleted":
                return self._delete(("connection", row.namespace, data.conn_id))
            case "PoolSet":
                pool = Pool(data.slots, data.include_deferred)
                self._places.pools[row.namespace, data.name] = pool
                return ""
            case _:
                gone = self._places.pools.pop((row.namespace, data.name), None)
                is_known = gone is not None or data.name == DEFAULT_POOL
                return "" if is_known else f"there is no pool {data.name!r}"

    def _set(self, key: tuple[str, str, str], version: int) -> str:
        before = self._versions.get(key, 0)
        self._versions[key] = version
        if version == before + 1:
            return ""
        return f"version {version} of {key[0]} {key[2]!r} follows version {before}"

    def _delete(self, key: tuple[str, str, str]) -> str:
        gone = self._versions.pop(key, None)
        return "" if gone is not None else f"there is no {key[0]} {key[2]!r}"
