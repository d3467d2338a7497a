"""Settings that name several servers: a NATS cluster, a Postgres primary with its standbys."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from millstream.core.errors import MillstreamError

TARGET = "target_session_attrs"


class InvalidServers(MillstreamError):
    """Addresses that cannot be used; the text says what is allowed."""

    reason = "INVALID_SETTINGS"


class NatsServers(NamedTuple):
    """``urls`` are without credentials: these hold for every server, also for those that the
    cluster names later."""

    urls: list[str]
    user: str | None = None
    password: str | None = None
    token: str | None = None


def nats_servers(text: str) -> NatsServers:
    """``nats://user:password@a:4222,nats://b:4222,c``: the credentials stand in the first address,
    or in all of them. Raises :class:`InvalidServers`."""
    urls: list[str] = []
    known: tuple[str | None, str | None] = (None, None)
    for part in (part.strip() for part in text.split(",")):
        if not part:
            continue
        address = urlsplit(part if "://" in part else f"nats://{part}")
        if not address.hostname:
            raise _invalid("one of its addresses has no host")
        user, password = address.username, address.password
        if user is not None:
            if known not in ((None, None), (user, password)):
                raise _invalid("its addresses carry different credentials")
            known = (user, password)
        urls.append(address._replace(netloc=address.netloc.rpartition("@")[2]).geturl())
    if not urls:
        raise _invalid("it names no server")
    user, password = (text if text is None else unquote(text) for text in known)
    if password is None:
        return NatsServers(urls, token=user)
    return NatsServers(urls, user, password)


def _invalid(why: str) -> InvalidServers:
    """Without the setting itself, which may hold a password."""
    return InvalidServers(
        f"MILLSTREAM_NATS_URL cannot be used: {why}. Write the servers of one cluster with commas "
        f"between them, the credentials in the first: nats://user:password@a:4222,b:4222,c:4222"
    )


def postgres_urls(url: str) -> list[str]:
    """One address for each host of ``postgresql://user:password@a:5432,b:5432/database``, or the
    address itself. Raises :class:`InvalidServers`."""
    address = urlsplit(url)
    options = dict(parse_qsl(address.query))
    wanted = options.pop(TARGET, "any")
    if wanted not in ("any", "primary", "read-write"):
        raise InvalidServers(
            f"MILLSTREAM_DATABASE_URL asks for {TARGET}={wanted!r}; every service needs the "
            f"primary: leave it out, it is found by itself."
        )
    if "," in options.get("host", ""):
        raise InvalidServers(
            "MILLSTREAM_DATABASE_URL names several hosts as ?host=; write them in front of the "
            "database: postgresql://user:password@a:5432,b:5432/database"
        )
    credentials, at, hosts = address.netloc.rpartition("@")
    if "," not in hosts:
        return [url]
    query = urlencode(options)
    return [
        address._replace(netloc=f"{credentials}{at}{host.strip()}", query=query).geturl()
        for host in hosts.split(",")
        if host.strip()
    ]
