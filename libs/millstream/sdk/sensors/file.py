"""A sensor that waits for a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from millstream.sdk.connection import Connection
from millstream.sdk.errors import AirflowException, ConnectionNotFound
from millstream.sdk.sensors.sensor import BaseSensorOperator
from millstream.sdk.triggers.file import FileTrigger, find_file

if TYPE_CHECKING:
    from millstream.sdk.context import Context

DEFAULT_CONNECTION = "fs_default"


class FileSensor(BaseSensorOperator):
    """Waits until ``filepath``, which may be a glob, is there on the worker; a folder counts once
    it holds a file.

    A relative path is below the ``path`` in the extra of the connection ``fs_conn_id``, if there is
    one. ``deferrable``: a trigger looks, and no slot is taken.
    """

    template_fields: Sequence[str] = ("filepath", "fs_conn_id")

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        fs_conn_id: str = DEFAULT_CONNECTION,
        recursive: bool = False,
        deferrable: bool = False,
        start_from_trigger: bool = False,
        trigger_kwargs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.filepath = os.fspath(filepath) if isinstance(filepath, os.PathLike) else filepath
        self.fs_conn_id = fs_conn_id
        self.recursive = recursive
        self.deferrable = deferrable

    @property
    def path(self) -> str:
        """Where it looks."""
        return os.path.join(self._base(), self.filepath)

    def poke(self, context: Context) -> bool:
        """Is it there?"""
        found = find_file(self.path, self.recursive)
        self.log.info("looking for %s: %s", self.path, found or "not yet")
        return found is not None

    def execute(self, context: Context) -> Any:
        """Waits, or defers."""
        if not self.deferrable:
            return super().execute(context)
        if not self.poke(context):
            self.defer(
                trigger=FileTrigger(
                    self.path, recursive=self.recursive, poke_interval=self.poke_interval
                ),
                method_name="execute_complete",
                timeout=self.timeout,
            )
        return None

    def execute_complete(self, context: Context, event: Any = None) -> None:
        """The trigger says whether it found it."""
        if not event:
            raise AirflowException(f"task {self.task_id!r}: {self.filepath} was not found")

    def _base(self) -> str:
        try:
            extra = Connection.get(self.fs_conn_id).extra_dejson
        except ConnectionNotFound:
            if self.fs_conn_id == DEFAULT_CONNECTION:
                return ""
            raise
        return str(extra.get("path", ""))
