"""What goes wrong, drawn from the seed: each seed has some kinds of faults and not others."""

from __future__ import annotations

import asyncio
import errno
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simulation import nats, postgres
from simulation.judgements import FORGED
from simulation.loop import Life, pause, resume
from simulation.stage import Role, Stage

KINDS = (
    "kill",
    "pause",
    "stop",
    "twice",
    "cut",
    "nats_down",
    "nats_wiped",
    "nats_tail",
    "nats_full",
    "postgres_down",
    "clock",
    "poison",
    "blobs",
    "again",
    "forged",
)
REPORTED = ("where", "worker", "token", "started_at", "ended_at")
WEATHERS = ("loss", "double", "late", "commit_unknown", "slow_disk")


@dataclass
class Plan:
    """``kinds`` and ``weathers`` that this seed has, and how often (mean seconds between two)."""

    kinds: tuple[str, ...]
    weathers: tuple[str, ...]
    every_s: float
    done: list[str] = field(default_factory=list)


def draw_plan(random: Random) -> Plan:
    if random.random() < 0.06:
        return Plan(("clock",), (), random.choice([3.0, 8.0]))
    return Plan(
        kinds=tuple(kind for kind in KINDS if random.random() < 0.35),
        weathers=tuple(kind for kind in WEATHERS if random.random() < 0.3),
        every_s=random.choice([3.0, 8.0, 20.0]),
    )


def begin(stage: Stage, plan: Plan) -> None:
    """The weather of the whole time."""
    network, disk = stage.broker.weather, stage.postgres.weather
    if "loss" in plan.weathers:
        network.loss = 0.01
    if "double" in plan.weathers:
        network.double = 0.05
    if "late" in plan.weathers:
        network.late, network.late_s = 0.02, stage.random.choice([0.5, 5.0, 60.0])
    if "commit_unknown" in plan.weathers:
        disk.before = disk.after = 0.01
    if "slow_disk" in plan.weathers:
        disk.slow, disk.slow_s = 0.05, 2.0


def heal(stage: Stage) -> None:
    """From here on nothing goes wrong any more."""
    stage.broker.weather = nats.Weather()
    stage.postgres.weather = postgres.Weather()
    stage.script.is_calm = True
    stage.broker.jetstream.is_full = False
    stage.blob_error = 0
    stage.broker.start()
    stage.postgres.start()
    for role in stage.roles.values():
        if role.process is not None:
            role.process.wall_offset_s = 0.0
            resume(stage.loop, role.process)


async def go_wrong(stage: Stage, plan: Plan) -> None:
    """Faults, until cancelled."""
    random = stage.random
    if not plan.kinds:
        return
    while True:
        await asyncio.sleep(random.expovariate(1 / plan.every_s))
        kind = random.choice(plan.kinds)
        plan.done.append(f"{stage.loop.time():.3f} {kind}")
        _FAULTS[kind](stage)


def _someone(stage: Stage) -> Role | None:
    alive = [
        role
        for role in stage.roles.values()
        if role.process is not None and role.process.life is Life.RUNNING
    ]
    return stage.random.choice(alive) if alive else None


def _kill(stage: Stage) -> None:
    role = _someone(stage)
    if role is not None:
        stage.kill(role)


def _pause(stage: Stage) -> None:
    role = _someone(stage)
    if role is not None and role.process is not None:
        pause(role.process)
        for execution in stage.script.executions:
            execution.was_paused |= execution.worker is role.process and not execution.is_over
        seconds = stage.random.choice([1.0, 10.0, 40.0, 120.0])
        stage.loop.call_later(seconds, resume, stage.loop, role.process)


def _stop(stage: Stage) -> None:
    role = _someone(stage)
    if role is not None and role.service is not None:
        role.service.stopping.set()


def _twice(stage: Stage) -> None:
    """Somebody starts a second process of a role while the first goes on, unseen."""
    role = _someone(stage)
    if role is not None and not role.name.startswith("worker"):
        process, role.process = role.process, None
        stage.start(role)
        assert process is not None
        seconds = stage.random.uniform(1, 30)
        stage.loop.call_later(seconds, stage.kill, role, process)


def _cut(stage: Stage) -> None:
    if stage.broker.links:
        link = stage.random.choice(stage.broker.links)
        stage.broker.cut(link, stage.random.choice([0.1, 2.0, 20.0]))


def _nats_down(stage: Stage) -> None:
    if stage.broker.is_up:
        stage.broker.stop()
        stage.loop.call_later(stage.random.choice([0.2, 3.0, 25.0]), stage.broker.start)


def _nats_wiped(stage: Stage) -> None:
    if stage.broker.is_up:
        stage.broker.stop()
        stage.broker.jetstream.wipe()
        stage.loop.call_later(stage.random.uniform(0.1, 2), stage.broker.start)


def _nats_tail(stage: Stage) -> None:
    """The store is as it was a while ago: the ends of its streams are lost."""
    if stage.broker.is_up:
        stage.broker.stop()
        for name in list(stage.broker.jetstream.streams):
            stage.broker.jetstream.lose_tail(name, stage.random.randrange(12))
        stage.loop.call_later(stage.random.uniform(0.1, 2), stage.broker.start)


def _nats_full(stage: Stage) -> None:
    stage.broker.jetstream.is_full = True

    def free() -> None:
        stage.broker.jetstream.is_full = False

    stage.loop.call_later(stage.random.choice([1.0, 8.0]), free)


def _postgres_down(stage: Stage) -> None:
    if stage.postgres.is_up:
        stage.postgres.stop()
        stage.loop.call_later(stage.random.choice([0.2, 5.0, 30.0]), stage.postgres.start)


def _clock(stage: Stage) -> None:
    role = _someone(stage)
    if role is not None and role.process is not None:
        role.process.wall_offset_s = stage.random.choice([-86400.0, -5.0, 0.0, 3.0, 600.0])


POISONED = (
    "ms.in.0.worker.worker1",
    "ms.in.0.api.api1",
    "ms.in.0.nobody.x",
    "ms.rcpt.worker.worker1",
    "ms.hb.worker1",
    "ms.look.0.xcom",
    "ms.proj.0",
)
POISONS = (
    *(b"", b"\xff\x00", b"{}", b"[" * 5000, b'{"type":"SucceedAttempt"}'),
    b'{"position":9e99}',
)


def _poison(stage: Stage) -> None:
    """Rubbish where services listen."""
    subject, data = stage.random.choice(POISONED), stage.random.choice(POISONS)
    header = stage.random.choice([b"", b"NATS/1.0\r\nX\r\n\r\n", b"NATS/1.0 \xff\r\n\r\n"])
    stage.broker.receive(None, subject, data, "", header)


def _blobs(stage: Stage) -> None:
    """The blob store fails in a way that passes, or is full."""
    stage.blob_error = stage.random.choice([errno.EIO, errno.ENOSPC])

    def mend() -> None:
        stage.blob_error = 0

    stage.loop.call_later(stage.random.choice([0.5, 5.0, 30.0]), mend)


def _again(stage: Stage) -> None:
    """A task reports once more, and says something else; at times in the name of another claim."""
    if not stage.broker.reports:
        return
    subject, data = stage.random.choice(stage.broker.reports)
    body = json.loads(data)
    ends = {"SucceedAttempt": "FailAttempt", "FailAttempt": "SucceedAttempt"}
    if body["type"] not in ends or "where" not in body:
        return
    body = {name: body[name] for name in REPORTED if name in body} | {"type": ends[body["type"]]}
    body["id"] = f"again/{stage.loop.time():.6f}"
    if body["type"] == "FailAttempt":
        body |= {"error_type": "ValueError", "message": "once more"}
    if stage.random.random() < 0.4:
        body["token"] += "-stolen"
    stage.broker.receive(None, subject, json.dumps(body).encode(), "", b"")


def _forged(stage: Stage) -> None:
    """Somebody asks for what is not his to ask for."""
    id_ = f"{FORGED}{stage.loop.time():.6f}"
    about = {"id": id_, "namespace": "default", "dag_id": "dag0"}
    if stage.random.random() < 0.5:
        body = {**about, "type": "SetDagPaused", "is_paused": stage.random.random() < 0.5}
        stage.broker.receive(None, "ms.in.0.worker.worker1", json.dumps(body).encode(), "", b"")
        return
    # A variable is for the api to set, too.
    reports = [data for _, data in stage.broker.reports if b"Variable" not in data[:40]]
    if reports:
        body = json.loads(stage.random.choice(reports)) | {"id": id_}
        stage.broker.receive(None, "ms.in.0.api.api1", json.dumps(body).encode(), "", b"")


_FAULTS: dict[str, Callable[[Stage], None]] = {
    "kill": _kill,
    "pause": _pause,
    "stop": _stop,
    "twice": _twice,
    "cut": _cut,
    "nats_down": _nats_down,
    "nats_wiped": _nats_wiped,
    "nats_tail": _nats_tail,
    "nats_full": _nats_full,
    "postgres_down": _postgres_down,
    "clock": _clock,
    "poison": _poison,
    "blobs": _blobs,
    "again": _again,
    "forged": _forged,
}
