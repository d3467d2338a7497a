"""A folder of DAG files and an api that shall have what they make: `millstream up --dags`,
`millstream dags sync` and `millstream dev`.

Each file is read by a process of its own with a time limit, so a file that hangs, crashes or prints
without an end holds up no other. What is wrong with a file is kept, told, and reported to the api.
Everything here but the reading happens on one thread.
"""

from __future__ import annotations

import hashlib
import os
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from millstream.client.client import Client
from millstream.client.dag_file import Loaded, ReadLimits, Stopped, load_dag_file
from millstream.client.folder_state import FolderState
from millstream.client.import_errors import ImportFault
from millstream.client.project import Project, Stamp
from millstream.core.errors import MillstreamError, Unavailable
from millstream.core.spec import DagSpec, encode_spec
from millstream.sdk.bundle import build_bundle
from millstream.sdk.errors import BundleError, DagFileError
from millstream.sdk.load import NO_DAG

LIMITS = ReadLimits(timeout_s=30.0, memory_mb=4096)
AT_ONCE = 4
# Changes are noticed at once where the system tells of them; this is for where it does not.
RESCAN_S = 5.0
# How long a DAG that no file makes any more may be missing before it is paused: files that are
# moved, or a checkout of another branch, come and go.
GONE_S = 5.0
# How often the errors are reported, so that an api that was started meanwhile knows them too.
REPORT_S = 10.0
# What comes of the first look is sent when all of it is read, so that each file is bundled once;
# but those that hang are not waited for.
FIRST_LOOK_S = 5.0
AGAIN_S = 1.0
MOST_REMEMBERED = 10_000


class Source(msgspec.Struct):
    """A DAG file. ``read`` counts how often reading it was begun; ``specs`` is what it made the
    last time that it could be read."""

    stamp: Stamp
    read: int = 0
    is_reading: bool = False
    is_dirty: bool = True
    is_suspect: bool = False
    is_known: bool = False
    specs: list[DagSpec] = []
    imported: frozenset[str] = frozenset()
    fault: ImportFault | None = None
    clashes: list[ImportFault] = []

    @property
    def is_module(self) -> bool:
        """Whether it names DAGs and was seen to make none."""
        return self.is_known and not self.specs and not self.fault


class Read(msgspec.Struct):
    """What came of reading a file."""

    path: str
    number: int
    loaded: Loaded


class DagFolder:
    """Keeps the DAGs of an api as the files of a folder make them. ``only``: these files alone, by
    their paths in the folder. ``tell`` is handed a line for people at each change. ``state_file``:
    what the files made is kept there, so that the next one who watches the folder notices what was
    deleted meanwhile. ``limits`` are those of each process that reads a file."""

    def __init__(
        self,
        client: Client,
        root: Path,
        tell: Callable[[str], None],
        *,
        only: Iterable[str] = (),
        on_sent: Callable[[list[str]], None] = lambda dag_ids: None,
        limits: ReadLimits = LIMITS,
        state_file: Path | None = None,
    ) -> None:
        self.root = root.resolve()
        self.sources: dict[str, Source] = {}
        self._client = client
        self._tell = tell
        self._on_sent = on_sent
        self._limits = limits
        self._only = frozenset(only)
        self._project = Project(self.root, self._only)
        self._files: dict[str, Stamp] = {}
        self._state = FolderState(state_file, self.root)
        made = self._state.read()
        self._owners = {dag_id: path for dag_id, path in made.owners.items() if path}
        # What the api has of each DAG, and of which bundles it has the bytes.
        self._sent: dict[str, tuple[bytes, str]] = {}
        self._uploaded: set[str] = set()
        self._unsent: set[str] = set()
        self._gone = {dag_id: _gone_at() for dag_id, path in made.owners.items() if not path}
        self._paused = set(made.paused)
        self._has_seen_files = False
        self._inbox: queue.SimpleQueue[Read | None] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._readers = ThreadPoolExecutor(AT_ONCE, "dag-file")
        # Files that hung or died the last time wait for each other and not the others for them.
        self._suspects = ThreadPoolExecutor(1, "suspect-dag-file")
        self._began = time.monotonic()
        self._send_again_at = 0.0
        self._reported_at = 0.0
        self._reported: list[ImportFault] | None = None
        self._said: dict[str, str] = {}

    @property
    def faults(self) -> list[ImportFault]:
        """What is wrong, by file."""
        found = []
        for path in sorted(self.sources):
            source = self.sources[path]
            found += [source.fault] if source.fault is not None else source.clashes
        return found

    @property
    def is_idle(self) -> bool:
        """Whether everything that was seen is read and sent."""
        return not self._unsent and not any(
            source.is_dirty or source.is_reading for source in self.sources.values()
        )

    @property
    def is_settled(self) -> bool:
        """Whether it is idle, and all DAGs that no file makes any more are paused."""
        return self.is_idle and not self._gone

    def run(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until :meth:`stop` or ``until``, which is asked after each step."""
        self._project.watch(lambda: self._inbox.put(None))
        self.look()
        while not self._stopping.is_set():
            self.step()
            if until():
                return
            self._wait()

    def stop(self) -> None:
        """Ends :meth:`run`, from any thread or a signal handler."""
        self._stopping.set()
        self._inbox.put(None)

    def close(self) -> None:
        """Ends all readers."""
        self.stop()
        self._project.close()
        for pool in (self._readers, self._suspects):
            pool.shutdown(cancel_futures=True)
        if self._reported:
            # Nobody looks after these files any more.
            self._report([], is_last=True)

    # --- what is there

    def look(self) -> None:
        """Find what has changed on disk."""
        try:
            files = self._project.scan()
        except (OSError, BundleError) as error:
            self._say("", f"{self.root} cannot be read: {error}")
            return
        self._say("", "")
        before, self._files = self._files, files
        changed = {
            path for path in before.keys() | files.keys() if before.get(path) != files.get(path)
        }
        if not changed:
            return
        wanted = {path for path in files if self._project.is_dag_file(path, files[path])}
        if wanted and not self._has_seen_files:
            # A folder without any may be one that is not mounted yet.
            self._has_seen_files = True
            for path in sorted(set(self._owners.values()) - wanted):
                self._release(path, set())
        # A module, or data: any file may depend on it, and all bundles hold it.
        is_shared = any(
            path not in wanted | self.sources.keys()
            or (path in self.sources and self.sources[path].is_module)
            for path in changed
        )
        for path in sorted(self.sources.keys() - wanted):
            self._forget(path)
        for path in sorted(wanted):
            source = self.sources.get(path)
            if source is None:
                self.sources[path] = Source(stamp=files[path])
            elif path in changed or source.imported & changed:
                source.stamp, source.is_dirty = files[path], True
        if is_shared:
            for source in self.sources.values():
                source.is_dirty = True

    def _forget(self, path: str) -> None:
        """A file that is no DAG file any more."""
        del self.sources[path]
        self._unsent.discard(path)
        self._say(path, "")
        self._release(path, set())

    # --- one step

    def step(self) -> None:
        """Do what can be done now, without waiting for readers."""
        while True:
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                break
            if message is not None:
                self._take(message)
        self._begin_reading()
        self._send_all()
        self._pause_gone()
        self._keep_state()
        self._report_if_due()

    def _wait(self) -> None:
        """Until something happens, or it is time to look again."""
        is_due_soon = self._unsent or self._gone or self._began + FIRST_LOOK_S > time.monotonic()
        try:
            message = self._inbox.get(timeout=AGAIN_S if is_due_soon else RESCAN_S)
        except queue.Empty:
            message = None
        if message is None:
            self.look()
        else:
            self._take(message)

    def _begin_reading(self) -> None:
        for path, source in self.sources.items():
            if source.is_dirty and not source.is_reading:
                source.is_dirty, source.is_reading = False, True
                source.read += 1
                pool = self._suspects if source.is_suspect else self._readers
                pool.submit(self._read, path, source.read)

    def _read(self, path: str, number: int) -> None:
        """On a thread of a pool."""
        try:
            loaded = load_dag_file(
                self.root / path,
                self.root,
                self._client.look_up,
                limits=self._limits,
                is_quiet=True,
                is_stopping=self._stopping.is_set,
            )
        except Stopped:
            return
        except Exception as error:  # so that no file can end what looks after all of them
            text = str(error) if isinstance(error, MillstreamError) else repr(error)
            loaded = Loaded(fault=DagFileError(str(self.root / path), 0, text))
        self._inbox.put(Read(path, number, loaded))

    def _take(self, read: Read) -> None:
        source = self.sources.get(read.path)
        if source is None or source.read != read.number:
            return  # it was deleted meanwhile
        source.is_reading = False
        if source.is_dirty:
            return  # it has changed since and is read again
        was_module, source.is_known = source.is_module, True
        loaded = read.loaded
        source.is_suspect = loaded.is_stuck
        if not loaded.is_stuck:
            source.imported = frozenset(loaded.imported) - {read.path}
        fault = loaded.fault
        if fault is not None and fault.message.startswith(NO_DAG) and not self._only:
            fault = None  # a module that only names DAGs
        if fault is None:
            source.specs, source.fault = loaded.specs, None
            self._unsent.add(read.path)
            if source.is_module and not was_module:  # the bundles of all others lack it
                self._unsent.update(
                    path for path, each in self.sources.items() if each.specs and not each.fault
                )
        else:
            # What it made before goes on.
            source.fault = self._fault(read.path, fault)
            self._unsent.discard(read.path)
            self._say(read.path, str(source.fault))

    def _fault(self, path: str, error: MillstreamError) -> ImportFault:
        line, message = 0, str(error)
        if isinstance(error, DagFileError):
            line, message = error.line, error.message
            if Path(error.file) != self.root / path:
                message = f"{message} (in {error.file})"
        return ImportFault(file=path, line=line, message=message, at=datetime.now(UTC))

    # --- to the api

    def _send_all(self) -> None:
        now = time.monotonic()
        if now < self._send_again_at or (
            now < self._began + FIRST_LOOK_S
            and not all(source.is_known for source in self.sources.values())
        ):
            return
        for path in sorted(self._unsent):
            try:
                self._send(path, self.sources[path])
            except Unavailable as error:
                self._say("", f"The api takes nothing now: {error}")
                self._send_again_at = time.monotonic() + AGAIN_S
                return
            except (MillstreamError, OSError) as error:
                source = self.sources[path]
                wrong = error if isinstance(error, MillstreamError) else MillstreamError(str(error))
                source.fault = self._fault(path, wrong)
                self._say(path, str(source.fault))
            self._unsent.discard(path)

    def _send(self, path: str, source: Source) -> None:
        """Submit what a file makes. Raises :class:`MillstreamError` and :class:`OSError`."""
        # Other DAG files are of no concern, unless this one imports them: else each change of one
        # would be a new version of all. Those that are not read yet count as such.
        others = {
            other
            for other, each in self.sources.items()
            if other != path and not each.is_module and other not in source.imported
        }
        bundle = build_bundle(self.root / path, self.root, leave_out=others)
        source.clashes = []
        mine = [spec for spec in source.specs if self._claim(path, source, spec)]
        for spec in mine:
            state = (hashlib.sha256(encode_spec(spec)).digest(), bundle.digest)
            if self._sent.get(spec.dag_id) == state and spec.dag_id not in self._paused:
                continue
            if bundle.digest not in self._uploaded:
                self._client.upload_bundle(bundle.data)
                if len(self._uploaded) > MOST_REMEMBERED:
                    self._uploaded.clear()
                self._uploaded.add(bundle.digest)
            done = self._client.submit_spec(spec, bundle.digest)
            self._sent[spec.dag_id] = state
            self._tell(f"{path}: DAG {done.dag_id} is version {done.version}")
            if spec.dag_id in self._paused:
                self._client.unpause_dag(spec.dag_id)
                self._paused.discard(spec.dag_id)
                self._tell(f"{path}: DAG {done.dag_id} is back and goes on")
        self._say(path, "; ".join(str(clash) for clash in source.clashes))
        self._release(path, {spec.dag_id for spec in mine})
        self._on_sent([spec.dag_id for spec in mine])

    def _claim(self, path: str, source: Source, spec: DagSpec) -> bool:
        """The first file that makes a DAG keeps it."""
        owner = self._owners.setdefault(spec.dag_id, path)
        if owner == path:
            self._gone.pop(spec.dag_id, None)
            return True
        source.clashes.append(
            ImportFault(
                file=path,
                line=0,
                message=f"dag_id {spec.dag_id!r} is also made by {owner}, which keeps it; give "
                f"each DAG an id of its own",
                at=datetime.now(UTC),
            )
        )
        return False

    def _release(self, path: str, kept: set[str]) -> None:
        """The DAGs that a file does not make any more."""
        for dag_id in [dag_id for dag_id, owner in self._owners.items() if owner == path]:
            if dag_id in kept:
                continue
            del self._owners[dag_id]
            self._gone[dag_id] = _gone_at()
            for source in self.sources.values():
                if any(spec.dag_id == dag_id for spec in source.specs):
                    source.is_dirty = True  # it may have it now

    def _pause_gone(self) -> None:
        if not all(source.is_known for source in self.sources.values()):
            return  # one of these may make it
        now = time.monotonic()
        for dag_id in [dag_id for dag_id, at in self._gone.items() if at <= now]:
            try:
                was_running = self._client.pause_dag(dag_id)
            except Unavailable:
                return
            except MillstreamError as error:
                self._tell(f"DAG {dag_id}: {error}")
            else:
                if was_running:
                    self._paused.add(dag_id)
                self._sent.pop(dag_id, None)
                self._tell(f"DAG {dag_id} is made by no file any more: it is paused")
            del self._gone[dag_id]

    def _keep_state(self) -> None:
        try:
            self._state.keep(self._owners | dict.fromkeys(self._gone, ""), self._paused)
        except OSError as error:
            self._say("state", f"What the files made cannot be kept: {error}")
        else:
            self._say("state", "")

    # --- what people see

    def _report_if_due(self) -> None:
        faults = self.faults
        if faults != self._reported or time.monotonic() > self._reported_at + REPORT_S:
            self._report(faults)

    def _report(self, faults: list[ImportFault], *, is_last: bool = False) -> None:
        if not is_last and time.monotonic() < self._send_again_at:
            return
        try:
            self._client.import_errors.report(self.name, faults)
        except MillstreamError as error:
            self._say("report", "" if is_last else f"The errors cannot be reported: {error}")
            self._send_again_at = time.monotonic() + AGAIN_S
            return
        self._say("report", "")
        self._reported, self._reported_at = faults, time.monotonic()

    @property
    def name(self) -> str:
        """Whose errors these are: this folder on this machine."""
        return f"{socket.gethostname()}:{self.root}{os.sep}"

    def _say(self, about: str, text: str) -> None:
        """Tell something once, and again when it has changed."""
        if text and self._said.get(about) != text:
            self._tell(text)
        self._said[about] = text


def _gone_at() -> float:
    """When a DAG is paused that no file makes from now on."""
    return time.monotonic() + GONE_S
