"""What a worker answers to a task that asks for variables and connections, or changes one."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from millstream.adapters.lookup import SecretAnswer, encode_answer
from millstream.adapters.secret_box import SecretBox, new_key
from millstream.core.commands import Claim, DeleteVariable, SetVariable
from millstream.core.errors import Unavailable
from millstream.core.event_parts import Where
from millstream.core.receipts import Receipt
from millstream_worker.frames import Change, Find, Told
from millstream_worker.secrets import Secrets

BOX = SecretBox(new_key())
CLAIM = Claim(where=Where("default", "d", "r", "t", (), 1), worker="w", token="t")


class FakeReports:
    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self.asked: list[tuple[SetVariable | DeleteVariable, str]] = []

    def ask(self, command: SetVariable | DeleteVariable, token: str) -> Any:
        self.asked.append((command, token))
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        future.set_result(self.receipt)
        return future


def secrets(box: SecretBox = BOX, **receipt: Any) -> Secrets:
    reports: Any = FakeReports(Receipt(id="x", **receipt))
    return Secrets(box, reports)


def find(sealed: str | None, box: SecretBox = BOX) -> Told:
    async def look_up(what: str, question: bytes) -> bytes:
        assert what == "secret"
        asked = {"what": "secret", "namespace": "default", "kind": "variable", "name": "k"}
        assert msgspec.json.decode(question) == asked
        return encode_answer(SecretAnswer(sealed=sealed))

    return asyncio.run(secrets(box).find(Find("variable", "k"), "default", look_up))


def change(made: Secrets, value: str | None = "v") -> Told:
    return asyncio.run(made.change(Change("k", value, "d"), CLAIM, "t/variable/1"))


def test_a_task_gets_the_value() -> None:
    assert find(BOX.seal("variable", "default", "k", "v")) == Told("v")
    assert find(None) == Told()


def test_a_value_that_cannot_be_opened_is_an_error() -> None:
    told = find(SecretBox(new_key()).seal("variable", "default", "k", "v"))
    assert told.error.startswith("variable 'k' could not be read: ")
    assert "not set" in find("sealed", SecretBox("")).error


def test_a_look_up_that_fails_is_an_error() -> None:
    async def look_up(what: str, question: bytes) -> bytes:
        raise Unavailable("nobody answers")

    told = asyncio.run(secrets().find(Find("connection", "c"), "default", look_up))
    assert told.error == "connection 'c' could not be read: nobody answers"


def test_a_change_is_made_under_the_claim_and_encrypted() -> None:
    made = secrets(position=7)
    assert change(made) == Told("")
    ((command, token),) = made.reports.asked  # type: ignore[attr-defined]
    assert isinstance(command, SetVariable)
    assert (command.id, command.claim, command.description, token) == (
        "t/variable/1",
        CLAIM,
        "d",
        "t",
    )
    assert BOX.unseal("variable", "default", "k", command.sealed) == "v"


def test_a_deletion_says_whether_there_was_one() -> None:
    assert change(secrets(position=7), None) == Told("")
    assert change(secrets(reason="VARIABLE_NOT_FOUND", message="no"), None) == Told()


@pytest.mark.parametrize("value", ["v", None])
def test_a_refusal_is_an_error(value: str | None) -> None:
    told = change(secrets(reason="NOT_CLAIMED", message="Not the one that runs."), value)
    assert told.error == "variable 'k' could not be changed: Not the one that runs."


def test_too_large_a_value_is_an_error_without_it() -> None:
    told = change(secrets(position=7), "hunter22" * 9000)
    assert "are allowed" in told.error
    assert "hunter22" not in told.error
