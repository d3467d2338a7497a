"""One ``millstream up`` as a test sees it: its addresses, its processes, and how to hurt them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from integration.forked_cli import ForkedCli
from integration.ready_cluster import copy_cluster
from millstream.client import Client, Event, RunRef
from millstream.core.spec import BashAction, DagSpec, TaskSpec
from millstream.embedded.pids import ProcessId, wait_until_gone
from millstream.embedded.statefile import UpState, read_last_state, read_state

UP_S = 90
FORKED = ForkedCli()
RESTART_S = 30.0


def eventually(what: str, is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait for something that announces itself to nobody."""
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"not within {timeout_s:g} s: {what}"
        time.sleep(0.02)


def bash(task_id: str, command: str, *upstream: str, **options: object) -> TaskSpec:
    return TaskSpec(
        task_id=task_id,
        action=BashAction(command=command, append_env=True),
        upstream=upstream,
        **options,  # type: ignore[arg-type]
    )


def bash_dag(dag_id: str, *tasks: TaskSpec) -> DagSpec:
    return DagSpec(dag_id=dag_id, tasks=tasks)


class RunningStack:
    """``up`` starts it and ``down`` stops it; both may be called again on the same data. Its
    processes are just what they are for a user."""

    def __init__(
        self, data_dir: Path, environment: dict[str, str] | None = None, slots: int = 2
    ) -> None:
        self._slots = slots
        self.data_dir = data_dir
        self.environment = {
            name: text for name, text in os.environ.items() if not name.startswith("MILLSTREAM_")
        }
        # What runs for ever is waited for at the end of each test; the real default is longer.
        self.environment |= {"MILLSTREAM_DRAIN_GRACE_S": "3"} | (environment or {})
        self._clients: list[Client] = []
        self._seen: set[ProcessId] = set()

    def up(self) -> None:
        done = self.run("up", "--detach", "--workers", "1", "--slots", str(self._slots))
        assert done.returncode == 0, done.stderr
        self._note()

    def down(self) -> None:
        """Stop it, and make sure that no process is left."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._note()
        done = self.run("down")
        assert done.returncode == 0, done.stderr
        assert wait_until_gone(self._seen, 5) == []

    @contextmanager
    def running(self) -> Iterator[Self]:
        """It is up as long as the block runs."""
        try:
            self.up()
            yield self
        finally:
            self.down()

    def run(self, *words: str, timeout_s: float = UP_S) -> subprocess.CompletedProcess[str]:
        """A command of ``millstream`` on this data directory."""
        if words[0] != "up":
            return self._run_forked(*words, timeout_s=timeout_s)
        return subprocess.run(
            [sys.executable, "-m", "millstream.cli", *words, "--data-dir", str(self.data_dir)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def _run_forked(
        self, *words: str, timeout_s: float = UP_S, prelude: str = ""
    ) -> subprocess.CompletedProcess[str]:
        words = (*words, "--data-dir", str(self.data_dir))
        return FORKED.run(words, self.environment, timeout_s, prelude)

    @property
    def state(self) -> UpState:
        """As it is at this moment."""
        state = read_state(self.data_dir)
        assert state is not None, f"nothing runs on {self.data_dir}"
        return state

    @property
    def address(self) -> str:
        return self.state.grpc_address

    @property
    def nats_url(self) -> str:
        return self.state.nats_url

    @property
    def database_url(self) -> str:
        return self.state.database_url

    def client(self) -> Client:
        """A client that is closed with the stack."""
        client = Client(self.address, timeout_s=60.0)
        self._clients.append(client)
        return client

    # --- processes

    def identity(self, name: str) -> ProcessId:
        return self.state.process(name).identity

    def pid(self, name: str) -> int:
        """The pid of a process; 0 while it is down."""
        return self.identity(name).pid

    def kill(self, name: str, number: int = signal.SIGKILL) -> ProcessId:
        """Signal a process that runs; returns which one it was."""
        eventually(f"{name} runs", lambda: self.pid(name) > 0)
        victim = self.identity(name)
        self._note()
        victim.send(number)
        return victim

    def wait_restarted(self, name: str, victim: ProcessId, timeout_s: float = RESTART_S) -> None:
        """Until another process than ``victim`` has the name and is ready."""

        def is_back() -> bool:
            process = self.state.process(name)
            return process.state == "ready" and process.identity != victim

        eventually(f"{name} is back ({self.log_tail(name)})", is_back, timeout_s)
        self._note()

    def kill_everything(self) -> None:
        """SIGKILL to the supervisor and to all that it started, at once."""
        state = self.state
        everyone = [state.supervisor, *(process.identity for process in state.processes)]
        self._note()
        for process in everyone:
            process.send(signal.SIGKILL)
        assert wait_until_gone(everyone, 10) == []

    def log(self, name: str) -> str:
        """What a process wrote to its log file."""
        return (self.data_dir / "logs" / f"{name}.log").read_text(errors="replace")

    def log_tail(self, name: str) -> str:
        return self.log(name)[-2000:]

    def _note(self) -> None:
        state = read_last_state(self.data_dir)
        if state is not None:
            self._seen.update(process.identity for process in state.processes)
            self._seen.add(state.supervisor)


class ForkedStack(RunningStack):
    """One that starts sooner: its services are forks of a process that has imported them, and its
    Postgres begins with a copy."""

    def up(self) -> None:
        if not self.data_dir.exists() and "MILLSTREAM_DATABASE_URL" not in self.environment:
            copy_cluster(self.data_dir)
        super().up()

    def run(self, *words: str, timeout_s: float = UP_S) -> subprocess.CompletedProcess[str]:
        return self._run_forked(*words, timeout_s=timeout_s)


def wait_for_event(
    client: Client, run: RunRef, kind: str, task_id: str = "", count: int = 1, timeout_s: float = 60
) -> Event:
    """The ``count``th event of a type (of a task) in a run, when it is committed."""
    for event in watch(client, run, timeout_s):
        if event.type == kind and task_id in ("", event.task_id):
            count -= 1
            if count == 0:
                return event
    raise AssertionError(f"the run ended without that {kind} {task_id}")


def assert_success(client: Client, run: RunRef, timeout_s: float = 90) -> None:
    """The run ends, and well; says what went wrong if not."""
    ended = client.wait(run, timeout_s=timeout_s)
    if ended.state != "success":
        events = client.events(run.run_id, run.dag_id)
        said = [
            f"{e.position} {e.type} {e.task_id} {e.attempt} {e.data_json[:300]}" for e in events
        ]
        raise AssertionError("\n".join([f"run {run.run_id} is {ended.state}", *said]))


def watch(client: Client, run: RunRef, timeout_s: float) -> Iterator[Event]:
    return client.watch_run(run, timeout_s=timeout_s)
