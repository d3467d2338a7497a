"""Encrypting the values of variables and connections, for the api and the workers alone.

What is encrypted names what it belongs to, so that a value which somebody moves to another name in
the database is not taken for that one's.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from millstream.adapters.settings import PREFIX, InvalidSettings, Settings
from millstream.core.errors import InvalidArgument, MillstreamError

MOST_VALUE_BYTES = 64 * 1024
# What becomes of it in base64 still fits a command.
MOST_CONTENT_BYTES = 180 * 1024
_SCHEME = "fernet"
_KEY_HINT = (
    "A key is made with: python -c 'from cryptography.fernet import Fernet; "
    "print(Fernet.generate_key().decode())'"
)


class NoSecretKey(MillstreamError):
    """This process was given no key, so it can neither encrypt nor decrypt."""

    reason = "NO_SECRET_KEY"


class CannotUnseal(MillstreamError):
    """A stored value that none of the keys of this process opens."""

    reason = "CANNOT_UNSEAL"


class _Content(msgspec.Struct, frozen=True):
    kind: str
    namespace: str
    name: str
    value: str


_decoder = msgspec.json.Decoder(_Content)


def new_key() -> str:
    """A new key, as the setting ``secret_key`` takes it."""
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


class SecretBox:
    """``seal`` with the first key, ``unseal`` with whichever sealed it."""

    def __init__(self, keys: str) -> None:
        """``keys``: one or several with commas between them. Raises :class:`InvalidSettings`."""
        from cryptography.fernet import Fernet

        self._keys: dict[str, Fernet] = {}
        self._raw: list[bytes] = []
        for key in filter(None, (part.strip() for part in keys.split(","))):
            try:
                self._keys[_key_id(key)] = Fernet(key)
                self._raw.append(key.encode())
            except ValueError:
                raise InvalidSettings(
                    f"{PREFIX}SECRET_KEY holds something that is no key: 32 bytes in url-safe "
                    f"base64. {_KEY_HINT}"
                ) from None

    @classmethod
    def from_settings(cls, settings: Settings) -> SecretBox:
        """The keys of a service: from its settings, or from the file that they name."""
        keys = settings.secret_key
        if not keys and settings.secret_key_file:
            try:
                keys = Path(settings.secret_key_file).read_text()
            except OSError as error:
                raise InvalidSettings(
                    f"{PREFIX}SECRET_KEY_FILE={settings.secret_key_file!r} cannot be read: "
                    f"{error.strerror}."
                ) from None
        return cls(keys.replace("\n", ","))

    def seal(self, kind: str, namespace: str, name: str, value: str) -> str:
        """Raises :class:`NoSecretKey`, and :class:`InvalidArgument` for a value that is too
        large."""
        if not self._keys:
            raise _no_key()
        if len(value.encode()) > MOST_VALUE_BYTES:
            raise InvalidArgument(
                f"The value of {kind} {name!r} has {len(value.encode())} bytes; "
                f"{MOST_VALUE_BYTES} are allowed."
            )
        key_id, key = next(iter(self._keys.items()))
        content = msgspec.json.encode(_Content(kind, namespace, name, value))
        if len(content) > MOST_CONTENT_BYTES:
            raise InvalidArgument(
                f"The value of {kind} {name!r} has so many control characters that it takes "
                f"{len(content)} bytes; {MOST_CONTENT_BYTES} are allowed."
            )
        return f"{_SCHEME}:{key_id}:{key.encrypt(content).decode()}"

    def macs(self) -> list[Callable[[str], str]]:
        """For each key a digest of texts that nobody without the key can make, the key in use
        first."""
        return [partial(_mac, key) for key in self._raw]

    @property
    def key_id(self) -> str:
        """Of the key that seals. Raises :class:`NoSecretKey`."""
        if not self._keys:
            raise _no_key()
        return next(iter(self._keys))

    @property
    def key_ids(self) -> tuple[str, ...]:
        """Of all keys, the one that seals first."""
        return tuple(self._keys)

    def reseal(self, kind: str, namespace: str, name: str, sealed: str) -> str:
        """The same value, sealed with the key in use. Raises as :meth:`unseal`."""
        return self.seal(kind, namespace, name, self.unseal(kind, namespace, name, sealed))

    def unseal(self, kind: str, namespace: str, name: str, sealed: str) -> str:
        """Raises :class:`NoSecretKey` and :class:`CannotUnseal`."""
        from cryptography.fernet import InvalidToken

        if not self._keys:
            raise _no_key()
        scheme, key_id, token = [*sealed.split(":", 2), "", ""][:3]
        key = self._keys.get(key_id) if scheme == _SCHEME else None
        if key is None:
            raise CannotUnseal(
                f"The value of {kind} {name!r} was encrypted with the key {key_id!r}, which is "
                f"not in {PREFIX}SECRET_KEY here; add that key, or set the {kind} again."
            )
        try:
            content = _decoder.decode(key.decrypt(token))
        except (InvalidToken, msgspec.MsgspecError):
            content = None
        if content is None or (content.kind, content.namespace, content.name) != (
            kind,
            namespace,
            name,
        ):
            raise CannotUnseal(
                f"The stored value of {kind} {name!r} was damaged or belongs to something else; "
                f"set the {kind} again."
            )
        return content.value


def _mac(key: bytes, text: str) -> str:
    # A key of its own, so that this says nothing about what the other one has encrypted.
    own = hashlib.sha256(b"millstream request content\0" + key).digest()
    return hmac.new(own, text.encode(), hashlib.sha256).hexdigest()


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _no_key() -> NoSecretKey:
    return NoSecretKey(
        f"{PREFIX}SECRET_KEY is not set, so variables and connections cannot be kept. Give the "
        f"api and the workers the same key. {_KEY_HINT}"
    )
