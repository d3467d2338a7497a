"""Which api a client speaks to: its address, how it is made sure of, and as whom."""

from __future__ import annotations

import os
from pathlib import Path

import grpc
import msgspec

from millstream.client.address import DEFAULT_DATA_DIR
from millstream.core.errors import InvalidArgument

SECURE = "grpcs://"
PLAIN = "grpc://"
# What `millstream up` writes into its data directory where people must log in.
ADMIN_TOKEN_FILE = "admin.token"  # noqa: S105 - a name


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

    def __repr__(self) -> str:
        """Without the token."""
        return f"{type(self).__name__}({self.address!r})"

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


def from_environment(address: str, data_dir: str | Path | None = None) -> Target:
    """With what ``MILLSTREAM_API_TOKEN`` (or ``MILLSTREAM_API_TOKEN_FILE``),
    ``MILLSTREAM_API_CA_FILE``, ``MILLSTREAM_API_CERT_FILE`` and ``MILLSTREAM_API_KEY_FILE`` say.

    ``data_dir``: that of the api, if it is known; where people must log in ``millstream up`` made a
    token there, which is used if there is no other. Raises :class:`InvalidArgument` for a file that
    cannot be read.
    """
    names = ("token", "ca_file", "cert_file", "key_file")
    found = {name: os.environ.get(f"MILLSTREAM_API_{name.upper()}", "") for name in names}
    if not found["token"]:
        found["token"] = _token(os.environ.get("MILLSTREAM_API_TOKEN_FILE", ""), data_dir)
    if not address.startswith(SECURE):  # they may be meant for another one
        found = {"token": found["token"]}
    return Target(address=address, **found)


def data_dir_asked(address: str | None, data_dir: str | Path | None) -> str | Path | None:
    """The data directory whose api is asked; None if that is another one."""
    if address or (data_dir is None and os.environ.get("MILLSTREAM_API_ADDRESS")):
        return None
    return data_dir or os.environ.get("MILLSTREAM_DATA_DIR") or DEFAULT_DATA_DIR


def _token(file: str, data_dir: str | Path | None) -> str:
    if file:
        return (_read(file) or b"").decode("utf-8", "replace").strip()
    if data_dir is None:
        return ""
    try:
        return (Path(data_dir) / ADMIN_TOKEN_FILE).read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _read(path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidArgument(f"{path} cannot be read: {error.strerror}") from None
