"""Virtual environments for bundles: what a bundle needs is locked with uv, and the environment is
made once for each lock, however many attempts and workers wait for it."""

from __future__ import annotations

import asyncio
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import structlog

from millstream.sdk.folder_cache import FolderCache, Hold, remove_tree
from millstream.sdk.requirements import is_anywhere
from millstream_worker.held_folders import HeldFolders
from millstream_worker.interpreters import Interpreter, find_interpreter
from millstream_worker.locks import Lock, Locks
from millstream_worker.needs import Needs, read_needs
from millstream_worker.sdk_wheels import make_wheels, own_packages
from millstream_worker.uv import EnvironmentNotMade, run_uv

log = structlog.get_logger(__name__)

_POLL_S = 0.2
_FULL_DISK = "os error 28"


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an environment is made for and with; ``wheels``: those of what a child itself needs."""

    needs: Needs
    bundle: str
    interpreter: Interpreter
    wheels: Path


@dataclass(slots=True)
class _Making:
    task: asyncio.Task[str]
    waiters: int = 0


class Environments:
    """Under ``state_dir``: the environments, each named by its lock, its interpreter and this
    installation; the locks; and the wheels of what a child itself needs. Several workers may share
    it. ``most_bytes``: what is kept that is not in use, 0 for any amount."""

    def __init__(self, state_dir: Path, most_bytes: int = 0) -> None:
        self._cache = FolderCache(state_dir / "environments", most_bytes)
        self._held = HeldFolders(self._cache)
        self._locks = Locks(state_dir / "locks")
        self._wheels = state_dir / "wheels"
        self._making: dict[tuple[str, str], _Making] = {}

    def has(self, name: str) -> bool:
        return not name or name in self._held

    def take(self, name: str) -> None:
        """Somebody uses it now, who will `give_back`. It must be here."""
        if name:
            self._held.take(name)

    def give_back(self, name: str) -> None:
        if name:
            self._held.give_back(name)

    def python(self, name: str) -> str:
        """The interpreter of an environment; "" for the worker's own."""
        return str(self._cache.path(name) / "bin" / "python") if name else ""

    def tend(self, now: float) -> None:
        """Now and then: what was not used for a while is not held any more."""
        self._held.tend(now)

    def close(self) -> None:
        for making in list(self._making.values()):
            making.task.cancel()
        self._held.close()

    async def of(self, bundle: str, folder: Path, file: str) -> str:
        """The name of the environment for a DAG file of an unpacked bundle, made if it has to be;
        "" if it needs none. Raises ``NeedsError`` and :class:`EnvironmentNotMade`.

        It is made for all who wait for it, and not any more when nobody does.
        """
        key = (bundle, file)
        making = self._making.get(key)
        if making is None:
            making = self._making[key] = _Making(
                asyncio.create_task(self._prepare(bundle, folder, file))
            )
        making.waiters += 1
        try:
            return await asyncio.shield(making.task)
        finally:
            making.waiters -= 1
            if not making.waiters:
                if self._making.get(key) is making:  # who comes now begins anew
                    del self._making[key]
                making.task.cancel()
                await asyncio.gather(making.task, return_exceptions=True)

    async def _prepare(self, bundle: str, folder: Path, file: str) -> str:
        needs = await asyncio.to_thread(read_needs, folder, file)
        if needs is None:
            return ""
        interpreter = await find_interpreter(needs)
        try:
            wheels = await asyncio.to_thread(make_wheels, self._wheels)
            plan = _Plan(needs, bundle, interpreter, wheels)
            name = self._locks.name(needs, bundle, interpreter, wheels)
            lock = await self._locks.find(name)
            if lock is not None:
                try:
                    return await self._obtain(lock, plan)
                except EnvironmentNotMade as error:
                    # A package may have gone from its index, a password may have changed.
                    log.warning("environment_locked_again", reason=str(error)[:1000])
                    self._locks.forget(name)
            lock = await self._locks.make(name, needs, interpreter, wheels)
            return await self._obtain(lock, plan)
        except OSError as error:
            raise EnvironmentNotMade(
                f"the environments under {self._cache.directory} cannot be written: "
                f"{error.strerror or error}"
            ) from error

    async def _obtain(self, lock: Lock, plan: _Plan) -> str:
        """The environment of a lock, which this worker or another makes."""
        # What is installed from the bundle is not named by its content.
        is_local = not all(is_anywhere(line) for line in lock.pins)
        own = [str(path) for path in own_packages().values()]
        made_of = [*lock.pins, plan.interpreter.identity, *own, plan.bundle if is_local else ""]
        name = hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:32]
        while True:
            hold = await asyncio.to_thread(self._cache.try_use, name)
            if hold is None:
                hold = await asyncio.to_thread(self._cache.try_make, name)
                if hold is not None and not await self._make(hold, lock, plan):
                    hold.close()
                    hold = None
            if hold is not None:
                self._held.add(hold)
                return name
            await asyncio.sleep(_POLL_S)

    async def _make(self, hold: Hold, lock: Lock, plan: _Plan) -> bool:
        """Makes it in its place; whoever finds it without its note knows that it is half made.
        False if it was removed as soon as it was there."""
        needs_file = plan.needs.file.name
        log.info("environment_begun", environment=hold.name, needs=needs_file)
        try:
            await self._fill(hold, lock, plan)
            is_made = await asyncio.to_thread(self._cache.made, hold)
        except BaseException as error:
            await asyncio.shield(asyncio.to_thread(remove_tree, hold.path))
            hold.close()
            if isinstance(error, EnvironmentNotMade) and _FULL_DISK in str(error):
                self._held.let_idle_go()
                gone = await asyncio.to_thread(self._cache.trim, 0)
                log.warning("disk_full", removed=gone)
            raise
        log.info("environment_made", environment=hold.name, needs=needs_file)
        self._held.let_idle_go()
        await asyncio.to_thread(self._cache.trim)
        return is_made

    async def _fill(self, hold: Hold, lock: Lock, plan: _Plan) -> None:
        folder, place = hold.path, plan.needs.file.parent
        # Should the worker be killed, the folder is locked until uv has ended too.
        keep = (hold.lock,)
        make = ["venv", "--quiet", "--no-project", "--python", plan.interpreter.path, str(folder)]
        await run_uv(*make, cwd=place, what="Making the environment", keep_open=keep)
        fill = ["pip", "install", "--quiet", "--no-deps", "--python", f"{folder}/bin/python"]
        fill += ["--find-links", str(plan.wheels), "-r", "-"]
        if lock.hashes:
            hashes = folder / "hashes.txt"
            await asyncio.to_thread(hashes.write_text, lock.hashes)
            fill += ["-c", str(hashes)]
        what = f"Installing what {plan.needs.file.name} needs"
        await run_uv(*fill, cwd=place, what=what, stdin=lock.text.encode(), keep_open=keep)
        await asyncio.to_thread(_link_own_packages, folder)


def _link_own_packages(folder: Path) -> None:
    """The environment runs the very code of this worker, and sees nothing else of it."""
    (packages,) = folder.glob("lib/python*/site-packages")
    for name, path in own_packages().items():
        (packages / name).symlink_to(path)
