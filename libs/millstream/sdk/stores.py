"""Where variables and connections are looked for: what was put before everything else, the
environment, then Millstream's store; and ``var`` and ``conn``, by which templates do so.

The store is whatever the process that runs tasks says (:func:`asking`): in a worker's child the
socket to the worker, in ``dag.test()`` a dict. It is one of the process and not of a context,
since threads that a task starts must find it too.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from millstream.sdk.connection import Connection, mask_connection
from millstream.sdk.errors import AirflowException, ConnectionNotFound, VariableNotFound
from millstream.sdk.masking import mask_secret

_PREFIXES = ("MILLSTREAM", "AIRFLOW")
_UNSET: Any = object()


class Source(Protocol):
    """Where variables and connections can be found. What cannot be reached raises."""

    def find_variable(self, key: str) -> str | None:
        """Its value, or None."""
        ...

    def find_connection(self, conn_id: str) -> str | None:
        """The JSON of the connection, or None."""
        ...


class Store(Source, Protocol):
    """Where variables are kept as well."""

    def set_variable(self, key: str, value: str, description: str) -> None:
        """Returns when it is committed."""
        ...

    def delete_variable(self, key: str) -> bool:
        """Whether there was one."""
        ...


_first: Source | None = None
_store: Store | None = None


@contextmanager
def asking(store: Store) -> Iterator[None]:
    """Within it, this store is asked."""
    global _store
    before, _store = _store, store
    try:
        yield
    finally:
        _store = before


@contextmanager
def asking_first(source: Source) -> Iterator[None]:
    """Within it, this source is asked before the environment."""
    global _first
    before, _first = _first, source
    try:
        yield
    finally:
        _first = before


def find_variable(key: str, *, is_json: bool = False) -> Any:
    """The value, and if its name is one of a secret, it is masked in logs from now on. Raises
    :class:`VariableNotFound`."""
    _check_name("the key of a variable", key)
    found = None if _first is None else _first.find_variable(key)
    if found is None:
        found = _in_environment("VAR", key)
    if found is None and _store is not None:
        found = _store.find_variable(key)
    if found is None:
        raise VariableNotFound(
            f"there is no variable {key!r}; {_looked_in('VAR', key)}; set it with: "
            f"millstream variables set {key} VALUE"
        )
    mask_secret(found, key)
    if not is_json:
        return found
    try:
        value = json.loads(found)
    except ValueError as error:
        where = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "it"
        raise AirflowException(
            f"variable {key!r} is no JSON ({where} cannot be read); correct it, or get it without "
            f"deserialize_json"
        ) from None
    mask_secret({key: value})
    return value


def find_connection(conn_id: str) -> Connection:
    """The connection; its secrets are masked in logs from now on. Raises
    :class:`ConnectionNotFound`."""
    _check_name("a conn_id", conn_id)
    given = None if _first is None else _first.find_connection(conn_id)
    text = _in_environment("CONN", conn_id)
    if given is not None:
        connection = Connection.from_json(given, conn_id)
    elif text:
        mask_secret(text)
        connection = Connection.parse(text, conn_id)
    else:
        found = None if _store is None else _store.find_connection(conn_id)
        if found is None:
            raise ConnectionNotFound(
                f"there is no connection {conn_id!r}; {_looked_in('CONN', conn_id)}; add it with: "
                f"millstream connections add {conn_id} --uri URI"
            )
        connection = Connection.from_json(found, conn_id)
    mask_connection(connection)
    return connection


def set_variable(key: str, value: str, description: str | None) -> None:
    """Keeps it in the store."""
    _check_name("the key of a variable", key)
    mask_secret(value, key)
    _needed("set", key).set_variable(key, value, description or "")


def delete_variable(key: str) -> bool:
    """Whether there was one in the store."""
    _check_name("the key of a variable", key)
    return _needed("delete", key).delete_variable(key)


def _needed(verb: str, key: str) -> Store:
    if _store is None:
        raise AirflowException(
            f"variable {key!r} cannot be {verb} here: that works inside a running task only; "
            f"elsewhere use: millstream variables {verb} {key}"
        )
    return _store


def _check_name(what: str, name: object) -> None:
    if not isinstance(name, str) or not name:
        raise TypeError(f"{what} must be a str that is not empty, not {name!r}")


def _in_environment(kind: str, name: str) -> str | None:
    for variable in _environment_names(kind, name):
        if variable in os.environ:
            return os.environ[variable]
    return None


def _environment_names(kind: str, name: str) -> list[str]:
    return [f"{prefix}_{kind}_{name.upper()}" for prefix in _PREFIXES]


def _looked_in(kind: str, name: str) -> str:
    places = f"it is neither in the environment ({', '.join(_environment_names(kind, name))})"
    if _store is not None:
        return f"{places} nor in the store"
    return f"{places} nor is there a store to ask, since no task is running here"


class VariableAccessor:
    """``var.value`` and ``var.json`` of contexts: ``var.value.x``, ``var.value.get("x", 1)``."""

    def __init__(self, is_json: bool) -> None:
        self._is_json = is_json

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):  # asked by Python itself
            raise AttributeError(key)
        return find_variable(key, is_json=self._is_json)

    def __getitem__(self, key: str) -> Any:
        return find_variable(key, is_json=self._is_json)

    def get(self, key: str, default: Any = _UNSET) -> Any:
        """The variable's value, or ``default``."""
        try:
            return find_variable(key, is_json=self._is_json)
        except VariableNotFound:
            if default is _UNSET:
                raise
            return default

    def __repr__(self) -> str:
        return f"<var.{'json' if self._is_json else 'value'}>"


class VariableAccessors:
    """``var`` of contexts."""

    value = VariableAccessor(is_json=False)
    json = VariableAccessor(is_json=True)

    def __repr__(self) -> str:
        return "<var: use var.value or var.json>"


class ConnectionAccessor:
    """``conn`` of contexts: ``conn.my_db.host``, ``conn.get("my_db")``."""

    def __getattr__(self, conn_id: str) -> Connection:
        if conn_id.startswith("__"):
            raise AttributeError(conn_id)
        return find_connection(conn_id)

    def __getitem__(self, conn_id: str) -> Connection:
        return find_connection(conn_id)

    def get(self, conn_id: str, default_conn: Any = None) -> Any:
        """The connection, or ``default_conn``."""
        try:
            return find_connection(conn_id)
        except ConnectionNotFound:
            return default_conn

    def __repr__(self) -> str:
        return "<conn>"


var = VariableAccessors()
conn = ConnectionAccessor()
