"""What a worker has to offer and what of it is taken: slots, slots of its queues, and resources.

These are bookings: nothing here keeps a task from using more than it asked for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from millstream.adapters.settings import InvalidSettings, Settings
from millstream.core.lanes import ASYNC, LARGEST_COUNT, parse_lane

MB = 1024 * 1024
GPU = "gpu"
# Where CUDA and AMD's HIP look for the devices that they may use. ROCR_VISIBLE_DEVICES is not among
# them: it comes first, and what it leaves over HIP numbers from 0 again.
DEVICE_VARIABLES = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES")
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


@dataclass(frozen=True, slots=True, eq=False)
class Need:
    """What each attempt of a lane takes. One that waits in an event loop takes no slot."""

    lane: str
    queue: str
    resources: dict[str, int]
    slots: int

    @classmethod
    def of_lane(cls, lane: str) -> Need:
        """Raises :class:`InvalidArgument` for what is no lane."""
        queue, resources = parse_lane(lane)
        return cls(lane, queue, resources, 0 if ASYNC in resources else 1)


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """What an attempt has got, until it is given back. ``devices`` are the names of its GPUs."""

    need: Need
    devices: tuple[str, ...] = ()

    @property
    def environment(self) -> dict[str, str]:
        """What the attempt's process is told of them."""
        if GPU not in self.need.resources:
            return {}
        return dict.fromkeys(DEVICE_VARIABLES, ",".join(self.devices))


class Capacity:
    """``devices`` names the GPUs; there are as many as ``resources`` has of ``gpu``."""

    def __init__(
        self,
        slots: int,
        resources: Mapping[str, int],
        queue_slots: Mapping[str, int],
        devices: tuple[str, ...] = (),
    ) -> None:
        self.slots = slots
        self.resources = dict(resources)
        self.free_slots = slots
        self._free = dict(resources)
        self._queue_slots = dict(queue_slots)
        self._free_of_queue = dict(queue_slots)
        self._devices = list(devices)
        self._following: Need | None = None
        self._kept: dict[str, int] = {}
        self._kept_slots = self._kept_queue_slots = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> Capacity:
        """cpu and memory are the machine's where the settings do not say. Raises
        :class:`InvalidSettings`."""
        machine = {"cpu": _cpus(), "memory": _memory_mb(), ASYNC: settings.async_capacity}
        resources = machine | settings.resources
        return cls(
            settings.slots or os.cpu_count() or 1,
            resources,
            settings.queue_slots,
            _devices(resources.get(GPU, 0)),
        )

    def could_ever(self, need: Need) -> bool:
        """Is there enough for it when nothing runs?"""
        return all(self.resources.get(name, 0) >= n for name, n in need.resources.items())

    @property
    def offered(self) -> dict[str, int]:
        """What tasks may ask for."""
        return {name: n for name, n in sorted(self.resources.items()) if name != ASYNC}

    @property
    def has_queue_slots(self) -> bool:
        return bool(self._queue_slots)

    def room(self, need: Need) -> int:
        """How many of these could start now. What is kept for others is left alone."""
        is_kept_for_it = self._following is need
        # Nothing but resources limits those that take no slot.
        room = LARGEST_COUNT
        if need.slots:
            room = self.free_slots - (0 if is_kept_for_it else self._kept_slots)
            of_queue = self._free_of_queue.get(need.queue)
            if of_queue is not None:
                room = min(room, of_queue - (0 if is_kept_for_it else self._kept_of(need.queue)))
        for name, count in need.resources.items():
            free = self._free.get(name, 0)
            if not is_kept_for_it:
                free -= self._kept.get(name, 0)
            room = min(room, free // count)
        return max(room, 0)

    def take(self, need: Need) -> Grant:
        """For one attempt; there must be room."""
        self._book(need, -1)
        count = need.resources.get(GPU, 0)
        devices, self._devices = self._devices[:count], self._devices[count:]
        return Grant(need, tuple(devices))

    def give_back(self, grant: Grant) -> None:
        """Its attempt is over."""
        self._devices += grant.devices
        self._book(grant.need, 1)

    def keep_for(self, need: Need | None) -> None:
        """From now on keep free what this need lacks, until it has all; None: keep nothing.

        First the resources that it lacks, then a slot of its queue, then a slot: to keep a slot
        for somebody who waits for a resource would waste it.
        """
        self._following = need
        self._kept = {}
        self._keep()

    def _book(self, need: Need, sign: int) -> None:
        self.free_slots += sign * need.slots
        if need.queue in self._free_of_queue:
            self._free_of_queue[need.queue] += sign * need.slots
        for name, count in need.resources.items():
            self._free[name] += sign * count
        if self._following is not None:
            self._keep()

    def _keep(self) -> None:
        need = self._following
        self._kept_slots = self._kept_queue_slots = 0
        if need is None:
            return
        lacks = [name for name, count in need.resources.items() if self._free[name] < count]
        # What was lacking once is kept until the end.
        self._kept |= {name: need.resources[name] for name in lacks}
        if not lacks:
            self._kept = dict(need.resources)
            self._kept_queue_slots = need.slots
            if self._free_of_queue.get(need.queue, 1) >= need.slots:
                self._kept_slots = need.slots

    def _kept_of(self, queue: str) -> int:
        following = self._following
        return self._kept_queue_slots if following and following.queue == queue else 0


def _cpus() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) or 1


def _memory_mb() -> int:
    """The machine's, or what the container is limited to."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        total = min(total, int(_CGROUP_LIMIT.read_text()))
    except (OSError, ValueError):
        pass  # there is no limit
    return max(total // MB, 1)


def _devices(count: int) -> tuple[str, ...]:
    """The worker's own devices, if it was given some of the machine's; else the first ones."""
    for variable in DEVICE_VARIABLES:
        given = [name for name in os.environ.get(variable, "").split(",") if name.strip()]
        if given and count:
            if len(given) < count:
                raise InvalidSettings(
                    f"resources offers {count} gpu, but {variable} gives this worker {len(given)}"
                )
            return tuple(name.strip() for name in given[:count])
    return tuple(map(str, range(count)))
