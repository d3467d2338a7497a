"""``decide``: what a command leads to. It reads the state and changes nothing.

A command is either refused with a reason, or it yields its first events; ``react`` says what
follows from those, and ``handle`` runs both to the end.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import assert_never

from millstream.core import deadlines
from millstream.core.callbacks import is_callback
from millstream.core.commands import (
    AdvanceBackfill,
    AnswerTask,
    AnyCommand,
    BeginEpoch,
    CancelBackfill,
    ClearTasks,
    CreateBackfill,
    CreateScheduledRun,
    CreateToken,
    CreateUser,
    DeleteConnection,
    DeletePool,
    DeleteUser,
    DeleteVariable,
    EmitAssetEvent,
    GrantRole,
    LetIn,
    LoseAttempt,
    MarkRun,
    MarkTasks,
    MissDeadline,
    Quarantine,
    ReadyAgain,
    ReencryptSecrets,
    RerunRun,
    RetryAttempt,
    RevokeRole,
    RevokeToken,
    SetBackfillPaused,
    SetConnection,
    SetDagPaused,
    SetPool,
    SetVariable,
    StartRuns,
    SubmitDag,
    TimeOutRun,
    TimeOutWait,
    TriggerRun,
    WakeTask,
)
from millstream.core.decisions import (
    access,
    assets,
    attempts,
    backfills,
    callbacks,
    control,
    dags,
    pools,
    rerunning,
    runs,
    secrets,
    waiting,
)
from millstream.core.event_parts import Where
from millstream.core.events import EpochStarted, Fact
from millstream.core.quarantine import decide_quarantine
from millstream.core.reports import (
    DeferAttempt,
    FailAttempt,
    FireTrigger,
    RescheduleAttempt,
    SkipAttempt,
    StartAttempt,
    SucceedAttempt,
)
from millstream.core.state import Run, State


def decide(
    state: State, command: AnyCommand, now: datetime, recalled: Run | None = None
) -> Iterator[Fact]:
    """The first events of a command, in order. Raises :class:`Refused` before it yields anything.

    ``recalled``: the run that the command is about, if it is over and no longer in the state.
    """
    match command:
        case SubmitDag():
            return dags.submit(state, command, now)
        case EmitAssetEvent():
            return assets.emit(state, command)
        case SetDagPaused():
            return dags.set_paused(state, command)
        case TriggerRun():
            return runs.trigger(state, command, now)
        case CreateScheduledRun():
            return runs.create_scheduled(state, command, now)
        case StartRuns():
            return runs.start_due(state, command, now)
        case CreateBackfill():
            return backfills.create(state, command, now)
        case SetBackfillPaused():
            return backfills.set_paused(state, command)
        case CancelBackfill():
            return backfills.cancel(state, command)
        case AdvanceBackfill():
            return backfills.advance(state, command, recalled)
        case TimeOutRun():
            return runs.time_out(state, command)
        case SetVariable():
            return secrets.set_variable(state, command)
        case DeleteVariable():
            return secrets.delete_variable(state, command)
        case SetConnection():
            return secrets.set_connection(state, command)
        case DeleteConnection():
            return secrets.delete_connection(state, command)
        case ReencryptSecrets():
            return secrets.reencrypt(state, command)
        case ClearTasks() | MarkTasks() | MarkRun():
            return control.control(state, command, recalled)
        case RerunRun():
            return rerunning.rerun(state, command, now, recalled)
        case StartAttempt() if is_callback(command.where):
            return callbacks.start(state, command)
        case (
            SucceedAttempt() | SkipAttempt() | FailAttempt() | RescheduleAttempt() | DeferAttempt()
        ) if is_callback(command.where):
            return callbacks.finish(state, command)
        case LoseAttempt() if is_callback(command.where):
            return callbacks.lose(state, command)
        case ReadyAgain() if is_callback(command.where):
            return callbacks.ready_again(state, command)
        case StartAttempt():
            return attempts.start(state, command)
        case (
            SucceedAttempt() | SkipAttempt() | FailAttempt() | RescheduleAttempt() | DeferAttempt()
        ):
            return attempts.finish(state, command, now, recalled)
        case FireTrigger():
            return waiting.fire(state, command)
        case AnswerTask():
            return waiting.answer(state, command, now)
        case WakeTask():
            return waiting.wake(state, command)
        case TimeOutWait():
            return waiting.time_out(state, command, now)
        case RetryAttempt():
            return attempts.retry(state, command)
        case LoseAttempt():
            return attempts.lose(state, command)
        case ReadyAgain():
            return attempts.ready_again(state, command)
        case SetPool():
            return pools.set_pool(state, command)
        case DeletePool():
            return pools.delete_pool(state, command)
        case CreateUser():
            return access.create_user(state, command)
        case DeleteUser():
            return access.delete_user(state, command)
        case GrantRole():
            return access.grant_role(state, command)
        case RevokeRole():
            return access.revoke_role(state, command)
        case CreateToken():
            return access.create_token(state, command, now)
        case RevokeToken():
            return access.revoke_token(state, command)
        case MissDeadline():
            return deadlines.miss(state, command)
        case Quarantine():
            return decide_quarantine(state, command)
        case LetIn():
            return iter(())  # `settle` does it
        case BeginEpoch():
            return iter([Fact(Where("", ""), EpochStarted(holder=command.holder))])
        case _:
            assert_never(command)
