"""A certificate authority of a test's own."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID


class Pair(NamedTuple):
    """The paths of a certificate and of its key, PEM files."""

    cert: str
    key: str


class Authority:
    """Signs certificates into a folder; ``file`` holds its own."""

    def __init__(self, folder: Path, name: str = "a test") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(f"CA of {name}")
        built = _builder(self._name, self._name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self.certificate = built.sign(self._key, hashes.SHA256())
        self.file = str(folder / "ca.crt")
        Path(self.file).write_bytes(self.certificate.public_bytes(Encoding.PEM))

    def sign(self, common_name: str, file: str = "") -> Pair:
        """A certificate for a client of that name, or for a server on this machine."""
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName(
            [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        )
        built = _builder(_name(common_name), self._name, key.public_key()).add_extension(
            names, critical=False
        )
        certificate = built.sign(self._key, hashes.SHA256())
        base = self._folder / (file or common_name)
        pair = Pair(f"{base}.crt", f"{base}.key")
        Path(pair.cert).write_bytes(certificate.public_bytes(Encoding.PEM))
        Path(pair.key).write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        )
        return pair


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=2))
    )
