"""``BaseTrigger`` and what it yields. People write triggers too, so the names are Airflow's."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar


class TriggerEvent:
    """What a trigger says when it fires: ``payload`` is handed to the task's method as ``event``.

    Payloads are JSON, and dates, times and timedeltas.
    """

    def __init__(self, payload: Any = None) -> None:
        self.payload = payload

    def __repr__(self) -> str:
        return f"{type(self).__name__}<{self.payload!r}>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    __hash__ = None  # type: ignore[assignment]


class BaseTaskEndEvent(TriggerEvent):
    """A trigger yields a subclass of it to end its task without another step. ``xcoms`` are handed
    on under their keys."""

    cause: ClassVar[str]

    def __init__(self, *, xcoms: dict[str, Any] | None = None, **kwargs: Any) -> None:
        if "payload" in kwargs:
            raise ValueError(f"{type(self).__name__} has no payload; pass xcoms")
        super().__init__({"xcoms": dict(xcoms or {})})
        self.xcoms = xcoms


class TaskSuccessEvent(BaseTaskEndEvent):
    """The task is a success."""

    cause = "success"


class TaskFailedEvent(BaseTaskEndEvent):
    """The task failed, for good."""

    cause = "failed"


class TaskSkippedEvent(BaseTaskEndEvent):
    """The task is skipped."""

    cause = "skipped"


class BaseTrigger(ABC):
    """Subclasses say in :meth:`serialize` how to make them again, and in :meth:`run` what they wait
    for.

    :meth:`run` shares its event loop with the triggers of many other tasks, so it must never block:
    ``await asyncio.sleep``, never ``time.sleep``. It may run again from the beginning, in another
    process, when a worker is lost.
    """

    def __init__(self, **kwargs: Any) -> None:
        for name, value in kwargs.items():
            setattr(self, name, value)

    @property
    def log(self) -> logging.Logger:
        """Its lines go to the log of the deferred task."""
        return logging.getLogger(f"millstream.task.{type(self).__name__}")

    @abstractmethod
    def serialize(self) -> tuple[str, dict[str, Any]]:
        """The import path of the class, and the arguments that make an equal trigger."""

    @abstractmethod
    def run(self) -> AsyncIterator[TriggerEvent]:
        """Yields one :class:`TriggerEvent` when what is waited for has come."""

    async def cleanup(self) -> None:  # noqa: B027 - a hook, empty unless it is needed
        """Called when the trigger is over, whatever ended it."""

    async def on_kill(self) -> None:  # noqa: B027
        """Called when somebody ends the deferred task, to stop what it waits for."""

    def __repr__(self) -> str:
        classpath, kwargs = self.serialize()
        return f"<{classpath} {', '.join(f'{k}={v!r}' for k, v in kwargs.items())}>"


class BaseEventTrigger(BaseTrigger):
    """The base of triggers for watchers of assets; any other trigger will do as well."""


@dataclass
class StartTriggerArgs:
    """How a task with ``start_from_trigger`` defers before it does anything else."""

    trigger_cls: str
    next_method: str
    trigger_kwargs: dict[str, Any] | None = None
    next_kwargs: dict[str, Any] | None = None
    timeout: timedelta | None = None
