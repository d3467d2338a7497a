"""A Millstream for a measurement: ``millstream up`` on a data directory of its own, and its end."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.client import Client
from millstream.core.pools import DEFAULT_POOL
from millstream.embedded import serverfile
from millstream.embedded.statefile import UpState, read_state

HERE = Path(__file__).resolve().parent
DAGS = HERE / "dags.py"
SERVERS = ("nats", "postgres")


class CommandFailed(SystemExit):
    """What a command of ``millstream`` said when it failed."""


class Installation:
    """What runs in a data directory, and a client of it."""

    def __init__(self, data_dir: Path, client: Client) -> None:
        self.data_dir = data_dir
        self.client = client

    @property
    def state(self) -> UpState:
        """As it is at this moment."""
        state = read_state(self.data_dir)
        assert state is not None, f"nothing runs in {self.data_dir}"
        return state

    @property
    def pids(self) -> dict[str, int]:
        """The processes by name, but for the supervisor."""
        return {process.name: process.pid for process in self.state.processes}

    @property
    def own_pids(self) -> dict[str, int]:
        """The same without NATS and Postgres, and with the supervisor."""
        own = {name: pid for name, pid in self.pids.items() if name not in SERVERS}
        return {"supervisor": self.state.pid, **own}

    @property
    def nats_http_port(self) -> int:
        """Where NATS tells how it is doing."""
        file = json.loads((self.data_dir / serverfile.NAME).read_bytes())
        return int(file["nats_http_port"])


@contextmanager
def running(data_dir: Path, slots: int = 4, workers: int = 1) -> Iterator[Installation]:
    """``millstream up`` on what is there, and a client; all ended after the block."""
    up(data_dir, slots, workers)
    try:
        with Client(data_dir=data_dir, timeout_s=60) as client:
            yield Installation(data_dir, client)
    finally:
        down(data_dir)


@contextmanager
def fresh(dags: Path = DAGS, slots: int = 4, workers: int = 1) -> Iterator[Installation]:
    """A new one that knows the DAGs of a file. What is measured is the engine, so nothing waits
    for a slot of the pool, nor for one of its DAG or run."""
    with (
        tempfile.TemporaryDirectory(prefix="millstream-bench-") as directory,
        running(Path(directory), slots, workers) as installation,
    ):
        installation.client.pools.set(DEFAULT_POOL, -1)
        installation.client.submit_file(dags)
        yield installation


def up(data_dir: Path, slots: int, workers: int) -> None:
    """Returns when it serves."""
    size = ("--slots", str(slots), "--workers", str(workers))
    millstream("up", "--detach", "--data-dir", str(data_dir), *size)


def down(data_dir: Path) -> None:
    """Returns when nothing of it runs."""
    millstream("down", "--data-dir", str(data_dir))


def millstream(*words: str) -> str:
    """A command. Returns what it prints."""
    command = [sys.executable, "-P", "-m", "millstream.cli", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CommandFailed(f"millstream {' '.join(words)}:\n{done.stdout}{done.stderr}")
    return done.stdout
