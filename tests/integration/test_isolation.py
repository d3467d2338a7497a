"""What one task does to its process, and what another one sees of it: nothing. Real processes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path

import pytest

from integration.one_child import Bench, adopting, bench
from integration.running_stack import (
    eventually,
)
from millstream.embedded.pids import identify
from millstream_worker.children import ChildDied
from millstream_worker.deaths import OomCounters
from millstream_worker.sessions import MARK, descendants, kill_marked

SOURCE = """\
import ctypes, decimal, json, logging, os, resource, signal, socket, subprocess, sys, threading
import time, warnings
from contextvars import ContextVar
from pathlib import Path

from millstream import DAG, task

FOLDER = Path(__file__).parent
decimal.getcontext().prec = 17
os.environ["SET_BY_THE_FILE"] = "1"
logging.getLogger("of.the.file").setLevel(logging.DEBUG)
variable = ContextVar("variable", default="clean")
KEPT = []


def runs(function):
    return task(function)()


with DAG(dag_id="isolation", schedule=None):

    @runs
    def look():
        root = logging.getLogger()
        return json.dumps({
            "environ": dict(os.environ),
            "cwd": os.getcwd(),
            "umask": os.umask(0o022),
            "handlers": [str(signal.getsignal(n)) for n in range(1, 32) if n != signal.SIGTERM],
            "term": getattr(signal.getsignal(signal.SIGTERM), "__module__", ""),
            "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "alarm": signal.getitimer(signal.ITIMER_REAL),
            "root": [root.level, len(root.handlers), len(root.filters), root.manager.disable],
            "loggers": {
                name: [logger.level, logger.disabled, logger.propagate, len(logger.handlers)]
                for name in ("of.the.file", "of.a.task")
                for logger in [logging.getLogger(name)]
            },
            "streams": [type(s).__name__ for s in (sys.stdin, sys.stdout, sys.stderr)],
            "fds": [os.readlink(f"/proc/self/fd/{fd}") for fd in (1, 2)],
            "path": sys.path, "argv": sys.argv,
            "warnings": [str(f) for f in warnings.filters],
            "socket": socket.getdefaulttimeout(),
            "limits": [resource.getrlimit(resource.RLIMIT_NOFILE),
                       resource.getrlimit(resource.RLIMIT_CORE)],
            "nice": os.getpriority(os.PRIO_PROCESS, 0),
            "decimal": decimal.getcontext().prec,
            "recursion": sys.getrecursionlimit(),
            "variable": variable.get(),
            "hook": sys.excepthook is sys.__excepthook__,
            "pid": os.getpid(),
        })

    @runs
    def changes_all():
        os.environ["SECRET"] = "x"
        os.environ["PATH"] = "/nowhere"
        os.environ.pop("SET_BY_THE_FILE")
        os.chdir("/")
        os.umask(0o077)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGUSR1, lambda *_: None)
        signal.signal(signal.SIGALRM, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGUSR2])
        signal.alarm(1)
        logging.basicConfig(level=logging.DEBUG, force=True, handlers=[logging.StreamHandler()])
        logging.disable(logging.CRITICAL)
        logging.getLogger("of.the.file").setLevel(logging.ERROR)
        logging.getLogger("of.the.file").disabled = True
        mine = logging.getLogger("of.a.task")
        mine.addHandler(logging.StreamHandler())
        mine.setLevel(logging.DEBUG)
        mine.propagate = False
        sys.stdout = open(os.devnull, "w")
        sys.stdin = None
        os.dup2(sys.stdout.fileno(), 1)
        os.close(2)
        sys.path.insert(0, "/nowhere")
        sys.argv.append("more")
        sys.excepthook = print
        warnings.simplefilter("error")
        socket.setdefaulttimeout(1)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        os.nice(3) if os.geteuid() == 0 else None
        decimal.getcontext().prec = 3
        sys.setrecursionlimit(5000)
        variable.set("dirty")

    @runs
    def prints():
        print("on stdout", flush=True)
        print("on stderr", file=sys.stderr, flush=True)

    @runs
    def pid():
        return os.getpid()

    @runs
    def lowers_a_limit_for_good():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if os.geteuid() == 0:  # who may raise it again: as somebody who may not
            os.setresuid(65534, 65534, -1)

    @runs
    def leaves_a_thread():
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()

    @runs
    def waits_for_its_thread():
        thread = threading.Thread(target=time.sleep, args=(0.001,))
        thread.start()

    @runs
    def leaves_files_open():
        KEPT.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(100))

    @runs
    def leaves_processes():
        note("plain", subprocess.Popen(["sleep", "600"]).pid)
        note("session", subprocess.Popen(["sleep", "600"], start_new_session=True).pid)
        forks_away("forked")

    @runs
    def leaves_processes_and_dies():
        forks_away("forked")
        note("bare", subprocess.Popen(
            ["sleep", "600"], env={}, start_new_session=True, close_fds=True).pid)
        os._exit(9)

    @runs
    def leaves_what_ends_by_itself():
        subprocess.Popen(["true"])
        time.sleep(0.2)

    @runs
    def bombs():
        script = FOLDER / "bomb.sh"
        script.write_text(
            'if [ "$1" -gt 0 ]; then\\n'
            '  (trap "" TERM HUP; setsid sh "$0" $(($1 - 1)) & setsid sh "$0" $(($1 - 1)) &)\\n'
            "fi\\nexec sleep 600\\n"
        )
        subprocess.Popen(["sh", str(script), "6"], env={"PATH": os.environ["PATH"]})
        time.sleep(1)
        os.kill(os.getpid(), signal.SIGKILL)

    @runs
    def exits():
        os._exit(7)

    @runs
    def crashes():
        kept = bytearray(150 << 20)
        kept[::4096] = b"x" * len(kept[::4096])
        ctypes.string_at(0)

    @runs
    def kills_itself():
        os.kill(os.getpid(), signal.SIGKILL)

    @runs
    def closes_its_socket():
        os.closerange(3, 4096)
        time.sleep(600)

    @runs
    def closes_its_output():
        os.close(1), os.close(2)
        return "well"

    @runs
    def grows():
        KEPT.append(bytearray(200 << 20))
        KEPT[-1][::4096] = b"x" * len(KEPT[-1][::4096])
        time.sleep(0.06)
        return os.getpid()

    @runs
    def eats_all():
        kept = []
        while True:
            kept.append(bytearray(8 << 20))
            kept[-1][::4096] = b"x" * 2048

    @runs
    def score():
        return int(Path("/proc/self/oom_score_adj").read_text())

    @runs
    def hangs():
        note("hangs", os.getpid())
        hanging_here()

    @runs
    def is_deaf():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
        note("deaf", os.getpid())
        while True:
            time.sleep(600)


def hanging_here():
    time.sleep(600)


def note(name, pid):
    with open(FOLDER / "pids", "a") as file:
        file.write(f"{name} {pid}\\n")


def forks_away(name):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
            note(name, os.getpid())
            time.sleep(600)
        os._exit(0)
    while not (FOLDER / "pids").exists() or name not in (FOLDER / "pids").read_text():
        time.sleep(0.01)
"""


def noted(made: Bench) -> dict[str, int]:
    lines = (made.bundle / "pids").read_text().split("\n")
    return {line.split()[0]: int(line.split()[1]) for line in lines if line}


def is_alive(pid: int) -> bool:
    return identify(pid).is_alive()


class TestNothingLeaksFromOneTaskIntoTheNext:
    def test_all_that_a_task_changed_is_put_back(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            before = json.loads(await made.value("look"))
            assert before["environ"]["SET_BY_THE_FILE"] == "1"
            assert before["decimal"] == 17
            done = await made.run("changes_all")
            assert (done.outcome.kind, done.spent) == ("success", "")
            assert json.loads(await made.value("look")) == before
            made.output = b""
            await made.run("prints")
            assert made.output.splitlines() == [b"on stdout", b"on stderr"]

        bench(tmp_path, SOURCE, test)

    @pytest.mark.parametrize(
        ("task_id", "reason"),
        [
            ("leaves_a_thread", "left a thread running"),
            ("leaves_files_open", "left files open"),
            ("leaves_processes", "left processes running"),
            ("lowers_a_limit_for_good", "changed the user|lowered a limit"),
        ],
    )
    def test_what_cannot_be_put_back_ends_the_process(
        self, tmp_path: Path, task_id: str, reason: str
    ) -> None:
        async def test(made: Bench) -> None:
            first = await made.value("pid")
            done = await made.run(task_id)
            assert done.outcome.kind == "success"
            assert any(part in done.spent for part in reason.split("|")), done.spent
            assert await made.value("pid") != first

        bench(tmp_path, SOURCE, test)

    def test_what_ended_by_itself_is_no_reason(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            first = await made.value("pid")
            for task_id in ("waits_for_its_thread", "leaves_what_ends_by_itself"):
                assert (await made.run(task_id)).spent == ""
            assert await made.value("pid") == first

        bench(tmp_path, SOURCE, test)


class TestRecycling:
    def test_by_count(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            pids = [await made.value("pid") for _ in range(7)]
            assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]

        bench(tmp_path, SOURCE, test, max_tasks=3)

    def test_by_memory(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            first = await made.value("pid")
            assert await made.value("pid") == first
            assert await made.value("grows") == first
            assert await made.value("pid") != first

        bench(tmp_path, SOURCE, test, max_memory=180 << 20)

    def test_a_fresh_one_has_run_nothing_and_runs_nothing_else(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            shared = await made.value("pid")
            for _ in range(2):
                child = await made.children.acquire("b", fresh=True)
                assert child.pid != shared
                assert (await made.run("pid", child)).outcome.kind == "success"
                made.children.release(child)
                await child.ended()
            assert await made.value("pid") == shared

        bench(tmp_path, SOURCE, test)


class TestReasons:
    @pytest.mark.parametrize(
        ("task_id", "reason"),
        [
            ("exits", "the task's process ended with exit code 7; it held up to "),
            ("crashes", "the task's process was killed by SIGSEGV; it held up to "),
            ("kills_itself", "the task's process was killed by SIGKILL (by somebody); it held"),
            ("closes_its_socket", "the task closed the connection of its process to the worker"),
        ],
    )
    def test_of_a_death(self, tmp_path: Path, task_id: str, reason: str) -> None:
        async def test(made: Bench) -> None:
            child = await made.children.acquire("b")
            sibling = await made.children.acquire("b")
            with pytest.raises(ChildDied) as caught:
                await made.run(task_id, child)
            assert reason in str(caught.value)
            if task_id == "crashes":
                held = int(str(caught.value).partition("up to ")[2].split()[0])
                assert 150 <= held < 1500
            assert (await made.run("pid", sibling)).outcome.kind == "success"

        bench(tmp_path, SOURCE, test)

    def test_a_task_may_close_its_output(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            first = await made.value("pid")
            assert await made.value("closes_its_output") == "well"
            await made.run("prints")
            assert b"on stdout" in made.output
            assert await made.value("pid") == first

        bench(tmp_path, SOURCE, test)

    def test_tasks_go_before_the_worker_when_memory_runs_out(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            assert await made.value("score") == 500

        bench(tmp_path, SOURCE, test)

    def test_an_out_of_memory_kill_is_called_so(self, tmp_path: Path) -> None:
        """A real one, in a control group of 256 MiB, where one may be made; else what the kernel
        would have counted is written by hand."""
        group = memory_group(256 << 20)
        counters = group or tmp_path / "group"
        if group is None:
            counters.mkdir()
            (counters / "memory.events").write_text("low 0\noom 0\noom_kill 0\n")
        name = "memory.events" if (counters / "memory.events").exists() else "memory.oom_control"

        async def test(made: Bench) -> None:
            child = await made.children.acquire("b")
            child.oom = OomCounters((counters / name, Path(os.devnull)))
            assert (await made.run("pid", child)).outcome.kind == "success"
            if group is not None:
                (group / "cgroup.procs").write_text(str(child.pid))
            else:
                (counters / name).write_text("oom 1\noom_kill 1\n")
            with pytest.raises(ChildDied, match=r"SIGKILL \(out of memory: the worker's memory"):
                await made.run("eats_all" if group else "kills_itself", child)
            assert (await made.run("pid")).outcome.kind == "success"

        try:
            bench(tmp_path, SOURCE, test)
        finally:
            if group is not None:
                group.rmdir()


def memory_group(limit: int) -> Path | None:
    """A control group with a limit; None where this process may make none."""
    for root, name in (
        (Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"),
        (Path("/sys/fs/cgroup"), "memory.max"),
    ):
        group = root / f"millstream-test-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text(str(limit))
        except OSError:
            if group.exists():
                group.rmdir()
            continue
        return group
    return None


class TestNothingIsLeftBehind:
    @pytest.mark.parametrize("task_id", ["leaves_processes", "leaves_processes_and_dies"])
    def test_of_what_a_task_started(self, tmp_path: Path, task_id: str) -> None:
        """Also not what left its session, its parent and its environment, and hears no signal."""

        async def test(made: Bench) -> None:
            child = await made.children.acquire("b")
            try:
                await made.run(task_id, child)
            except ChildDied:
                pass
            made.children.release(child)
            await child.ended()
            started = noted(made)
            assert len(started) >= 2
            assert not [name for name, pid in started.items() if is_alive(pid)]
            assert not [pid for pid in descendants(os.getpid()) if pid in started.values()]

        bench(tmp_path, SOURCE, test)

    def test_of_a_fork_bomb(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            child = await made.children.acquire("b")
            with pytest.raises(ChildDied, match="SIGKILL"):
                await made.run("bombs", child)
            await child.ended()
            assert not bomb_parts(made.bundle)

        bench(tmp_path, SOURCE, test)
        assert not bomb_parts(tmp_path / "bundle")

    def test_of_an_earlier_life(self) -> None:
        """What a worker left that was killed itself is found by its mark."""
        with adopting():
            mark = f"test:{os.getpid()}-{time.time_ns()}"
            pid = os.spawnvpe(
                os.P_NOWAIT, "setsid", ["setsid", "sleep", "600"], os.environ | {MARK: mark}
            )
            other = os.spawnvpe(
                os.P_NOWAIT, "setsid", ["setsid", "sleep", "600"], os.environ | {MARK: mark + "x"}
            )
            try:
                eventually("it has begun", lambda: mark.encode() in environ(pid))
                eventually("the other, too", lambda: mark.encode() in environ(other))
                assert kill_marked(mark) == 1
                os.waitpid(pid, 0)
                assert is_alive(other)
            finally:
                os.kill(other, signal.SIGKILL)
                os.waitpid(other, 0)


def environ(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def bomb_parts(folder: Path) -> list[str]:
    """The processes of the bomb that live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if str(folder / "bomb.sh").encode() in words:
                found.append(entry.name)
    return found


class TestStopping:
    def test_a_timeout_is_seen_by_the_task_where_it_hangs(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            child = await made.children.acquire("b")
            running = asyncio.ensure_future(made.run("hangs", child))
            await until(lambda: "hangs" in noted(made) if has_notes(made) else False)
            child.stop(5, "execution_timeout of 1 s is over", is_timeout=True)
            outcome = (await running).outcome
            assert (outcome.kind, outcome.error_type) == ("failed", "AirflowTaskTimeout")
            assert outcome.message == "execution_timeout of 1 s is over"
            assert "hanging_here" in outcome.traceback
            assert not child.is_alive
            made.children.release(child)

        bench(tmp_path, SOURCE, test)

    def test_who_is_deaf_is_killed_after_the_grace(self, tmp_path: Path) -> None:
        async def test(made: Bench) -> None:
            child = await made.children.acquire("b")
            running = asyncio.ensure_future(made.run("is_deaf", child))
            await until(lambda: "deaf" in noted(made) if has_notes(made) else False)
            began = time.monotonic()
            child.stop(0.3, "enough")
            with pytest.raises(ChildDied, match="SIGKILL"):
                await running
            assert 0.3 <= time.monotonic() - began < 1.3, "free in less than a second"

        bench(tmp_path, SOURCE, test)


def has_notes(made: Bench) -> bool:
    return (made.bundle / "pids").exists()


async def until(is_so: object, timeout_s: float = 20) -> None:
    assert callable(is_so)
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
