"""A rolling restart: the processes of the services get SIGTERM, one after the other, under load."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from failover.deployment import Deployment, Member
from failover.load import Load

ORDER = ("api", "scheduler", "projector", "worker")


@dataclass
class Rolling:
    """By role, in seconds: how long each task waited for its upstream while that role was
    restarted (``calm`` is a role of its own), and how long each process took to stop."""

    waits_s: dict[str, list[float]] = field(default_factory=dict)
    stops_s: dict[str, list[float]] = field(default_factory=dict)


def restart_all(deployment: Deployment, load: Load, calm_s: float, each: int = 2) -> Rolling:
    """``each``: how many of a role, the active one first. ``load`` runs, and is stopped in the
    end."""
    rolling = Rolling()
    began = time.time()
    time.sleep(calm_s)
    spans = [("calm", began, time.time())]
    for role in ORDER:
        began = time.time()
        for member in list(deployment.members[role])[:each]:
            stopped = time.monotonic()
            code = member.stop()
            assert code == 0, f"{member.name} ended with {code}:\n{member.said()[-2000:]}"
            rolling.stops_s.setdefault(role, []).append(time.monotonic() - stopped)
            _start_again(member)
        if each == 1:
            deployment.members[role].reverse()
        time.sleep(1.0)
        spans.append((role, began, time.time()))
    load.stop()
    gaps = load.gaps()
    for role, since, until in spans:
        rolling.waits_s[role] = [wait for at, wait in gaps if since <= at < until]
    return rolling


def _start_again(member: Member) -> None:
    """Until it serves, or stands by."""
    member.start()
    if member.role in ("scheduler", "projector"):
        member.wait_said("standing_by")
    else:
        member.wait_ready()
