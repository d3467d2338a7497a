"""``servers.json``: ports and passwords of the embedded servers of a data directory."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec

from millstream.core.errors import MillstreamError
from millstream.embedded.ports import PortClaims
from millstream.embedded.privatefile import write_private

NAME = "servers.json"


class ServerFile(msgspec.Struct, frozen=True, kw_only=True):
    """Where the embedded servers listen and who may log in. No part of a password needs quoting."""

    nats_port: int
    nats_http_port: int
    postgres_port: int
    user: str
    nats_password: str
    postgres_password: str


def settle(data_dir: Path, claims: PortClaims) -> ServerFile:
    """Ports and passwords of ``data_dir``: the ones of last time, with new ports where taken."""
    path = data_dir / NAME
    try:
        last = msgspec.json.decode(path.read_bytes(), type=ServerFile)
    except FileNotFoundError:
        last = ServerFile(
            nats_port=0,
            nats_http_port=0,
            postgres_port=0,
            user="millstream",
            nats_password=secrets.token_urlsafe(24),
            postgres_password=secrets.token_urlsafe(24),
        )
    except (OSError, msgspec.DecodeError) as error:
        raise MillstreamError(f"{path} cannot be read: {error}") from error
    settled = msgspec.structs.replace(
        last,
        nats_port=claims.choose(last.nats_port),
        nats_http_port=claims.choose(last.nats_http_port),
        postgres_port=claims.choose(last.postgres_port),
    )
    if settled != last:
        write_private(path, msgspec.json.format(msgspec.json.encode(settled)))
    return settled
