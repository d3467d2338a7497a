"""Killing the active one of a role again and again, and how long that is felt."""

from __future__ import annotations

import math
import signal
import time
from dataclasses import dataclass, field
from random import Random

from failover.deployment import Deployment
from failover.load import DISPATCHES, Load, Watch

GIVE_UP_S = 60.0
FENCED = 70


@dataclass
class Takeover:
    """Seconds from the signal to the new epoch, and to the first task that it dispatched, both as
    they passed on NATS; and the longest wait of any task for its upstream around that time."""

    to_epoch_s: float
    to_dispatch_s: float
    killed_at: float
    longest_wait_s: float = 0.0


@dataclass
class Kills:
    """What came of a series. ``calm_waits_s``: the waits of tasks before the first kill."""

    takeovers: list[Takeover] = field(default_factory=list)
    calm_waits_s: list[float] = field(default_factory=list)

    def look_back(self, load: Load, calm: tuple[float, float]) -> None:
        """What the tasks themselves say, when all of them are over."""
        gaps = load.gaps()
        self.calm_waits_s = [wait for at, wait in gaps if calm[0] < at < calm[1]]
        for takeover in self.takeovers:
            killed_at = takeover.killed_at
            near = [wait for at, wait in gaps if killed_at - 1 < at < killed_at + 0.5]
            takeover.longest_wait_s = max(near, default=0.0)


def kill_schedulers(
    deployment: Deployment, watch: Watch, load: Load, count: int, random: Random, calm_s: float
) -> Kills:
    """SIGKILL to the active scheduler, ``count`` times, each time with a standby that stands by.
    ``load`` runs, and is stopped in the end."""
    kills = Kills()
    calm_from = time.time()
    time.sleep(calm_s)
    calm = (calm_from, time.time())
    for _ in range(count):
        first, second = deployment.members["scheduler"]
        second.wait_said('"following"')
        time.sleep(random.uniform(0.5, 1.0))
        epoch = watch.epoch()
        killed_at, at = time.time(), time.monotonic()
        first.send(signal.SIGKILL)
        began = watch.first_after(at, epoch, ("EpochStarted",), GIVE_UP_S)
        dispatched = watch.first_after(at, epoch, DISPATCHES, GIVE_UP_S)
        assert began is not None, "nobody took over"
        assert dispatched is not None, "nothing was dispatched after the takeover"
        kills.takeovers.append(Takeover(began[0] - at, dispatched[0] - at, killed_at))
        deployment.replaced("scheduler")
    time.sleep(calm_s)
    load.stop()
    kills.look_back(load, calm)
    return kills


def kill_projectors(
    deployment: Deployment, watch: Watch, count: int, random: Random
) -> list[float]:
    """SIGKILL to the active projector; how many seconds later what readers see had moved on."""
    found = []
    for _ in range(count):
        first, second = deployment.members["projector"]
        second.wait_said("standing_by")
        time.sleep(random.uniform(0.5, 1.0))
        at = time.monotonic()
        first.send(signal.SIGKILL)
        first.process.wait(10)
        # What it said last may be under way still.
        last = max(position for _, position in list(watch.projected))
        moved = watch.first_projected_after(at, last, GIVE_UP_S)
        assert moved is not None, "nobody went on"
        found.append(moved - at)
        deployment.replaced("projector")
    return found


def let_stand_still(deployment: Deployment, watch: Watch, role: str, lease_s: float) -> float:
    """SIGSTOP to the active one until another one has taken over, then SIGCONT: it must end by
    itself, fenced. How many seconds it took to take over."""
    first, second = deployment.members[role]
    second.wait_said("standing_by")
    at = time.monotonic()
    first.send(signal.SIGSTOP)
    try:
        second.wait_said('"active"', lease_s * 3 + GIVE_UP_S)
        second.wait_ready()
        took_s = time.monotonic() - at
    finally:
        first.send(signal.SIGCONT)
    code = first.process.wait(lease_s * 2 + 10)
    assert code == FENCED, f"{first.name} ended with {code}:\n{first.said()[-2000:]}"
    deployment.replaced(role)
    return took_s


def quantile(values: list[float], part: float) -> float:
    """The value below or at which ``part`` of them lie."""
    return sorted(values)[max(math.ceil(part * len(values)) - 1, 0)]
