"""A Postgres primary with a streaming standby on loopback: killed, promoted, brought back."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from integration.running_stack import eventually
from millstream.embedded import serverfile
from millstream.embedded.launch import unprivileged_ids
from millstream.embedded.ports import LOOPBACK, PortClaims
from millstream.embedded.postgres import DATABASE, database_url, postgres_spec
from millstream.embedded.privatefile import make_private_dir

STANDBY = "standby"


class Server:
    """One Postgres; ``start`` may be called again after its end."""

    def __init__(self, folder: Path, keys: serverfile.ServerFile, options: dict[str, str]) -> None:
        self.folder = make_private_dir(folder)
        self.port = keys.postgres_port
        self.url = database_url(keys)
        self.pgdata = folder / "postgres"
        spec = postgres_spec(folder, keys)
        words = [part for item in options.items() for part in ("-c", "=".join(item))]
        self.spec = msgspec.structs.replace(spec, argv=(*spec.argv, *words))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        assert self.spec.prepare is not None
        self.spec.prepare()
        with (self.folder / "postgres.log").open("ab") as log:
            self._process = subprocess.Popen(
                self.spec.launch_argv(),
                env=self.spec.env,
                cwd=self.spec.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        eventually("Postgres answers", self._answers, 30)

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except (OSError, asyncpg.PostgresError):
            return False
        return True

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self, number: int = signal.SIGQUIT) -> None:
        """``-m immediate``, unless told otherwise; returns when it is gone."""
        if self._process is not None and self._process.poll() is None:
            self.signal_all(signal.SIGCONT)
            self._process.send_signal(number)
            self._process.wait(30)

    def signal_all(self, number: int) -> None:
        """To the server and all its processes: SIGSTOP makes it a machine that hangs."""
        assert self._process is not None
        parent = self._process.pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        for pid in [parent, *map(int, children)]:
            os.kill(pid, number)

    def ask(self, query: str, *arguments: object) -> Any:
        """One value, over a connection of its own."""

        async def run() -> Any:
            connection = await asyncpg.connect(self.url, timeout=5)
            try:
                return await connection.fetchval(query, *arguments)
            finally:
                await connection.close(timeout=5)

        return asyncio.run(run())


class PostgresPair:
    """``start`` makes both, the second a copy that follows the first."""

    def __init__(self, folder: Path) -> None:
        self._claims = PortClaims()
        keys = serverfile.settle(make_private_dir(folder), self._claims)
        other = msgspec.structs.replace(keys, postgres_port=self._claims.choose())
        self.primary = Server(folder / "a", keys, {"shared_buffers": "32MB"})
        self.standby = Server(folder / "b", other, {"shared_buffers": "32MB"})
        self._keys = keys
        hosts = f"{LOOPBACK}:{keys.postgres_port},{LOOPBACK}:{other.postgres_port}"
        self.url = f"postgresql://{keys.user}:{keys.postgres_password}@{hosts}/{DATABASE}"

    def start(self, *, is_synchronous: bool) -> None:
        self.primary.start()
        self._copy()
        self.standby.start()
        if is_synchronous:
            self.primary.ask(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'")
            self.primary.ask("SELECT pg_reload_conf()")
        state = "sync" if is_synchronous else "async"
        query = "SELECT sync_state FROM pg_stat_replication WHERE state = 'streaming'"
        eventually("the standby follows", lambda: self.primary.ask(query) == state, 30)

    def stop(self) -> None:
        for server in (self.standby, self.primary):
            server.kill()
        self._claims.close()

    def stop_following(self) -> None:
        """The standby gets nothing from the primary any more."""
        self.standby.ask("ALTER SYSTEM SET primary_conninfo = ''")
        self.standby.ask("SELECT pg_reload_conf()")
        query = "SELECT count(*) FROM pg_stat_replication"
        eventually("the standby has gone", lambda: self.primary.ask(query) == 0, 30)

    def promote(self) -> None:
        assert self.standby.ask("SELECT pg_promote(true, 30)")

    def position(self, server: Server) -> int:
        return int(server.ask("SELECT coalesce(max(last_position), 0) FROM shard"))

    def _copy(self) -> None:
        """pg_basebackup, as the user that Postgres runs as."""
        spec = self.standby.spec
        pgdata = self.standby.pgdata
        pgdata.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(pgdata, *unprivileged_ids())
        where = (
            f"host={LOOPBACK} port={self._keys.postgres_port} user={self._keys.user} "
            f"application_name={STANDBY}"
        )
        program = Path(spec.argv[0]).with_name("pg_basebackup")
        command = (
            *(str(program), "-D", str(pgdata), "-X", "stream", "--checkpoint", "fast", "--no-sync"),
            *("-d", where, "-w", "-R"),
        )
        launched = msgspec.structs.replace(spec, argv=command)
        done = subprocess.run(
            launched.launch_argv(),
            env={**spec.env, "PGPASSWORD": self._keys.postgres_password},
            cwd=pgdata,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
