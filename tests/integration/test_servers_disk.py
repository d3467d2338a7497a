"""The disks of NATS and of Postgres are full under load: nothing that was acknowledged is lost, and
it goes on by itself when there is room again.

As root each of them gets a small disk of its own, in a mount namespace that ends with the test.
Other users cannot mount: for them a limit on the size of files does nearly the same, and the
restart that follows from it lifts the limit.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.liveness import pass_time
from integration.running_stack import RunningStack, bash, bash_dag, eventually
from integration.server_faults import ask_postgres, under_load
from millstream.client import Client
from millstream.core.errors import Unavailable

PARTS = ("nats", "state", "logs", "blobs")
SIZE_MB = {"nats": 48, "": 320}
OTHERS_MB = 64


def may_mount() -> bool:
    if os.geteuid() != 0 or shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return False
    tried = ("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt")
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


class SmallDisks(RunningStack):
    """The data directory is a disk of its own, and so are the parts of it that are not Postgres."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        folder.mkdir()
        self._inside = folder
        mounts = [f'mount -t tmpfs -o size={SIZE_MB[""]}m,mode=0700 tmpfs "$0"']
        for part in PARTS:
            size = SIZE_MB.get(part, OTHERS_MB)
            mounts.append(f'mkdir -m 700 "$0/{part}"')
            mounts.append(f'mount -t tmpfs -o size={size}m,mode=0700 tmpfs "$0/{part}"')
        script = " && ".join([*mounts, "echo mounted", "exec sleep infinity"])
        self._holder = subprocess.Popen(
            ["unshare", "-m", "--propagation", "private", "sh", "-c", script, str(folder)],
            stdout=subprocess.PIPE,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == b"mounted\n"
        super().__init__(Path(f"/proc/{self._holder.pid}/root{folder}"), environment)

    def run(self, *words: str, timeout_s: float = 90) -> subprocess.CompletedProcess[str]:
        enter = ("nsenter", "-m", "-t", str(self._holder.pid))
        command = (sys.executable, "-m", "millstream.cli", *words)
        return subprocess.run(
            [*enter, *command, "--data-dir", str(self._inside)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def down(self) -> None:
        try:
            super().down()
        finally:
            self._holder.kill()
            self._holder.communicate()

    @contextlib.contextmanager
    def full(self, part: str) -> Iterator[None]:
        """No byte more fits on the disk of a part; "" is the one that Postgres has."""
        ballast = self.data_dir / part / "ballast"
        with ballast.open("wb", buffering=0) as file:
            for size in (1 << 20, 1 << 12, 1):
                with contextlib.suppress(OSError):
                    while file.write(b"\0" * size):
                        pass
        try:
            yield
        finally:
            ballast.unlink()


class LimitedFiles(RunningStack):
    """Where nobody may mount: what runs can write nothing more, and what is started again can."""

    @contextlib.contextmanager
    def full(self, part: str) -> Iterator[None]:
        server = self.pid(part or "postgres")
        for pid in [server, *children_of(server)]:
            limit_files(pid)
        yield


def limit_files(pid: int) -> None:
    """No file of a process may have a byte. Its own user may say so; root perhaps not."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return
    command = ["prlimit", "--pid", str(pid), "--fsize=0:"]
    if os.geteuid() == 0:
        uid, gid = (status.partition(f"{name}:")[2].split()[0] for name in ("Uid", "Gid"))
        command[:0] = ["setpriv", "--reuid", uid, "--regid", gid, "--clear-groups"]
    subprocess.run(command, check=False, capture_output=True)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(word) for word in text.split()]


@pytest.fixture(scope="class")
def small_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallDisks | LimitedFiles]:
    folder = tmp_path_factory.mktemp("disks") / "a stack"
    make = SmallDisks if may_mount() else LimitedFiles
    with make(folder, {"MILLSTREAM_LEASE_S": "3"}).running() as stack:
        yield stack


def assert_nothing_is_taken(stack: RunningStack) -> None:
    """A request is refused for now, and its client is told."""
    with Client(stack.address, timeout_s=1.5) as client, pytest.raises(Unavailable):
        client.submit_spec(bash_dag("in_vain", bash("t", "true")))


class TestFullDisks:
    def test_of_nats(self, small_stack: SmallDisks | LimitedFiles) -> None:
        """It takes nothing until it is restarted, even when there is room again: `up` does it."""
        stack = small_stack
        victim = stack.identity("nats")
        others = {name: stack.identity(name) for name in ("scheduler", "api", "worker-1")}
        with under_load(stack, "nats_full"):
            with stack.full("nats"):
                stack.wait_restarted("nats", victim)
                assert_nothing_is_taken(stack)
            if isinstance(stack, SmallDisks):
                assert "no space left on device" in stack.log("up")
        assert {name: stack.identity(name) for name in others} == others

    @pytest.mark.parametrize("wants_segment", [False, True])
    def test_of_postgres(self, small_stack: SmallDisks | LimitedFiles, wants_segment: bool) -> None:
        """A table cannot grow: the commit waits. Its log cannot: it crashes, and crashes again when
        it is started, until there is room."""
        stack = small_stack
        victim = stack.identity("postgres")
        waits = stack.log("scheduler").count("commit_waits")
        with under_load(stack, f"postgres_full_{wants_segment}"), stack.full(""):
            if wants_segment:
                with contextlib.suppress(Exception):
                    ask_postgres(stack, "SELECT pg_switch_wal()")
                eventually("it ended", lambda: stack.identity("postgres") != victim, 40)
            eventually(
                "a commit waits", lambda: stack.log("scheduler").count("commit_waits") > waits, 40
            )
            if isinstance(stack, SmallDisks) and not wants_segment:
                assert "DiskFullError" in stack.log("scheduler")

    @pytest.mark.soak
    def test_of_both_for_long(self, small_stack: SmallDisks | LimitedFiles) -> None:
        stack = small_stack
        with under_load(stack, "both_full"), stack.full("nats"), stack.full(""):
            pass_time(30)
