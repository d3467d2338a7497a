"""API tokens: what they look like, how they are hashed, and whether one is genuine.

A token is ``ms_<id>_<secret>``. The id says which it is and is no secret; of the secret, 256 random
bits, only an Argon2id hash is kept. Hashing takes tens of milliseconds on purpose, so a token that
was found genuine is remembered by this process, as a digest: who it belongs to, and whether it was
revoked meanwhile, is asked anew for each call.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import secrets
from collections import OrderedDict
from typing import NamedTuple

from millstream.adapters.secret_table import SecretTable
from millstream_api.admission import Overloaded
from millstream_api.identity import Unauthenticated

PREFIX = "ms_"
ID_LENGTH = 12
SECRET_BYTES = 32
# OWASP's second choice for Argon2id: 19 MiB, two passes.
MEMORY_KIB = 19 * 1024
PASSES = 2
MOST_REMEMBERED = 10_000
# Of hashes that are computed at a time, in threads; and of calls that wait for one.
MOST_AT_A_TIME = 2
MOST_WAITING = 64

_FORMAT = re.compile(rf"{PREFIX}([a-z0-9]{{{ID_LENGTH}}})_([A-Za-z0-9_-]{{43}})")


class NewToken(NamedTuple):
    """``text`` is what its user gets, and nobody can show it again; ``sealed`` is its hash."""

    token_id: str
    text: str
    sealed: str


def is_ours(text: str) -> bool:
    return text.startswith(PREFIX)


def id_of(text: str) -> str:
    """Which token this would be. Raises :class:`Unauthenticated` for what is none."""
    match = _FORMAT.fullmatch(text)
    if match is None:
        raise rejected()
    return match[1]


async def new_token() -> NewToken:
    alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
    token_id = "".join(secrets.choice(alphabet) for _ in range(ID_LENGTH))
    secret = secrets.token_urlsafe(SECRET_BYTES)
    sealed = await asyncio.to_thread(_hash, secret)
    return NewToken(token_id, f"{PREFIX}{token_id}_{secret}", sealed)


def rejected() -> Unauthenticated:
    """The same words, whatever is wrong with it."""
    return Unauthenticated("The token is not valid: it is unknown, expired or revoked.")


class TokenCheck:
    """Is this text the token whose hash is kept?"""

    def __init__(self, hashes: SecretTable) -> None:
        self._hashes = hashes
        self._genuine: OrderedDict[bytes, str] = OrderedDict()
        self._hashing = asyncio.Semaphore(MOST_AT_A_TIME)
        self._waiting = 0

    async def check(self, text: str) -> str:
        """The id of a genuine token; whether it is good for anything still is not judged here.

        Raises :class:`Unauthenticated`, :class:`Overloaded` and :class:`Unavailable`.
        """
        digest = hashlib.sha256(text.encode()).digest()
        known = self._genuine.get(digest)
        if known is not None:
            self._genuine.move_to_end(digest)
            return known
        token_id = id_of(text)
        if self._waiting >= MOST_WAITING:
            raise Overloaded("Too many tokens are being checked; try again later.")
        self._waiting += 1
        try:
            async with self._hashing:
                await self._verify(token_id, text.rpartition(f"{token_id}_")[2])
        finally:
            self._waiting -= 1
        self._genuine[digest] = token_id
        while len(self._genuine) > MOST_REMEMBERED:
            self._genuine.popitem(last=False)
        return token_id

    async def _verify(self, token_id: str, secret: str) -> None:
        found = await self._hashes.find("", "token", token_id)
        if found is None or not await asyncio.to_thread(_is_equal, secret, found.sealed):
            raise rejected()


def _hash(secret: str) -> str:
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    kdf = Argon2id(
        salt=os.urandom(16), length=32, iterations=PASSES, lanes=1, memory_cost=MEMORY_KIB
    )
    return kdf.derive_phc_encoded(secret.encode())


def _is_equal(secret: str, sealed: str) -> bool:
    from cryptography.exceptions import InvalidKey
    from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

    try:
        Argon2id.verify_phc_encoded(secret.encode(), sealed)
    except (InvalidKey, ValueError):
        return False
    return True
