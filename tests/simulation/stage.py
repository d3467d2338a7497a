"""The simulated world: production's mains as processes, on simulated servers.

Nothing of the services is written again here: their own ``main`` runs, with other names in place of
the adapters' classes that reach outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import structlog

import millstream.core.gate
import millstream_api.commands
import millstream_api.hub
import millstream_projector.__main__
import millstream_projector.lookups
import millstream_projector.projector
import millstream_projector.secret_lookups
import millstream_projector.states
import millstream_projector.tables
import millstream_scheduler.__main__
import millstream_scheduler.timers
import millstream_scheduler.writer
import millstream_worker.__main__
import millstream_worker.children
import millstream_worker.guarding
import millstream_worker.hosts
import millstream_worker.results
import millstream_worker.worker
from millstream.adapters.blob_directory import Directory
from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.bus import Bus
from millstream.adapters.service import Service
from millstream.adapters.settings import Settings
from millstream.core.commands import ApiCommand
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.receipts import Receipt
from millstream_api.commands import Commands
from millstream_worker.code import Code, CodeStore
from simulation import event_log, nats, postgres, reads, rows
from simulation.children import SimulatedChild, SimulatedHost
from simulation.clock import SimulatedDatetime, SimulatedTime
from simulation.loop import PROCESS, Life, Process, SimulatedLoop, context_of, kill, spawn
from simulation.script import Script
from simulation.workload import SECRET_KEY

RESTART_AFTER_S = 0.3
LEASE_S = 15.0


@dataclass
class Role:
    """A service that is kept running, as a supervisor does. ``number`` counts its processes."""

    name: str
    main: Callable[[Service], Any]
    settings: Settings
    process: Process | None = None
    service: Service | None = None


@dataclass
class Ended:
    """How a process ended by itself."""

    name: str
    at_s: float
    error: str


@dataclass
class Stage:
    """One simulation."""

    loop: SimulatedLoop
    random: Random
    directory: Path
    broker: nats.Broker
    postgres: postgres.Server
    script: Script
    roles: dict[str, Role] = field(default_factory=dict)
    ended: list[Ended] = field(default_factory=list)
    links: dict[Process, list[nats.Link]] = field(default_factory=dict)
    dead: list[Process] = field(default_factory=list)
    # Where clients' requests enter a process.
    apis: dict[Process, Commands] = field(default_factory=dict)
    is_closing: bool = False
    # What the blob store answers to everything, if anything.
    blob_error: int = 0
    # Of all faults this seed has only clocks that are wrong.
    has_only_clocks: bool = False

    def __post_init__(self) -> None:
        self._numbers = itertools.count(1)

    # --- processes

    def add(self, name: str, main: Callable[..., Any], **options: Any) -> Role:
        settings = Settings(
            nats_url="sim",
            database_url="sim",
            blob_url=str(self.directory / "blobs"),
            state_dir=str(self.directory / "state"),
            instance=name,
            lease_s=LEASE_S,
            secret_key=SECRET_KEY,
            **options,
        )
        role = self.roles[name] = Role(name, main, settings)
        return role

    def start(self, role: Role) -> None:
        """A new process of the role, unless there is one."""
        if role.process is not None and role.process.life is not Life.DEAD:
            return
        process = Process(f"{role.name}#{next(self._numbers)}")
        if role.process is not None:
            process.wall_offset_s = role.process.wall_offset_s
        role.process, role.service = process, Service(role.settings)
        spawn(self.loop, process, self._live(role, process, role.service))

    async def _live(self, role: Role, process: Process, service: Service) -> None:
        error = ""
        try:
            await role.main(service)
        except MillstreamError as problem:
            error = f"{problem.reason}: {problem}"
        except Exception as problem:
            error = repr(problem)
            self.loop.trouble.append(problem)
        self.ended.append(Ended(process.name, self.loop.time(), error))
        # What ends by itself must not run on: the supervisor starts another.
        self.loop.call_soon(self._bury, role, process)

    def _bury(self, role: Role, process: Process) -> None:
        self.kill(role, process)

    def kill(self, role: Role, process: Process | None = None) -> None:
        """SIGKILL, and a new process soon."""
        process = process or role.process
        if process is None or process.life is Life.DEAD:
            return
        kill(process)
        self.dead.append(process)
        if not self.is_closing and role.process is process:
            delay_s = self.random.choice([0.05, RESTART_AFTER_S, 2.0])
            self._outside(lambda: self.loop.call_later(delay_s, self.start, role))

    def _outside(self, act: Callable[[], Any]) -> None:
        context_of(None).run(act)

    # --- requests of clients

    async def request(self, command: ApiCommand, timeout_s: float = 5.0) -> Receipt | None:
        """Sent through some api process that lives; None where no answer came. Raises Refused."""
        known = [r.process for r in self.roles.values() if r.process in self.apis]
        alive = [each for each in known if each.life is not Life.DEAD]
        if not alive:
            await asyncio.sleep(0.1)
            return None
        process = self.random.choice(alive)
        answer: asyncio.Future[Receipt] = self.loop.create_future()

        async def ask(api: Commands) -> None:
            try:
                receipt = await api.send(command, timeout_s)
            except MillstreamError as error:
                if not answer.done():
                    answer.set_exception(error)
            else:
                if not answer.done():
                    answer.set_result(receipt)

        spawn(self.loop, process, ask(self.apis[process]))
        try:
            async with asyncio.timeout(timeout_s + 1):
                return await answer
        except (TimeoutError, Unavailable):
            return None


async def api_main(stage: Stage, service: Service) -> None:
    """The api without gRPC: its way to the scheduler and its follower of the stream."""
    bus = await Bus.connect("sim", f"api-{service.settings.instance}")
    commands = Commands(bus, service.settings.shard, service.settings.instance)
    await commands.start()
    process = PROCESS.get()
    assert process is not None
    stage.apis[process] = commands
    hub = millstream_api.hub.Hub(
        bus,
        event_log.SimulatedEventLog(event_log.SimulatedDatabase("sim"), service.settings.shard),
        service.settings.shard,
    )
    await hub.run()


@contextlib.contextmanager
def replaced(stage: Stage) -> Iterator[None]:
    """Production's names, with the simulation's things behind them."""
    event_log.SimulatedDatabase.server = stage.postgres
    event_log.SimulatedLock.server = stage.postgres
    reads.SimulatedSecretTable.server = stage.postgres
    SimulatedChild.script = SimulatedHost.script = stage.script
    SimulatedChild.started = 0

    async def connect(cls: type[Bus], url: str, name: str) -> Bus:
        link = stage.broker.connect(name)
        bus = Bus(link)  # type: ignore[arg-type]
        link.on_reconnect = lambda: [callback() for callback in list(bus._on_reconnect)]  # type: ignore[assignment]
        link.on_disconnect = lambda: setattr(bus, "_last_connected", stage.loop.time())
        while not link.is_up:
            await asyncio.sleep(0.05)
            link.is_up = stage.broker.is_up
        bus._inbox = link.new_inbox()
        await link.subscribe_direct(f"{bus._inbox}.*", bus._on_reply)
        process = PROCESS.get()
        if process is not None:
            stage.links.setdefault(process, []).append(link)
        return bus

    async def nothing(*arguments: Any, **options: Any) -> Any:
        return rows.ReadConnection(stage.postgres)

    names: list[tuple[Any, str, Any]] = [
        (Bus, "connect", classmethod(connect)),
        (millstream_worker.children, "Child", SimulatedChild),
        (millstream_worker.hosts, "HostProcess", SimulatedHost),
        (os, "getpid", lambda: 1),
        # What is on disk here survives whatever is simulated.
        (os, "fsync", lambda handle: None),
        (millstream_worker.worker, "TEND_S", 0.4),
        # One process holds all locks on files here, and has no children to guard.
        (millstream_worker.__main__, "holding", _hold_nothing),
        (millstream_worker.guarding.Guarding, "start", lambda self: None),
        (millstream_worker.guarding.Guarding, "_tell", lambda self, text: None),
        (millstream_worker.children.Children, "take_over", lambda self: 0),
        (CodeStore, "at_hand", lambda self, bundle, file: Code(bundle=bundle)),
        (CodeStore, "give_back", lambda self, code: None),
        (FsspecBlobs, "_in_thread", _at_once),
        (Directory, "_put", _unless(stage, Directory._put)),
        (Directory, "fetch", _unless(stage, Directory.fetch)),
        # So that some of the values that tasks hand on are large.
        (millstream_worker.results, "MOST_INLINE_TOTAL_BYTES", 100),
        # So that in every second seed some wait for another command to let them in.
        (millstream.core.gate, "MOST_AT_ONCE", Random(stage.script.seed).choice([2, 2000])),
    ]
    scheduler = millstream_scheduler.__main__
    for name, value in (
        ("connect_patiently", nothing),
        ("migrate", nothing),
        ("Database", event_log.SimulatedDatabase),
        ("EventLog", event_log.SimulatedEventLog),
        ("ShardLock", event_log.SimulatedLock),
    ):
        names.append((scheduler, name, value))
    projector = millstream_projector.projector
    for name, value in (
        ("_wait_for_log", nothing),
        ("ensure_tables", nothing),
        ("Database", event_log.SimulatedDatabase),
        ("EventLog", event_log.SimulatedEventLog),
        ("write_step", rows.write_step),
        ("read_open_rows", rows.read_open_rows),
        ("read_rows_of", rows.read_rows_of),
    ):
        names.append((projector, name, value))
    names.append((millstream_projector.__main__, "ShardLock", event_log.SimulatedLock))
    lookups, states = millstream_projector.lookups, millstream_projector.states
    names += [
        (lookups, "Database", event_log.SimulatedDatabase),
        (lookups, "find_xcoms", reads.find_xcoms),
        (lookups, "find_asset_events", reads.find_asset_events),
        (millstream_projector.secret_lookups, "Database", event_log.SimulatedDatabase),
        (millstream_projector.secret_lookups, "SecretTable", reads.SimulatedSecretTable),
        (states, "Database", event_log.SimulatedDatabase),
        (states, "read_states", reads.read_states),
    ]
    time = SimulatedTime()
    for module in list(sys.modules.values()):
        if not getattr(module, "__name__", "").startswith(("millstream_", "millstream.adapters")):
            continue
        if getattr(module, "time", None) is not None and hasattr(module.time, "monotonic"):
            names.append((module, "time", time))
        if "datetime" in vars(module) and isinstance(module.datetime, type):
            names.append((module, "datetime", SimulatedDatetime))
    before = [(holder, name, vars(holder)[name]) for holder, name, _ in names]
    for holder, name, value in names:
        setattr(holder, name, value)
    structlog.configure(
        processors=[_drop],  # type: ignore[list-item]
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        for holder, name, value in before:
            setattr(holder, name, value)


async def _at_once(blobs: FsspecBlobs, work: Callable[[], Any]) -> Any:
    """A thread would run on the real clock."""
    await asyncio.sleep(0.001)
    return work()


def _unless(stage: Stage, act: Callable[..., Any]) -> Callable[..., Any]:
    """What the blob store does, unless it fails."""

    def do(*arguments: Any) -> Any:
        if stage.blob_error:
            raise OSError(stage.blob_error, os.strerror(stage.blob_error))
        return act(*arguments)

    return do


# What faults lead to is told with a traceback, too.
FORESEEN = {"log_not_uploaded"}


def _drop(logger: Any, method: str, event: dict[str, Any]) -> Any:
    if (method == "exception" or "exc_info" in event) and event["event"] not in FORESEEN:
        # A service goes on after what it did not foresee.
        problem = event.get("exc_info")
        trouble = problem if isinstance(problem, BaseException) else sys.exc_info()[1]
        asyncio.get_running_loop().trouble.append(trouble)  # type: ignore[attr-defined]
    if LOUD:
        process = PROCESS.get()
        now = asyncio.get_running_loop().time()
        print(f"{now:10.4f} {process} {method} {event}", file=sys.stderr)
    raise structlog.DropEvent


LOUD = False


@contextlib.asynccontextmanager
async def _hold_nothing(*arguments: Any) -> AsyncIterator[None]:
    yield


def make_directory(parent: Path, seed: str) -> Path:
    directory = parent / f"seed-{seed}"
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
