"""``BaseHook``: the base of classes that talk to another system through a connection."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

from millstream.sdk.connection import Connection
from millstream.sdk.errors import AirflowException

_hooks: dict[str, type[BaseHook]] = {}


class BaseHook:
    """A subclass that sets ``conn_type`` is what :meth:`get_hook` makes for connections of that
    type, once its module is imported; ``conn_name_attr`` is the argument of its ``__init__`` that
    takes the id of the connection."""

    conn_type: ClassVar[str | None] = None
    conn_name_attr: ClassVar[str] = "conn_id"
    hook_name: ClassVar[str] = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        conn_type = cls.__dict__.get("conn_type")
        if isinstance(conn_type, str) and conn_type:
            _hooks[conn_type] = cls

    def __init__(self, logger_name: str | None = None) -> None:
        self._logger_name = logger_name

    @classmethod
    def get_connection(cls, conn_id: str) -> Connection:
        """The connection of this id. Raises :class:`ConnectionNotFound`."""
        return Connection.get(conn_id)

    @classmethod
    async def aget_connection(cls, conn_id: str) -> Connection:
        """:meth:`get_connection`, without blocking the event loop."""
        return await Connection.async_get(conn_id)

    @classmethod
    def get_hook(cls, conn_id: str, hook_params: dict[str, Any] | None = None) -> Any:
        """A hook for the connection, by its type."""
        return cls.get_connection(conn_id).get_hook(hook_params=hook_params)

    def get_conn(self) -> Any:
        """What talks to the other system; subclasses say what it is."""
        raise NotImplementedError(f"{type(self).__name__} has no get_conn method")

    @property
    def log(self) -> logging.Logger:
        """The hook's logger."""
        name = getattr(self, "_logger_name", None)
        return logging.getLogger(f"millstream.task.hooks.{name or type(self).__qualname__}")

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """For Airflow's web page alone."""
        return {}

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """For Airflow's web page alone."""
        return {}


def hook_class(conn_type: str | None, conn_id: str | None) -> type[BaseHook]:
    """The class of hooks for a type of connection. Raises :class:`AirflowException`."""
    found = _hooks.get(conn_type or "")
    if found is None:
        known = ", ".join(map(repr, sorted(_hooks)))
        raise AirflowException(
            f"connection {conn_id!r} has the type {conn_type!r}, for which no hook is known here; "
            f"import a subclass of BaseHook with conn_type = {conn_type!r} (known: "
            f"{known or 'none'})"
        )
    return found
