"""Variables and connections in files, for ``dag.test()``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from millstream.sdk.connection import Connection
from millstream.sdk.errors import AirflowException

_YAML = (".yaml", ".yml")


class StoreFiles:
    """A file with a JSON or YAML object of variables, and one of connections: each a URI or an
    object of fields. They are read when this is made; errors show nothing of their values."""

    def __init__(self, variables: str | Path | None, connections: str | Path | None) -> None:
        self._variables = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in _read("variable_file_path", variables).items()
        }
        self._connections = {
            conn_id: _connection(conn_id, value).as_json()
            for conn_id, value in _read("conn_file_path", connections).items()
        }

    def find_variable(self, key: str) -> str | None:
        """As :class:`Store` says."""
        return self._variables.get(key)

    def find_connection(self, conn_id: str) -> str | None:
        """As :class:`Store` says."""
        return self._connections.get(conn_id)


def _connection(conn_id: str, value: Any) -> Connection:
    text = value if isinstance(value, str) else json.dumps(value)
    return Connection.parse(text, conn_id)


def _read(argument: str, path: str | Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    file = Path(path)
    try:
        text = file.read_text()
    except OSError as error:
        raise AirflowException(
            f"{argument} is {str(path)!r}, which cannot be read: {error.strerror}"
        ) from None
    found = _parse(argument, file, text)
    if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
        raise AirflowException(f"{argument} is {str(path)!r}, which must hold an object of names")
    return found


def _parse(argument: str, file: Path, text: str) -> Any:
    if file.suffix in _YAML:
        try:
            import yaml
        except ModuleNotFoundError:
            raise AirflowException(
                f"{argument} is {str(file)!r}: PyYAML is not installed; write JSON, or install it"
            ) from None
        try:
            return yaml.safe_load(text)
        except yaml.YAMLError:
            raise AirflowException(f"{argument} is {str(file)!r}, which is no YAML") from None
    try:
        return json.loads(text)
    except ValueError:
        raise AirflowException(f"{argument} is {str(file)!r}, which is no JSON") from None
