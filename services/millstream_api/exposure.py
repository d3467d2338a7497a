"""Where the api listens, and whether it may: without logins on the loopback interface alone, and
elsewhere with TLS. Also the credentials of its own side of TLS."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Any

import grpc
import structlog

from millstream.adapters.settings import PREFIX, InvalidSettings, Settings, secret_text

log = structlog.get_logger(__name__)

LEAST_ADMIN_TOKEN = 24


def check_exposure(settings: Settings) -> None:
    """Raises :class:`InvalidSettings` for an api that would be open to others."""
    is_local = is_loopback(settings.grpc_host)
    if settings.auth == "local" and not is_local:
        raise InvalidSettings(
            f"{PREFIX}GRPC_HOST={settings.grpc_host} is not the loopback interface, and nobody "
            f"would have to log in: set {PREFIX}AUTH=required and {PREFIX}ADMIN_TOKEN_FILE (see "
            f"docs/guide/security.md)."
        )
    has_tls = bool(settings.grpc_tls_cert and settings.grpc_tls_key)
    if bool(settings.grpc_tls_cert) != bool(settings.grpc_tls_key):
        raise InvalidSettings(f"{PREFIX}GRPC_TLS_CERT and {PREFIX}GRPC_TLS_KEY go together.")
    if settings.grpc_tls_client_ca and not has_tls:
        raise InvalidSettings(f"{PREFIX}GRPC_TLS_CLIENT_CA needs {PREFIX}GRPC_TLS_CERT.")
    if not is_local and not has_tls and not settings.grpc_plaintext:
        raise InvalidSettings(
            f"{PREFIX}GRPC_HOST={settings.grpc_host} is not the loopback interface, and tokens "
            f"would be sent in plain text: set {PREFIX}GRPC_TLS_CERT and {PREFIX}GRPC_TLS_KEY, or "
            f"{PREFIX}GRPC_PLAINTEXT=true where something in front of the api encrypts."
        )
    if settings.auth == "required":
        _check_admin_token(secret_text(settings, "admin_token"))
    if has_tls:
        tls_credentials(settings)


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def tls_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """None without TLS. New files are taken at the next connection. Raises
    :class:`InvalidSettings`."""
    if not settings.grpc_tls_cert:
        return None
    current = _Files(settings)
    first = current.read()

    def fetch() -> grpc.ServerCertificateConfiguration | None:
        try:
            return current.read_again()
        except InvalidSettings as error:  # go on with what there is
            log.warning("tls_files_not_read", error=str(error))
            return None

    again: Any = fetch  # None: as before
    return grpc.dynamic_ssl_server_credentials(
        first, again, require_client_authentication=bool(settings.grpc_tls_client_ca)
    )


class _Files:
    """The PEM files, and what was read of them last."""

    def __init__(self, settings: Settings) -> None:
        self._paths = {
            "GRPC_TLS_CERT": settings.grpc_tls_cert,
            "GRPC_TLS_KEY": settings.grpc_tls_key,
            "GRPC_TLS_CLIENT_CA": settings.grpc_tls_client_ca,
        }
        self._texts: dict[str, bytes | None] = {}

    def read(self) -> grpc.ServerCertificateConfiguration:
        texts = {name: _pem(name, path) for name, path in self._paths.items()}
        key, cert = texts["GRPC_TLS_KEY"], texts["GRPC_TLS_CERT"]
        assert key is not None, "both are set"
        assert cert is not None, "both are set"
        _check_pair(cert, key)
        self._texts = texts
        return grpc.ssl_server_certificate_configuration(
            [(key, cert)], root_certificates=texts["GRPC_TLS_CLIENT_CA"]
        )

    def read_again(self) -> grpc.ServerCertificateConfiguration | None:
        """None if nothing is new."""
        texts = {name: _pem(name, path) for name, path in self._paths.items()}
        return None if texts == self._texts else self.read()


def _pem(name: str, path: str) -> bytes | None:
    if not path:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidSettings(
            f"{PREFIX}{name}={path!r} cannot be read: {error.strerror}."
        ) from None


def _check_pair(cert: bytes, key: bytes) -> None:
    """gRPC takes anything here, and then every handshake fails."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    def public(of: object) -> bytes:
        return of.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]

    try:
        certificate = x509.load_pem_x509_certificates(cert)[0]
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError) as error:
        raise InvalidSettings(
            f"{PREFIX}GRPC_TLS_CERT or {PREFIX}GRPC_TLS_KEY is no PEM file of a certificate and "
            f"its key: {error}"
        ) from None
    if public(certificate.public_key()) != public(private.public_key()):
        raise InvalidSettings(
            f"{PREFIX}GRPC_TLS_KEY is not the key of the certificate in {PREFIX}GRPC_TLS_CERT."
        )


def _check_admin_token(text: str) -> None:
    if text and (len(text) < LEAST_ADMIN_TOKEN or not text.isprintable() or " " in text):
        raise InvalidSettings(
            f"{PREFIX}ADMIN_TOKEN has {len(text)} characters; use at least {LEAST_ADMIN_TOKEN} "
            f"printable ones without blanks, such as the output of: openssl rand -base64 32"
        )
