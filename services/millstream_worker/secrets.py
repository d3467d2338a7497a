"""Variables and connections for tasks: looked up, decrypted, and changed on a task's behalf."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from millstream.adapters.lookup import SecretAnswer, SecretQuestion, encode_question
from millstream.adapters.secret_box import SecretBox
from millstream.core.commands import Claim, DeleteVariable, SetVariable
from millstream.core.errors import MillstreamError
from millstream_worker.frames import Change, Find, Told
from millstream_worker.reports import Reports

LookUp = Callable[[str, bytes], Awaitable[bytes]]
LONGEST_DESCRIPTION = 1000

_decoder = msgspec.json.Decoder(SecretAnswer)


@dataclass(frozen=True, slots=True)
class Secrets:
    """What a worker does about them. The key is the worker's: its children only get values."""

    box: SecretBox
    reports: Reports

    async def find(self, find: Find, namespace: str, look_up: LookUp) -> Told:
        """The answer to a task that asks."""
        question = SecretQuestion(namespace=namespace, kind=find.what, name=find.name)
        try:
            answer = _decoder.decode(await look_up("secret", encode_question(question)))
            if answer.sealed is None:
                return Told()
            return Told(self.box.unseal(find.what, namespace, find.name, answer.sealed))
        except MillstreamError as error:
            return Told(error=f"{find.what} {find.name!r} could not be read: {error}")

    async def change(self, change: Change, claim: Claim, command_id: str) -> Told:
        """The answer to a task that sets or deletes a variable, when that is decided."""
        namespace, key = claim.where.namespace, change.key
        command: SetVariable | DeleteVariable
        try:
            if change.value is None:
                command = DeleteVariable(id=command_id, namespace=namespace, key=key, claim=claim)
            else:
                command = SetVariable(
                    id=command_id,
                    namespace=namespace,
                    key=key,
                    sealed=self.box.seal("variable", namespace, key, change.value),
                    description=change.description.replace("\0", "")[:LONGEST_DESCRIPTION],
                    claim=claim,
                )
            receipt = await self.reports.ask(command, claim.token)
        except MillstreamError as error:
            return Told(error=f"variable {key!r} could not be changed: {error}")
        if receipt.reason == "VARIABLE_NOT_FOUND":
            return Told()
        if receipt.is_refused:
            return Told(error=f"variable {key!r} could not be changed: {receipt.message}")
        return Told(value="")
