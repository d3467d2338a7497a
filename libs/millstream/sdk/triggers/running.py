"""Running a trigger to its one event: the same in a worker and in ``dag.test()``."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Coroutine
from contextvars import ContextVar
from typing import Any, Protocol

from millstream.core.deferral import TriggerCall
from millstream.sdk.attempts import Firing
from millstream.sdk.deferral import fired, make_trigger
from millstream.sdk.errors import AirflowException, TaskDeferralError
from millstream.sdk.triggers.trigger import BaseTrigger

CLEANUP_S = 5.0
# The message with which a trigger is cancelled whose task somebody ended.
KILLED = "killed"
MOST_MESSAGE = 4096
MOST_TRACEBACK = 16 * 1024


class TriggerChannel(Protocol):
    """A running trigger's line to the rest of Millstream."""

    async def find_states(self, question: bytes) -> bytes:
        """As ``sdk.states`` says. Raises :class:`MillstreamError`."""
        ...


_channel: ContextVar[TriggerChannel | None] = ContextVar("trigger_channel", default=None)


def trigger_channel() -> TriggerChannel:
    """The line of the trigger that runs. Raises :class:`AirflowException` outside of one."""
    channel = _channel.get()
    if channel is None:
        raise AirflowException("this trigger needs Millstream, and runs outside of it")
    return channel


async def run_trigger(
    call: TriggerCall, task_id: str, dag_module: str, channel: TriggerChannel
) -> Firing:
    """Makes the trigger and runs it until it fires or breaks; raises only if it is cancelled,
    and then calls its ``on_kill`` if that was said."""
    token = _channel.set(channel)
    try:
        trigger = make_trigger(call, dag_module)
        try:
            cause, payload = fired(await _first_event(trigger), task_id)
        except asyncio.CancelledError as cancelled:
            if KILLED in cancelled.args:
                await _bounded(trigger, trigger.on_kill())
            raise
        finally:
            await _bounded(trigger, trigger.cleanup())
        return Firing(cause=cause, payload=payload)
    except Exception as error:
        text = f"{type(error).__name__}: {error}"[:MOST_MESSAGE]
        lines = "".join(traceback.format_exception(error))[-MOST_TRACEBACK:]
        return Firing(cause="error", message=text, traceback=lines)
    finally:
        _channel.reset(token)


async def _first_event(trigger: BaseTrigger) -> object:
    events = trigger.run()
    if not isinstance(events, AsyncIterator):
        raise TaskDeferralError(
            f"{type(trigger).__name__}.run() must be an async generator: 'async def' with 'yield'"
        )
    async with contextlib.aclosing(events) as stream:  # type: ignore[type-var]
        async for event in stream:
            return event
    raise TaskDeferralError(f"{type(trigger).__name__} ended and said nothing")


async def _bounded(trigger: BaseTrigger, last: Coroutine[Any, Any, None]) -> None:
    """What a trigger does at its end: what goes wrong then is its own affair."""
    try:
        async with asyncio.timeout(CLEANUP_S):
            await last
    except Exception:
        trigger.log.exception("the end of a trigger failed")
