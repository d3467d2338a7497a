"""How a process that reads a DAG file asks the one that started it for variables and connections:
one line of JSON there, one back."""

from __future__ import annotations

from typing import BinaryIO, Literal, NoReturn

import msgspec

from millstream.sdk.errors import AirflowException


class Find(msgspec.Struct, frozen=True):
    """The question. Nothing else that is written has these fields."""

    find: Literal["variable", "connection"]
    name: str


class Found(msgspec.Struct, frozen=True):
    """The answer. ``value`` None: there is no such thing; ``error``: it cannot be told."""

    value: str | None = None
    error: str = ""


class Asker:
    """A :class:`~millstream.sdk.stores.Store` at the other end of two streams."""

    def __init__(self, answers: BinaryIO, questions: BinaryIO) -> None:
        self._answers = answers
        self._questions = questions

    def find_variable(self, key: str) -> str | None:
        """As :class:`Store` says."""
        return self._ask(Find("variable", key))

    def find_connection(self, conn_id: str) -> str | None:
        """As :class:`Store` says."""
        return self._ask(Find("connection", conn_id))

    def set_variable(self, key: str, value: str, description: str) -> None:
        """Refused."""
        self._refuse(key)

    def delete_variable(self, key: str) -> bool:
        """Refused."""
        self._refuse(key)

    def _refuse(self, key: str) -> NoReturn:
        raise AirflowException(
            f"variable {key!r} cannot be changed while a DAG file is being read; do it in a task"
        )

    def _ask(self, question: Find) -> str | None:
        self._questions.write(msgspec.json.encode(question) + b"\n")
        self._questions.flush()
        line = self._answers.readline()
        answer = msgspec.json.decode(line, type=Found) if line else Found(error="nobody answers")
        if answer.error:
            raise AirflowException(f"{question.find} {question.name!r}: {answer.error}")
        return answer.value
