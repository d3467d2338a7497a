"""Which api a client speaks to: its address, how it is made sure of, and as whom."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
import msgspec

from millstream.core.errors import InvalidArgument

SECURE = "grpcs://"
PLAIN = "grpc://"


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """``address``: ``host:port``, or ``grpcs://host:port`` for TLS. ``token`` is sent with every
    call. ``ca_file`` holds the certificates that are trusted (else the system's), ``cert_file`` and
    ``key_file`` the client's own; all of them are PEM."""

    address: str
    token: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    @property
    def host(self) -> str:
        """For gRPC."""
        return self.address.removeprefix(SECURE).removeprefix(PLAIN).rstrip("/")

    @property
    def is_secure(self) -> bool:
        return self.address.startswith(SECURE)

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        return (("authorization", f"Bearer {self.token}"),) if self.token else ()

    def credentials(self) -> grpc.ChannelCredentials | None:
        """None without TLS. Raises :class:`InvalidArgument` for a file that cannot be read."""
        if not self.is_secure:
            if self.ca_file or self.cert_file or self.key_file:
                raise InvalidArgument(
                    f"{self.address} is without TLS and takes no certificates; write "
                    f"{SECURE}{self.host}."
                )
            return None
        if bool(self.cert_file) != bool(self.key_file):
            raise InvalidArgument("cert_file and key_file belong together; give both or none.")
        return grpc.ssl_channel_credentials(
            _read(self.ca_file), _read(self.key_file), _read(self.cert_file)
        )


def from_environment(address: str) -> Target:
    """With what ``MILLSTREAM_API_TOKEN``, ``MILLSTREAM_API_CA_FILE``, ``MILLSTREAM_API_CERT_FILE``
    and ``MILLSTREAM_API_KEY_FILE`` say."""
    names = ("token", "ca_file", "cert_file", "key_file")
    return Target(
        address=address,
        **{name: os.environ.get(f"MILLSTREAM_API_{name.upper()}", "") for name in names},
    )


def _read(path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from None
