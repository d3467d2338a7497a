"""``millstream.json``: what runs in a data directory and where it listens. Other commands read it.

It is written by the supervisor whenever something changed, and holds credentials: mode 0600.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from millstream.embedded.pids import ProcessId
from millstream.embedded.privatefile import write_private

NAME = "millstream.json"


class ProcessState(msgspec.Struct, frozen=True, kw_only=True):
    """One supervised process. ``state``: starting, ready, waiting (to be restarted) or stopped."""

    name: str
    state: str
    identity: ProcessId
    restarts: int = 0
    last_exit: str = ""

    @property
    def pid(self) -> int:
        """Its pid, or 0 while it does not run."""
        return self.identity.pid


class UpState(msgspec.Struct, frozen=True, kw_only=True):
    """One running ``millstream up``. Addresses are ``host:port``; URLs carry credentials.
    ``stop_s``: how long its end may take."""

    supervisor: ProcessId
    version: str
    data_dir: str
    grpc_address: str
    http_address: str
    nats_url: str
    database_url: str
    blob_url: str
    started_at: str
    stop_s: float = 0.0
    is_ready: bool = False
    server_versions: dict[str, str] = {}
    processes: tuple[ProcessState, ...] = ()

    @property
    def pid(self) -> int:
        """The pid of the supervisor."""
        return self.supervisor.pid

    def process(self, name: str) -> ProcessState:
        """The process of that name. Raises KeyError."""
        for process in self.processes:
            if process.name == name:
                return process
        raise KeyError(name)


def write_state(state: UpState) -> None:
    """Replaces the state file of ``state.data_dir``."""
    write_private(Path(state.data_dir) / NAME, msgspec.json.encode(state))


def remove_state(data_dir: Path) -> None:
    """Nothing runs here any more."""
    (data_dir / NAME).unlink(missing_ok=True)


def read_last_state(data_dir: Path) -> UpState | None:
    """What the file says, although its writer may be dead."""
    try:
        return msgspec.json.decode((data_dir / NAME).read_bytes(), type=UpState)
    except (OSError, msgspec.DecodeError):
        return None


def read_state(data_dir: Path) -> UpState | None:
    """What runs in ``data_dir`` now, or None."""
    state = read_last_state(data_dir)
    return state if state is not None and state.supervisor.is_alive() else None
