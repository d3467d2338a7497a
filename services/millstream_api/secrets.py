"""SecretService: which keys encrypt variables and connections, and from one to the next."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence

import structlog

from millstream.adapters.secret_box import CannotUnseal, SecretBox
from millstream.adapters.secret_table import SecretRow, SecretTable
from millstream.core.commands import Reencrypted, ReencryptSecrets
from millstream.core.errors import InvalidArgument
from millstream.rpc.v1 import secrets_pb2, secrets_pb2_grpc
from millstream_api.callers import request_id_of, seconds_left
from millstream_api.commands import Commands
from millstream_api.interceptor import Context
from millstream_api.snapshot import Snapshots

log = structlog.get_logger(__name__)

# In one command, whose size is bounded.
MOST_AT_A_TIME = 100
MOST_BYTES = 512 * 1024
# Of one call.
LONGEST_S = 20.0


class SecretService(secrets_pb2_grpc.SecretServiceServicer):
    def __init__(
        self,
        commands: Commands,
        snapshots: Snapshots,
        secrets: SecretTable,
        box: SecretBox,
        receipt_timeout_s: float,
    ) -> None:
        self._commands = commands
        self._snapshots = snapshots
        self._secrets = secrets
        self._box = box
        self._receipt_timeout_s = receipt_timeout_s

    async def GetSecretKeys(  # noqa: N802 - gRPC's name
        self, request: secrets_pb2.GetSecretKeysRequest, context: Context
    ) -> secrets_pb2.GetSecretKeysResponse:
        async with self._snapshots.read(request, context):
            pass  # what is kept is as new as the log
        counts = await self._secrets.count_by_key()
        known = self._box.key_ids
        return secrets_pb2.GetSecretKeysResponse(
            keys=[
                secrets_pb2.SecretKey(
                    key_id=key_id,
                    count=counts.get(key_id, 0),
                    is_known=key_id in known,
                    is_in_use=key_id == known[0] if known else False,
                )
                for key_id in (*known, *(one for one in counts if one not in known))
            ]
        )

    async def RotateSecrets(  # noqa: N802
        self, request: secrets_pb2.RotateSecretsRequest, context: Context
    ) -> secrets_pb2.RotateSecretsResponse:
        request_id, key_id = request_id_of(request.request_id), self._box.key_id
        answer = secrets_pb2.RotateSecretsResponse()
        until = time.monotonic() + min(seconds_left(context), LONGEST_S) / 2
        after = 0
        while True:
            found = await self._secrets.sealed_otherwise(key_id, after, MOST_AT_A_TIME)
            if not found:
                return answer
            if time.monotonic() > until:
                answer.has_more = True
                return answer
            batch = _fitting(found)
            after = batch[-1].position
            entries = [entry for row in batch if (entry := self._reseal(row)) is not None]
            answer.unreadable += len(batch) - len(entries)
            if not entries:
                continue
            receipt = await self._commands.send(
                ReencryptSecrets(
                    # What is done is not found again, so each command of a request is another.
                    id=f"{request_id}/{_digest(entries)}",
                    key_id=key_id,
                    entries=tuple(entries),
                ),
                seconds_left(context, self._receipt_timeout_s),
            )
            answer.rotated += len(entries)
            answer.position = receipt.position

    def _reseal(self, row: SecretRow) -> Reencrypted | None:
        """None for a value that cannot be read here."""
        assert row.sealed is not None, "the table holds what there is"
        assert row.kind != "token", "only values are asked for"
        try:
            sealed = self._box.reseal(row.kind, row.namespace, row.name, row.sealed)
        except (CannotUnseal, InvalidArgument) as error:
            log.warning("secret_not_rotated", kind=row.kind, name=row.name, reason=error.reason)
            return None
        return Reencrypted(
            kind=row.kind,
            namespace=row.namespace,
            name=row.name,
            position=row.position,
            sealed=sealed,
        )


def _fitting(rows: Sequence[SecretRow]) -> Sequence[SecretRow]:
    """The first ones, as many as a command takes; at least one."""
    size = 0
    for number, row in enumerate(rows):
        size += len(row.sealed or "")
        if number and size > MOST_BYTES:
            return rows[:number]
    return rows


def _digest(entries: Sequence[Reencrypted]) -> str:
    positions = ",".join(str(entry.position) for entry in entries)
    return hashlib.sha256(positions.encode()).hexdigest()[:16]
