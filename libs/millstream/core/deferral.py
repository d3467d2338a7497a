"""What a task leaves behind when it waits without a process: a trigger, a question, and how it goes
on. Plain data that events and commands carry.

Values of people's code (``kwargs``, ``payload``) are JSON text here, which no service looks into.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

NO_VALUE = msgspec.Raw(b"null")
NO_KWARGS = msgspec.Raw(b"{}")

# How a wait ended. The trigger fired ("event"), or ends the task itself ("success", "failed",
# "skipped"); it broke ("error"); the time was over ("timeout"); a person answered, or the
# question's defaults were taken ("answer").
Cause = Literal["event", "success", "failed", "skipped", "error", "timeout", "answer"]


class TriggerCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trigger, by the import path of its class and the arguments that make it again."""

    classpath: str
    kwargs: msgspec.Raw = NO_KWARGS


class AssignedUser(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str
    name: str = ""


class InputRequest(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person is asked. ``defaults``: the options that are taken when the time is over; None:
    then the task fails. ``multiple``: more than one option may be chosen. ``params``: the fields of
    the form by name, each with ``value``, ``description`` and ``schema``. Without
    ``assigned_users`` anybody may answer."""

    subject: str
    options: tuple[str, ...]
    body: str = ""
    defaults: tuple[str, ...] | None = None
    multiple: bool = False
    params: dict[str, Any] = {}
    assigned_users: tuple[AssignedUser, ...] = ()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What was answered: the payload with which the task goes on."""

    chosen_options: tuple[str, ...]
    params_input: dict[str, Any]
    responded_at: datetime
    responded_by_user: AssignedUser | None = None
    timedout: bool = False


class Resume(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an attempt goes on where an earlier one stopped: the operator's ``method`` is called with
    the context, ``kwargs`` and, after an event or an answer, ``event=payload``. ``message`` and
    ``traceback`` are those of a trigger that broke."""

    cause: Cause
    method: str
    kwargs: msgspec.Raw = NO_KWARGS
    payload: msgspec.Raw = NO_VALUE
    message: str = ""
    traceback: str = ""
