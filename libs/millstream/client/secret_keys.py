"""``Client.secret_keys``: the keys that encrypt variables and connections."""

from __future__ import annotations

import uuid

import msgspec

from millstream.client.modes import Calls, M, call
from millstream.rpc.v1 import secrets_pb2


class SecretKey(msgspec.Struct, frozen=True, kw_only=True):
    """``count`` values are encrypted with it. ``is_known``: the api has it; ``is_in_use``: what is
    set from now on is encrypted with it."""

    key_id: str
    count: int
    is_known: bool
    is_in_use: bool


class Rotation(msgspec.Struct, frozen=True, kw_only=True):
    """How many values were encrypted anew, and how many could not be read."""

    rotated: int
    unreadable: int


class SecretKeys(Calls[M]):
    """The calls of SecretService."""

    @call
    async def get(self) -> list[SecretKey]:
        """The one in use first."""
        answer = await self._ask(secrets_pb2.GetSecretKeysRequest())
        return [
            SecretKey(**{name: getattr(one, name) for name in SecretKey.__struct_fields__})
            for one in answer.keys
        ]

    @call
    async def rotate(self) -> Rotation:
        """Encrypt all that another key has encrypted with the key in use."""
        rotated = unreadable = 0
        has_more = True
        while has_more:
            request = secrets_pb2.RotateSecretsRequest(request_id=uuid.uuid4().hex)
            answer = await self._ask(request)
            rotated += answer.rotated
            unreadable, has_more = answer.unreadable, answer.has_more
        return Rotation(rotated=rotated, unreadable=unreadable)
