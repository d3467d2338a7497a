"""The time that simulated processes see, in place of ``datetime.now`` and ``time.monotonic``."""

from __future__ import annotations

import asyncio
import time as real_time
from datetime import UTC, datetime, timedelta, tzinfo
from types import ModuleType
from typing import Any

from simulation.loop import PROCESS

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def wall() -> datetime:
    """The wall clock of the process that asks."""
    process = PROCESS.get()
    offset = process.wall_offset_s if process is not None else 0.0
    return EPOCH + timedelta(seconds=asyncio.get_running_loop().time() + offset)


class _SimulatedMeta(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)

    def __getattr__(cls, name: str) -> Any:
        return getattr(datetime, name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return datetime(*args, **kwargs)


class SimulatedDatetime(metaclass=_SimulatedMeta):
    """Stands for the class ``datetime`` in a module's names."""

    @staticmethod
    def now(tz: tzinfo | None = None) -> datetime:
        return wall().astimezone(tz) if tz is not None else wall().replace(tzinfo=None)


class SimulatedTime(ModuleType):
    """Stands for the module ``time``."""

    def __init__(self) -> None:
        super().__init__("time")
        self.__dict__.update(
            {name: getattr(real_time, name) for name in dir(real_time) if name[0] != "_"}
        )
        self.monotonic = lambda: asyncio.get_running_loop().time()
        self.monotonic_ns = lambda: int(asyncio.get_running_loop().time() * 1e9)
        self.perf_counter = self.monotonic
        self.clock_gettime = lambda clock: asyncio.get_running_loop().time()
        self.time = lambda: wall().timestamp()
        self.time_ns = lambda: int(wall().timestamp() * 1e9)
        self.sleep = _refuse


def _refuse(seconds: float) -> None:
    raise AssertionError("a service sleeps in its event loop")
