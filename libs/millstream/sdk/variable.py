"""``Variable``: settings of an installation that DAGs share, by name."""

from __future__ import annotations

import json
from typing import Any

from millstream.sdk.errors import VariableNotFound
from millstream.sdk.stores import delete_variable, find_variable, set_variable

_UNSET: Any = object()


class Variable:
    """Reads and writes variables, as Airflow's class of this name. All methods are of the class."""

    @classmethod
    def get(
        cls,
        key: str,
        default: Any = _UNSET,
        deserialize_json: bool = False,
        *,
        default_var: Any = _UNSET,
    ) -> Any:
        """The value as a str, or with ``deserialize_json`` what its JSON holds.

        ``default`` (in Airflow 2 ``default_var``) is returned as it is where there is no such
        variable; without it :class:`VariableNotFound` is raised. The environment
        (``MILLSTREAM_VAR_<KEY>``, ``AIRFLOW_VAR_<KEY>``) comes before the store.
        """
        if default is not _UNSET and default_var is not _UNSET:
            raise TypeError("Variable.get() got both default and default_var; pass default alone")
        default = default_var if default is _UNSET else default
        try:
            return find_variable(key, is_json=deserialize_json)
        except VariableNotFound:
            if default is _UNSET:
                raise
            return default

    @classmethod
    def set(
        cls, key: str, value: Any, description: str | None = None, serialize_json: bool = False
    ) -> None:
        """Keeps the value under ``key``, from a running task; returns when it is committed.

        ``value``: a str, or a number or bool that is kept as its str; anything JSON with
        ``serialize_json``.
        """
        if serialize_json:
            value = json.dumps(value, indent=2)
        elif not isinstance(value, str | int | float):
            raise TypeError(
                f"the value of variable {key!r} is a {type(value).__name__}; pass a str, or "
                f"serialize_json=True"
            )
        set_variable(key, str(value), description)

    @classmethod
    def setdefault(
        cls,
        key: str,
        default: Any,
        description: str | None = None,
        deserialize_json: bool = False,
    ) -> Any:
        """The variable's value; if there is none, it is set to ``default`` first."""
        try:
            return find_variable(key, is_json=deserialize_json)
        except VariableNotFound:
            if default is None:
                raise ValueError(f"variable {key!r}: setdefault needs a default") from None
            cls.set(key, default, description, serialize_json=deserialize_json)
            return default

    @classmethod
    def update(cls, key: str, value: Any, serialize_json: bool = False) -> None:
        """:meth:`set` for a variable that exists; else :class:`VariableNotFound`."""
        find_variable(key)
        cls.set(key, value, serialize_json=serialize_json)

    @classmethod
    def delete(cls, key: str) -> int:
        """Forgets the variable; returns 1, or 0 if there was none."""
        return int(delete_variable(key))
