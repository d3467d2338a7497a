"""``decide``: what a command leads to. It reads the state and changes nothing.

A command is either refused with a reason, or it yields its first events; ``react`` says what
follows from those, and ``handle`` runs both to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from millstream.core.commands import (
    AnyCommand,
    BeginEpoch,
    FailAttempt,
    LoseAttempt,
    ReadyAgain,
    RetryAttempt,
    SkipAttempt,
    StartAttempt,
    SubmitDag,
    SucceedAttempt,
    TriggerRun,
)
from millstream.core.decisions import attempts, dags, runs
from millstream.core.events import EpochStarted, Fact, Where
from millstream.core.state import State


def decide(state: State, command: AnyCommand, now: datetime) -> Iterator[Fact]:
    """The first events of a command, in order. Raises :class:`Refused` before it yields
    anything."""
    match command:
        case SubmitDag():
            return dags.submit(state, command)
        case TriggerRun():
            return runs.trigger(state, command, now)
        case StartAttempt():
            return attempts.start(state, command)
        case SucceedAttempt() | SkipAttempt() | FailAttempt():
            return attempts.finish(state, command, now)
        case RetryAttempt():
            return attempts.retry(state, command)
        case LoseAttempt():
            return attempts.lose(state, command)
        case ReadyAgain():
            return attempts.ready_again(state, command)
        case BeginEpoch():
            return iter([Fact(Where("", ""), EpochStarted(holder=command.holder))])
        case _:
            assert_never(command)
