"""Settings that name several servers: a NATS cluster, a Postgres primary with its standbys."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from millstream.core.errors import MillstreamError

TARGET = "target_session_attrs"


class InvalidServers(MillstreamError):
    """Addresses that cannot be used; the text says what is allowed."""

    reason = "INVALID_SETTINGS"


class NatsTls(NamedTuple):
    """PEM files: the CA of the servers ("": those of the machine), and what is shown to them."""

    ca: str = ""
    cert: str = ""
    key: str = ""


class NatsServers(NamedTuple):
    """``urls`` are without credentials: these hold for every server, also for those that the
    cluster names later. So does ``tls``; a server whose address begins with ``tls://`` has TLS in
    any case."""

    urls: list[str]
    user: str | None = None
    password: str | None = None
    token: str | None = None
    tls: NatsTls | None = None


def nats_servers(text: str) -> NatsServers:
    """``nats://user:password@a:4222,nats://b:4222,c``: the credentials stand in the first address,
    or in all of them. ``?tls_ca=FILE&tls_cert=FILE&tls_key=FILE`` behind any of them: all servers
    have TLS. Raises :class:`InvalidServers`."""
    urls: list[str] = []
    files: dict[str, str] = {}
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
        files |= parse_qsl(address.query, keep_blank_values=True)
        netloc = address.netloc.rpartition("@")[2]
        urls.append(address._replace(netloc=netloc, query="").geturl())
    if not urls:
        raise _invalid("it names no server")
    tls = _nats_tls(files)
    if tls is not None:
        urls = [url.replace("nats://", "tls://", 1) for url in urls]
    user, password = (text if text is None else unquote(text) for text in known)
    if password is None:
        return NatsServers(urls, token=user, tls=tls)
    return NatsServers(urls, user, password, tls=tls)


def _nats_tls(files: dict[str, str]) -> NatsTls | None:
    known = {f"tls_{name}": name for name in NatsTls._fields}
    unknown = sorted(set(files) - set(known))
    if unknown:
        raise _invalid(f"it has the option {unknown[0]!r}; there are {', '.join(known)}")
    tls = NatsTls(**{known[name]: path for name, path in files.items()})
    if bool(tls.cert) != bool(tls.key):
        raise _invalid("tls_cert and tls_key go together")
    return tls if files else None


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
