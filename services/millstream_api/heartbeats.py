"""Which workers are alive, from the heartbeats that they publish."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec

from millstream.adapters.bus_client import Delivery
from millstream.adapters.heartbeat import Heartbeat, decode_heartbeat

KEPT_S = 15.0
MOST_WORKERS = 10_000


class Heard(msgspec.Struct, frozen=True):
    """A heartbeat and when it came; ``monotonic`` decides how old it is, ``at`` is for people."""

    heartbeat: Heartbeat
    monotonic: float
    at: datetime


class Workers:
    """The last heartbeat of each worker, forgotten after fifteen seconds."""

    def __init__(self) -> None:
        self._heard: dict[str, Heard] = {}

    def on_message(self, delivery: Delivery) -> None:
        try:
            heartbeat = decode_heartbeat(delivery.data)
        except msgspec.MsgspecError:
            return  # not from a worker
        self.hear(heartbeat, time.monotonic(), datetime.now(UTC))

    def hear(self, heartbeat: Heartbeat, monotonic: float, at: datetime) -> None:
        if heartbeat.is_stopping:
            self._heard.pop(heartbeat.worker, None)
            return
        if heartbeat.worker not in self._heard and len(self._heard) >= MOST_WORKERS:
            self._forget(monotonic)
            if len(self._heard) >= MOST_WORKERS:
                return
        self._heard[heartbeat.worker] = Heard(heartbeat, monotonic, at)

    def alive(self, monotonic: float) -> list[Heard]:
        """The workers of the last fifteen seconds, by name."""
        self._forget(monotonic)
        return [self._heard[worker] for worker in sorted(self._heard)]

    def _forget(self, monotonic: float) -> None:
        old = [w for w, heard in self._heard.items() if monotonic - heard.monotonic > KEPT_S]
        for worker in old:
            del self._heard[worker]
