"""``Connection``: how to reach another system, as fields, as a URI and as JSON.

The spellings are those of Airflow, so that what was exported there can be imported here.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from millstream.sdk.errors import AirflowException
from millstream.sdk.masking import mask_secret

FIELDS = ("conn_type", "description", "host", "login", "password", "schema", "port", "extra")
LAST_PORT = 65535

_log = logging.getLogger(__name__)


class Connection:
    """Where another system is and how to get in.

    ``extra`` is the text of a JSON object (a dict is turned into it). Either ``uri`` or the single
    fields are given. Errors name the field that is wrong and never show the password.
    """

    EXTRA_KEY = "__extra__"

    def __init__(
        self,
        conn_id: str | None = None,
        conn_type: str | None = None,
        description: str | None = None,
        host: str | None = None,
        login: str | None = None,
        password: str | None = None,
        schema: str | None = None,
        port: int | None = None,
        extra: str | dict[str, Any] | None = None,
        uri: str | None = None,
    ) -> None:
        given = (conn_type, host, login, password, schema, port, extra)
        if uri is not None and any(value is not None for value in given):
            raise AirflowException(
                f"connection {conn_id!r}: pass either uri or the fields (conn_type, host, login, "
                f"password, schema, port, extra), not both"
            )
        self.conn_id = conn_id
        self.description = description
        self.conn_type = conn_type
        self.host = host
        self.login = login
        self.password = password
        self.schema = schema
        self.port = _port(conn_id, port)
        self.extra = json.dumps(extra) if isinstance(extra, dict) else extra
        if uri is not None:
            self._read_uri(uri)
        for field in (*FIELDS, "conn_id"):
            value = getattr(self, field)
            if field != "port" and value is not None and not isinstance(value, str):
                shown = type(value).__name__
                raise TypeError(f"connection {conn_id!r}: {field} must be a str, not a {shown}")

    @classmethod
    def get(cls, conn_id: str) -> Connection:
        """The connection of this id, for a task. Raises :class:`ConnectionNotFound`."""
        from millstream.sdk.stores import find_connection

        return find_connection(conn_id)

    get_connection_from_secrets = get

    @classmethod
    async def async_get(cls, conn_id: str) -> Connection:
        """:meth:`get`, without blocking the event loop."""
        return await asyncio.to_thread(cls.get, conn_id)

    @classmethod
    def from_uri(cls, uri: str, conn_id: str | None = None) -> Connection:
        """``type://login:password@host:port/schema?key=value``; what is special in a part is
        quoted as in URLs."""
        return cls(conn_id=conn_id, uri=uri)

    @classmethod
    def from_json(cls, value: str, conn_id: str | None = None) -> Connection:
        """From a JSON object with the fields; ``extra`` may be an object or its text."""
        try:
            fields = json.loads(value)
        except ValueError:
            raise AirflowException(f"connection {conn_id!r}: the JSON cannot be read") from None
        if not isinstance(fields, dict):
            raise AirflowException(f"connection {conn_id!r}: the JSON must be an object")
        unknown = sorted(set(fields) - {*FIELDS, "conn_id"})
        if unknown:
            raise AirflowException(
                f"connection {conn_id!r}: the JSON has the unknown key {unknown[0]!r}; the keys "
                f"are {', '.join(FIELDS)}"
            )
        fields["conn_id"] = conn_id or fields.get("conn_id")
        extra, kind, port = fields.get("extra"), fields.get("conn_type"), fields.get("port")
        fields["extra"] = extra if isinstance(extra, str) else json.dumps(extra) if extra else None
        fields["conn_type"] = _normal_type(kind) if isinstance(kind, str) else kind
        fields["port"] = None if port == "" else port
        return cls(**fields)

    @classmethod
    def parse(cls, text: str, conn_id: str) -> Connection:
        """From what an environment variable holds: JSON if it begins with ``{``, else a URI."""
        text = text.strip()
        return cls.from_json(text, conn_id) if text[:1] == "{" else cls.from_uri(text, conn_id)

    def to_dict(self, *, prune_empty: bool = False) -> dict[str, Any]:
        """The fields by name; ``extra`` as an object."""
        fields: dict[str, Any] = {"conn_id": self.conn_id}
        fields |= {field: getattr(self, field) for field in FIELDS if field != "extra"}
        if prune_empty:
            fields = {name: value for name, value in fields.items() if value is not None}
        extra = self.extra_dejson
        if extra or not prune_empty:
            fields["extra"] = extra
        return fields

    def as_json(self) -> str:
        """The JSON text that :meth:`from_json` reads, without the id."""
        fields = self.to_dict(prune_empty=True)
        fields.pop("conn_id", None)
        return json.dumps(fields)

    @property
    def extra_dejson(self) -> dict[str, Any]:
        """``extra`` as an object; {} for one that is empty or no JSON. What it holds under names
        of secrets is masked in logs."""
        if not self.extra:
            return {}
        try:
            extra: dict[str, Any] = json.loads(self.extra)
        except ValueError:
            _log.error("connection %r: extra is no JSON; it is taken as empty", self.conn_id)
            return {}
        mask_secret(extra)
        return extra

    def get_extra_dejson(self) -> dict[str, Any]:
        """:attr:`extra_dejson`, as a method."""
        return self.extra_dejson

    def get_password(self) -> str | None:
        """The password."""
        return self.password

    def get_uri(self) -> str:
        """The connection as a URI that :meth:`from_uri` reads."""
        kind = self.conn_type.lower().replace("_", "-") + ":" if self.conn_type else ""
        protocol, host = "", self.host or ""
        if "://" in host:
            first, rest = host.split("://", 1)
            if first != self.conn_type:
                protocol, host = f"{first}://", rest
        login = "" if self.login is None else quote(self.login, safe="")
        if self.password is not None:
            login += ":" + quote(self.password, safe="")
        place = quote(host, safe="")
        if self.port is not None:
            place += f":{self.port}" if place or login else f"@:{self.port}"
        schema = f"/{quote(self.schema, safe='')}" if self.schema else ""
        login += "@" if login else ""
        return f"{kind}//{protocol}{login}{place}{schema}{self._query()}"

    def _query(self) -> str:
        """``extra`` behind the ``?``: key by key where that says it all, else as JSON under one
        key."""
        if not self.extra:
            return ""
        extra = self.extra_dejson
        try:
            query = urlencode(extra)
        except TypeError:  # no object
            query = ""
        if not query or dict(parse_qsl(query, keep_blank_values=True)) != extra:
            query = urlencode({self.EXTRA_KEY: self.extra})
        return ("?" if self.schema else "/?") + query

    def _read_uri(self, uri: str) -> None:
        parts = uri.split("://")
        if len(parts) == 1 and not uri.startswith("//"):
            raise self._bad_uri("it must begin with its type, as in postgres://login@host/db")
        if len(parts) > 3:
            raise self._bad_uri("it has '://' more than twice")
        kind, rest = (parts[0], "//" + parts[1]) if len(parts) > 1 else ("", uri)
        protocol = ""
        if len(parts) == 3:  # type://protocol://host
            protocol, rest = parts[1], "//" + parts[2]
            if "@" in protocol or ":" in protocol:
                raise self._bad_uri("the protocol goes before the login, as in http://http://u:p@h")
        try:
            split = urlsplit(rest)
            port = split.port
        except ValueError:  # its text may hold the password
            raise self._bad_uri("its port or its host cannot be read") from None
        host = _host(split)
        self.conn_type = _normal_type(kind.lower())
        self.host = f"{protocol}://{host}" if protocol and host else host
        self.schema = unquote(split.path[1:])
        self.login = None if split.username is None else unquote(split.username)
        self.password = None if split.password is None else unquote(split.password)
        self.port = port
        if split.query:
            query = dict(parse_qsl(split.query, keep_blank_values=True))
            self.extra = query.get(self.EXTRA_KEY, json.dumps(query))

    def _bad_uri(self, what: str) -> AirflowException:
        return AirflowException(f"connection {self.conn_id!r}: its URI cannot be used: {what}")

    def get_hook(self, *, hook_params: dict[str, Any] | None = None) -> Any:
        """A hook for this connection, by its type; see :class:`BaseHook`."""
        from millstream.sdk.hook import hook_class

        found = hook_class(self.conn_type, self.conn_id)
        return found(**{found.conn_name_attr: self.conn_id}, **(hook_params or {}))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connection) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<Connection {self.conn_id!r} ({self.conn_type or 'of no type'})>"


def mask_connection(connection: Connection) -> None:
    """Its password, and what ``extra`` holds under names of secrets, are masked in logs."""
    mask_secret(connection.password)
    _ = connection.extra_dejson


def _port(conn_id: str | None, port: object) -> int | None:
    if port is None:
        return None
    if isinstance(port, str) and port.isascii() and port.isdigit():
        port = int(port)
    if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= LAST_PORT:
        raise ValueError(
            f"connection {conn_id!r}: port is {port!r}; it must be a number from 0 to {LAST_PORT}"
        )
    return port


def _normal_type(kind: str) -> str:
    return "postgres" if kind == "postgresql" else kind.replace("-", "_")


def _host(split: SplitResult) -> str:
    """The host, unquoted; in lower case as everywhere in URLs, unless it holds a path."""
    host = unquote(split.hostname or "")
    if "/" in host:
        place = split.netloc.rsplit("@", 1)[-1]
        host = unquote(place.split(":", 1)[0])
    return host
