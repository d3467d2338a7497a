from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest

from millstream.embedded.pids import identify, wait_until_gone
from millstream.embedded.spec import ProcessSpec, StopStep
from millstream.embedded.statefile import ProcessState
from millstream.embedded.supervisor import NotReady, Supervisor

READY = "import os; os.write(int(os.environ['MILLSTREAM_READY_FD']), b'ready\\n')\n"
WAIT = "import signal\nwhile True: signal.pause()\n"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"


def spec(name: str, code: str, stage: int = 1, patience_s: float = 5.0) -> ProcessSpec:
    return ProcessSpec(
        name=name,
        argv=(sys.executable, "-S", "-c", code),
        env=dict(os.environ),
        stage=stage,
        stop_steps=(StopStep(signal.SIGTERM, patience_s),),
    )


async def until(supervisor: Supervisor, name: str, **wanted: object) -> ProcessState:
    async with asyncio.timeout(20):
        while True:
            state = next(state for state in supervisor.states() if state.name == name)
            if all(getattr(state, key) == value for key, value in wanted.items()):
                return state
            await asyncio.sleep(0.01)


@pytest.mark.asyncio
async def test_all_are_started_and_all_are_gone_after_stop(tmp_path: Path) -> None:
    supervisor = Supervisor([spec("a", READY + WAIT), spec("b", READY + WAIT)], tmp_path)
    supervisor.start()
    await supervisor.wait_ready(20)
    states = supervisor.states()
    assert all(state.identity.is_alive() for state in states)
    await supervisor.stop()
    assert not any(state.identity.is_alive() for state in states)
    assert [state.state for state in supervisor.states()] == ["stopped", "stopped"]


@pytest.mark.asyncio
async def test_one_that_died_is_started_again(tmp_path: Path) -> None:
    said: list[str] = []
    supervisor = Supervisor([spec("a", READY + WAIT)], tmp_path, said.append)
    supervisor.start()
    await supervisor.wait_ready(20)
    first = supervisor.states()[0]
    first.identity.send(signal.SIGKILL)
    second = await until(supervisor, "a", restarts=1, state="ready")
    await supervisor.stop()
    assert second.pid != first.pid
    assert second.last_exit == "ended by signal SIGKILL"
    assert any("ended by signal SIGKILL; starting again in 0.1 s" in text for text in said)


@pytest.mark.asyncio
async def test_one_is_started_again_though_nothing_can_be_said(tmp_path: Path) -> None:
    def full_disk(sentence: str) -> None:
        raise OSError(28, "No space left on device")

    supervisor = Supervisor([spec("a", READY + WAIT)], tmp_path, full_disk)
    supervisor.start()
    await supervisor.wait_ready(20)
    supervisor.states()[0].identity.send(signal.SIGKILL)
    await until(supervisor, "a", restarts=1, state="ready")
    await supervisor.stop()


@pytest.mark.asyncio
async def test_one_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    supervisor = Supervisor([spec("a", STUBBORN + READY + WAIT, patience_s=0.2)], tmp_path)
    supervisor.start()
    await supervisor.wait_ready(20)
    state = supervisor.states()[0]
    await supervisor.stop()
    assert not state.identity.is_alive()


@pytest.mark.asyncio
async def test_to_hurry_is_not_to_wait(tmp_path: Path) -> None:
    supervisor = Supervisor([spec("a", STUBBORN + READY + WAIT, patience_s=3600)], tmp_path)
    supervisor.start()
    await supervisor.wait_ready(20)
    stopping = asyncio.create_task(supervisor.stop())
    supervisor.hurry()
    async with asyncio.timeout(10):
        await stopping


@pytest.mark.asyncio
async def test_children_of_a_dead_process_do_not_survive(tmp_path: Path) -> None:
    note = tmp_path / "child"
    code = (
        "import os, sys\n"
        "pid = os.fork()\n"
        f"if pid: open({str(note)!r}, 'w').write(str(pid))\n"
        "else:\n import signal; signal.pause()\n" + READY + WAIT
    )
    supervisor = Supervisor([spec("a", code)], tmp_path)
    supervisor.start()
    await supervisor.wait_ready(20)
    child = identify(int(note.read_text()))
    assert child.is_alive()
    supervisor.states()[0].identity.send(signal.SIGKILL)
    await until(supervisor, "a", restarts=1)
    assert await asyncio.to_thread(wait_until_gone, [child], 10.0) == []
    await supervisor.stop()


@pytest.mark.asyncio
async def test_one_that_keeps_dying_is_named_with_its_last_words(tmp_path: Path) -> None:
    supervisor = Supervisor(
        [spec("good", READY + WAIT, stage=0), spec("bad", "raise SystemExit('no such thing')")],
        tmp_path,
    )
    supervisor.start()
    with pytest.raises(NotReady) as caught:
        await supervisor.wait_ready(60)
    await supervisor.stop()
    assert caught.value.processes == ["bad"]
    assert "ended with exit code 1" in str(caught.value)
    assert "no such thing" in str(caught.value)


@pytest.mark.asyncio
async def test_one_that_never_gets_ready_is_named(tmp_path: Path) -> None:
    supervisor = Supervisor([spec("good", READY + WAIT), spec("late", WAIT)], tmp_path)
    supervisor.start()
    with pytest.raises(NotReady) as caught:
        await supervisor.wait_ready(1.0)
    await supervisor.stop()
    assert "late" in caught.value.processes


@pytest.mark.asyncio
async def test_higher_stages_stop_first(tmp_path: Path) -> None:
    order = tmp_path / "order"

    def noting(name: str) -> str:
        return (
            "import signal, sys\n"
            "def end(*_):\n"
            f"    open({str(order)!r}, 'a').write({name!r} + ' ')\n"
            "    sys.exit()\n"
            "signal.signal(signal.SIGTERM, end)\n" + READY + WAIT
        )

    specs = [spec(name, noting(name), stage) for stage, name in enumerate(("x", "y", "z"))]
    supervisor = Supervisor(specs, tmp_path)
    supervisor.start()
    await supervisor.wait_ready(20)
    await supervisor.stop()
    assert order.read_text().split() == ["z", "y", "x"]


@pytest.mark.asyncio
async def test_a_large_log_is_put_aside_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"x" * (10 * 1024**2 + 1))
    supervisor = Supervisor([spec("a", "print('hello', flush=True)\n" + READY + WAIT)], tmp_path)
    supervisor.start()
    await supervisor.wait_ready(20)
    await supervisor.stop()
    assert (tmp_path / "a.log").read_text() == "hello\n"
    assert (tmp_path / "a.log.1").stat().st_size > 10 * 1024**2
