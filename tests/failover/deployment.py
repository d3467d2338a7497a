"""Two of every service on one NATS and one Postgres, as processes that a test starts and ends."""

from __future__ import annotations

import base64
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.client import Client
from millstream.embedded.run import RunningServers, running_servers

READY_S = 60.0
ROLES = ("scheduler", "projector", "worker", "api")


class Member:
    """One process of a service. ``start`` may be called again after its end: the same name."""

    def __init__(self, role: str, number: int, settings: dict[str, str], folder: Path) -> None:
        self.role = role
        self.name = f"{role}-{number}"
        self.settings = settings | {
            "INSTANCE": self.name,
            "STATE_DIR": str(folder / f"state of {self.name}"),
            "LOG_FORMAT": "json",
        }
        self.log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = -1
        self._log_from = 0

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    def start(self) -> Member:
        """Start it; ``wait_ready`` waits for it."""
        ours, theirs = os.pipe()
        self.close()
        self._ready = ours
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MILLSTREAM_")}
        settings = self.settings | {"READY_FD": str(theirs)}
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", f"millstream_{self.role}"],
                env=environment | {f"MILLSTREAM_{k}": v for k, v in settings.items()},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                pass_fds=[theirs],
                start_new_session=True,
            )
        os.close(theirs)
        return self

    def wait_ready(self) -> Member:
        """Until it serves."""
        found, _, _ = select.select([self._ready], [], [], READY_S)
        assert found, f"{self.name} is not ready:\n{self.said()[-3000:]}"
        assert os.read(self._ready, 16).startswith(b"ready"), self.said()[-3000:]
        return self

    def wait_said(self, words: str, timeout_s: float = READY_S) -> Member:
        """Until its log, since this start, holds the words."""
        deadline = time.monotonic() + timeout_s
        while words not in self.said():
            assert self.process.poll() is None, f"{self.name} ended:\n{self.said()[-3000:]}"
            assert time.monotonic() < deadline, f"{self.name} never said {words!r}"
            time.sleep(0.005)
        return self

    def said(self) -> str:
        """Its log since this start."""
        with self.log.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.process.wait(timeout_s)

    def end(self) -> None:
        """Whatever it does: gone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait(10)
        self.close()

    def close(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1


class Deployment:
    """The members by role, on ``servers``. Of schedulers and projectors the first is the active
    one."""

    def __init__(self, servers: RunningServers, folder: Path, settings: dict[str, str]) -> None:
        self.servers = servers
        self.folder = folder
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        blobs = folder / "blobs"
        blobs.mkdir(parents=True)
        self._settings = settings | {
            "NATS_URL": servers.nats_url,
            "DATABASE_URL": servers.database_url,
            "BLOB_URL": str(blobs),
            "SECRET_KEY": key,
        }
        self.ports = _free_ports(2)
        self.members = {role: [self._member(role, n) for n in (1, 2)] for role in ROLES}
        self._clients: list[Client] = []

    @property
    def nats_url(self) -> str:
        return self.servers.nats_url

    @property
    def database_url(self) -> str:
        return self.servers.database_url

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of ``millstream`` on these servers."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("MILLSTREAM_")}
        return subprocess.run(
            [sys.executable, "-m", "millstream.cli", *words],
            env=environment | {f"MILLSTREAM_{k}": v for k, v in self._settings.items()},
            capture_output=True,
            text=True,
            timeout=READY_S,
            check=False,
        )

    @property
    def address(self) -> str:
        """Both apis, as one target."""
        return "ipv4:" + ",".join(f"127.0.0.1:{port}" for port in self.ports)

    def client(self) -> Client:
        """A client that is closed with the deployment."""
        client = Client(self.address, timeout_s=60.0)
        self._clients.append(client)
        return client

    def start(self, *, standbys: bool = True) -> None:
        """Everything; returns when it serves and the standbys stand by."""
        for first, second in self.members.values():
            first.start()
            if first.role in ("worker", "api"):
                second.start()
        for first, second in self.members.values():
            first.wait_ready()
            if first.role in ("worker", "api"):
                second.wait_ready()
        if standbys:
            for role in ("scheduler", "projector"):
                self.members[role][1].start().wait_said("standing_by")

    def replaced(self, role: str) -> None:
        """The standby has become the active one; the other is started again, as its standby."""
        first, _ = self.members[role]
        first.process.wait(10)
        self.members[role].reverse()
        first.start()

    def close(self) -> None:
        for client in self._clients:
            client.close()
        for members in self.members.values():
            for member in members:
                member.end()

    def _member(self, role: str, number: int) -> Member:
        settings = dict(self._settings)
        if role == "worker":
            del settings["DATABASE_URL"]
        if role == "api":
            settings |= {"GRPC_HOST": "127.0.0.1", "GRPC_PORT": str(self.ports[number - 1])}
        return Member(role, number, settings, self.folder)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


@contextmanager
def deployed(folder: Path, settings: dict[str, str] | None = None) -> Iterator[Deployment]:
    """A running deployment; every process that it started is gone after the block."""
    with running_servers(folder / "the servers") as servers:
        deployment = Deployment(servers, folder, settings or {})
        try:
            deployment.start()
            yield deployment
        finally:
            deployment.close()
