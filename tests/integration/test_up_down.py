"""Real servers and real commands; the services that are not of interest are stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import nats
import pytest
from nats.aio.client import Client

from millstream.embedded.pids import ProcessId, command_lines, identify, wait_until_gone
from millstream.embedded.run import RunningServers, running_servers
from millstream.embedded.statefile import UpState, read_state

pytestmark = pytest.mark.integration

STAND_IN = """\
import os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
os.write(int(os.environ["MILLSTREAM_READY_FD"]), b"ready\\n")
while True:
    signal.pause()
"""


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "a data dir"


def processes_of(folder: Path) -> list[ProcessId]:
    """Every process that names the folder on its command line, but our own."""
    found = [pid for pid, argv in command_lines() if any(str(folder) in part for part in argv)]
    return [identify(pid) for pid in found if pid != os.getpid()]


class TestServers:
    def test_data_survives_a_kill_of_each_server(self, data_dir: Path) -> None:
        with running_servers(data_dir) as servers:
            asyncio.run(write_something(servers))
            for name in ("postgres", "nats"):
                killed = identify(servers.pid(name))
                killed.send(signal.SIGKILL)
                assert wait_until_gone([killed], 10) == []
                servers.wait_restarted(name, 1)
                assert servers.pid(name) != killed.pid
            asyncio.run(read_it_again(servers))
            assert processes_of(data_dir)
        assert wait_until_gone(processes_of(data_dir), 5) == []
        with running_servers(data_dir) as again:
            assert (again.nats_url, again.database_url) == (servers.nats_url, servers.database_url)
            asyncio.run(read_it_again(again))

    def test_postgres_starts_over_the_pid_file_of_a_killed_one(self, data_dir: Path) -> None:
        with running_servers(data_dir):
            pass
        # The pid of a living process that is not Postgres, as after a restart of the machine.
        pid_file = data_dir / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{os.getppid()}\n{data_dir}\n0\n1\n\n127.0.0.1\n")
        with running_servers(data_dir) as servers:
            assert servers.restarts("postgres") == 0

    def test_directories_and_files_are_private(self, data_dir: Path) -> None:
        parent_mode = data_dir.parent.stat().st_mode
        with running_servers(data_dir):
            pass
        assert data_dir.parent.stat().st_mode == parent_mode
        for name in ("", "nats", "postgres", "logs"):
            assert (data_dir / name).stat().st_mode & 0o077 == 0
        for name in ("nats.conf", "servers.json", "logs/nats.log", "logs/postgres.log"):
            assert (data_dir / name).stat().st_mode & 0o777 == 0o600

    def test_a_stranger_is_not_let_in(self, data_dir: Path) -> None:
        async def try_both(servers: RunningServers) -> None:
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(servers.database_url, password="wrong")
            client = Client()
            with pytest.raises(Exception, match="Authorization"):
                await client.connect(servers.nats_url.split("@")[1], allow_reconnect=False)
            await client.close()  # a refused client keeps its socket otherwise

        with running_servers(data_dir) as servers:
            asyncio.run(try_both(servers))


async def write_something(servers: RunningServers) -> None:
    connection = await asyncpg.connect(servers.database_url)
    await connection.execute("CREATE TABLE kept (n int)")
    await connection.execute("INSERT INTO kept VALUES (7)")
    await connection.close()
    client = await nats.connect(servers.nats_url)
    stream = client.jetstream()
    await stream.add_stream(name="KEPT", subjects=["kept"])
    await stream.publish("kept", b"7")
    await client.close()


async def read_it_again(servers: RunningServers) -> None:
    connection = await asyncpg.connect(servers.database_url)
    assert await connection.fetchval("SELECT n FROM kept") == 7
    await connection.close()
    client = await nats.connect(servers.nats_url)
    assert (await client.jetstream().get_msg("KEPT", 1)).data == b"7"
    await client.close()


class CommandLine:
    """Runs ``millstream`` with stand-ins for all services but web."""

    def __init__(self, folder: Path) -> None:
        for service in ("api", "scheduler", "projector", "worker"):
            package = folder / "stand_ins" / f"millstream_{service}"
            package.mkdir(parents=True)
            (package / "__init__.py").touch()
            (package / "__main__.py").write_text(STAND_IN)
        self._stand_ins = folder / "stand_ins"
        self.data_dir = folder / "a data dir"

    def start(self, *words: str, data_dir: Path | None = None) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "millstream.cli", *words]
        command += ["--data-dir", str(data_dir or self.data_dir)]
        path = os.pathsep.join([str(self._stand_ins), *filter(None, sys.path)])
        env = {name: text for name, text in os.environ.items() if "MILLSTREAM" not in name}
        env |= {"PYTHONPATH": path}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True)

    def run(self, *words: str, data_dir: Path | None = None) -> subprocess.CompletedProcess[str]:
        with self.start(*words, data_dir=data_dir) as process:
            out, err = process.communicate(timeout=100)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def state(self) -> UpState:
        state = read_state(self.data_dir)
        assert state is not None
        return state

    def break_service(self, service: str) -> None:
        (self._stand_ins / f"millstream_{service}" / "__main__.py").write_text(
            "raise SystemExit('the reason is here')"
        )


@pytest.fixture
def millstream(tmp_path: Path) -> Iterator[CommandLine]:
    command_line = CommandLine(tmp_path)
    yield command_line
    command_line.run("down")
    assert wait_until_gone(processes_of(tmp_path), 5) == []


class TestCommands:
    def test_up_status_down(self, millstream: CommandLine) -> None:
        up = millstream.run("up", "--detach", "--workers", "2", "--json")
        assert up.returncode == 0, up.stderr
        state = millstream.state()
        addresses = json.loads(up.stdout)
        assert addresses["grpc_address"] == state.grpc_address
        assert addresses["pid"] == state.pid
        identities = [process.identity for process in state.processes]

        status = millstream.run("status", "--json")
        assert status.returncode == 0, status.stderr
        facts = json.loads(status.stdout)
        assert facts["ready"] is True
        assert {
            process["name"]: process["state"] for process in facts["processes"]
        } == dict.fromkeys(
            ["nats", "postgres", "scheduler", "projector", "api", "web", "worker-1", "worker-2"],
            "ready",
        )

        down = millstream.run("down", "--json")
        assert down.returncode == 0, down.stderr
        assert json.loads(down.stdout)["stopped"] is True
        assert not any(identity.is_alive() for identity in identities)
        assert millstream.run("status").returncode == 3
        again = millstream.run("down")
        assert again.returncode == 0
        assert "does not run" in again.stdout

    def test_ctrl_c_stops_what_runs_in_the_foreground(self, millstream: CommandLine) -> None:
        with millstream.start("up", "--workers", "0") as up:
            assert up.stdout is not None
            assert "is ready" in up.stdout.readline()
            identities = [process.identity for process in millstream.state().processes]
            assert len(identities) == 6
            up.send_signal(signal.SIGINT)
            assert up.wait(30) == 0
        assert not any(identity.is_alive() for identity in identities)
        assert read_state(millstream.data_dir) is None

    def test_a_second_up_names_the_first(self, millstream: CommandLine) -> None:
        millstream.run("up", "--detach")
        second = millstream.run("up")
        assert second.returncode == 1
        assert f"(pid {millstream.state().pid})" in second.stderr

    def test_two_data_directories_run_side_by_side(self, millstream: CommandLine) -> None:
        other = millstream.data_dir.with_name("other")
        try:
            assert millstream.run("up", "--detach").returncode == 0
            up = millstream.run("up", "--detach", data_dir=other)
            assert up.returncode == 0, up.stderr
            assert "(--http-port) is in use: taking" in up.stderr
        finally:
            millstream.run("down", data_dir=other)

    def test_a_service_that_keeps_failing_is_shown(self, millstream: CommandLine) -> None:
        millstream.break_service("projector")
        up = millstream.run("up", "--detach")
        assert up.returncode == 1
        assert "projector is not ready (ended with exit code 1)" in up.stderr
        assert "the reason is here" in up.stderr
        assert read_state(millstream.data_dir) is None

    def test_nothing_survives_a_killed_supervisor(self, millstream: CommandLine) -> None:
        millstream.run("up", "--detach")
        state = millstream.state()
        state.supervisor.send(signal.SIGKILL)
        assert wait_until_gone([process.identity for process in state.processes], 15) == []
        assert millstream.run("up", "--detach").returncode == 0

    def test_the_web_service_answers_without_an_api(self, millstream: CommandLine) -> None:
        millstream.run("up", "--detach")
        address = f"http://{millstream.state().http_address}"
        with urllib.request.urlopen(f"{address}/livez", timeout=10) as answer:
            assert answer.status == 200
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        with pytest.raises(urllib.error.HTTPError, match="503") as caught:
            urllib.request.urlopen(f"{address}/readyz", timeout=10)
        caught.value.close()
