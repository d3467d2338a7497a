"""A stack whose services have failpoints, which a test arms while they run; and what must be true
after one of them.

The supervisor is that of ``millstream up``, but what has died is started again at once: in real
life it waits longer each time.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from integration.liveness import pass_time
from integration.running_stack import UP_S, ForkedStack, eventually
from integration.verify import Log, claims
from millstream.adapters.failpoints import parse
from millstream.client import Client, RunRef
from millstream.core.errors import MillstreamError
from millstream.embedded.pids import identify

LEASE_S = 2.0
STOP_S = 1.5 * LEASE_S
DAG_FILE = Path(__file__).with_name("disturbed_dag.py")
SLOTS = 2
RUN_S = 60.0
PRELUDE = """
from millstream.embedded import backoff
backoff.LONGEST_S = backoff.FIRST_S
"""
Instance = tuple[str, tuple[int, ...]]
T = TypeVar("T")


class CrashStack(ForkedStack):
    """See above. Of each failpoint that was reached and that went off a file tells."""

    def __init__(self, data_dir: Path) -> None:
        self.failpoints = data_dir.parent / "failpoints of it"
        settings = {"LEASE_S": f"{LEASE_S:g}", "FAILPOINTS": f"@{self.failpoints}"}
        super().__init__(
            data_dir, {f"MILLSTREAM_{key}": text for key, text in settings.items()}, SLOTS
        )
        self.arm("")

    def run(self, *words: str, timeout_s: float = UP_S) -> subprocess.CompletedProcess[str]:
        return self._run_forked(*words, timeout_s=timeout_s, prelude=PRELUDE)

    def arm(self, failpoints: str) -> None:
        """From now on these, and what was reached and went off before does not count."""
        parse(failpoints)
        self.failpoints.mkdir(parents=True, exist_ok=True)
        (self.failpoints / "armed").unlink(missing_ok=True)
        for kind in ("reached", "fired"):
            shutil.rmtree(self.failpoints / kind, ignore_errors=True)
        (self.failpoints / "draft").write_text(failpoints)
        (self.failpoints / "draft").rename(self.failpoints / "armed")

    def disarm(self) -> None:
        """From now on nothing more goes off; what did counts."""
        (self.failpoints / "armed").unlink()
        pass_time(0.2)  # who has just looked may be about to

    def reached(self, name: str) -> int:
        """How many times since it was armed."""
        file = self.failpoints / "reached" / name
        return file.stat().st_size if file.exists() else 0

    def fired(self, name: str) -> int:
        """The process in which it went off; 0 while it has not."""
        file = self.failpoints / "fired" / name
        return int(file.read_text() or 0) if file.exists() else 0

    @contextmanager
    def waking(self, name: str, meanwhile: Callable[[], None]) -> Iterator[None]:
        """Within it, the process that the failpoint stops goes on after some time. ``meanwhile``
        is called while it stands still."""
        is_over = threading.Event()
        errors: list[Exception] = []

        def watch() -> None:
            while not self.fired(name):
                if is_over.wait(0.02) and not self.fired(name):
                    return
            until = time.monotonic() + STOP_S
            try:
                meanwhile()
            except Exception as error:
                errors.append(error)
            while time.monotonic() < until:  # whether or not the run is over: it must not stay so
                time.sleep(0.05)
            identify(self.fired(name)).send(signal.SIGCONT)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            is_over.set()
            watcher.join(STOP_S + 10)
        if errors:
            raise errors[0]

    def wait_healthy(self, ended: int = 0) -> None:
        """Until all processes are ready, and the one with the pid ``ended`` is another one."""
        eventually(
            f"process {ended} has ended",
            lambda: all(process.pid != ended for process in self.state.processes),
            30,
        )
        eventually(
            "all processes are ready",
            lambda: all(process.state == "ready" for process in self.state.processes),
            30,
        )


class Played(NamedTuple):
    """A run that was disturbed, and the file in which its bodies were noted."""

    run: RunRef
    bodies: Path


def patiently(request: Callable[[str], T]) -> T:
    """As a client should: whatever error comes, ask again with the same request id."""
    request_id = uuid.uuid4().hex
    deadline = time.monotonic() + RUN_S
    while True:
        try:
            return request(request_id)
        except MillstreamError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def begin(stack: CrashStack, client: Client) -> Played:
    """A run, and requests before and after it."""
    bodies = stack.failpoints.parent / f"bodies {uuid.uuid4().hex}"
    patiently(lambda me: client.variables.set("crash_before", me, request_id=me))
    run = patiently(lambda me: client.trigger("disturbed", {"bodies": str(bodies)}, request_id=me))
    patiently(lambda me: client.variables.set("crash_after", me, request_id=me))
    return Played(run, bodies)


def settle(stack: CrashStack, client: Client, ended: int) -> None:
    """Until everything is back. A scheduler that takes over says so in the log; what is asked for
    after that is answered when that is relayed."""
    stack.wait_healthy(ended)
    patiently(lambda me: client.variables.set("crash_over", me, request_id=me))


def check_run(log: Log, played: Played) -> int:
    """It ended well, and each instance has one result. Returns how many bodies ran more or less
    often than the log says that they were started: such as a worker began, and died before it had
    said so, or before they had begun."""
    rows = log.of_run(played.run.run_id)
    created = [row for row in rows if row["type"] == "RunCreated"]
    assert len(created) == 1, created
    assert rows[-1]["type"] == "RunSucceeded", rows[-1]
    results = count(rows, "TaskSucceeded")
    expected = dict.fromkeys(
        [(name, ()) for name in ("begin", "flaky", "alone", "total", "choose", "six", "end")]
        + [("part", (index,)) for index in range(3)],
        1,
    )
    assert results == expected, results
    assert count(rows, "TaskSkipped") == {("other", ()): 1}
    started = instances(row for row in rows if claims(row))
    ran = Counter[Instance]()
    for line in played.bodies.read_text().splitlines():
        task_id, index = line.split()
        ran[task_id, () if index == "-1" else (int(index),)] += 1
    assert all(ran[name] for name in results), ran
    return sum(abs(ran[each] - started[each]) for each in {**ran, **started})


def count(rows: list, kind: str) -> Counter[Instance]:  # type: ignore[type-arg]
    return instances(row for row in rows if row["type"] == kind)


def instances(rows: Iterable[Any]) -> Counter[Instance]:
    return Counter((row["task_id"], tuple(row["map_index"])) for row in rows)
