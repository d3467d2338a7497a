"""Attempts in the line of a real child: what each prints, and who is to blame for its end."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import millstream_worker.turns as turns_module
from integration.one_child import Bench, bench
from millstream_worker.children import Child, ChildDied
from millstream_worker.frames import Answer, Question, Told
from millstream_worker.turns import Recalled, Turn

pytestmark = pytest.mark.integration

SOURCE = """
import os, signal, subprocess, sys, time
from millstream import DAG, task

with DAG("isolation"):
    @task
    def prints():
        print("out of python", os.environ.get("NUMBER"))
        subprocess.run(["sh", "-c", "echo out of a command; echo to stderr >&2"])

    @task
    def quiet():
        pass

    @task
    def naps():
        time.sleep(30)

    @task
    def dies():
        os.kill(os.getpid(), signal.SIGKILL)

    @task
    def leaks():
        import threading
        threading.Thread(target=time.sleep, args=(30,), daemon=True).start()

    @task
    def closes():
        os.close(1); os.close(2)

    prints(); quiet(); naps(); dies(); leaks(); closes()
"""


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first attempt loads the DAG file, and commands take their time."""
    monkeypatch.setattr(turns_module, "PATIENCE_S", 10.0)


class Heard:
    """What an attempt wrote, by stream."""

    def __init__(self) -> None:
        self.texts = {"stdout": b"", "stderr": b""}

    def take(self, stream: str, data: bytes) -> None:
        self.texts[stream] += data


async def _answer(question: Question) -> Answer:
    return Told()


def give(made: Bench, child: Child, *names: str) -> list[tuple[Turn, Heard]]:
    given = []
    for name in names:
        heard = Heard()
        given.append((child.give(made.attempt(name), _answer, heard.take), heard))
    return given


def test_each_has_what_it_printed_itself(tmp_path: Path) -> None:
    async def test(made: Bench) -> None:
        child = await made.children.acquire("b")
        names = ["prints", "closes", "quiet", "prints", "quiet", "prints"]
        for turn, _ in (given := give(made, child, *names)):
            done = await turn.done
            assert done.outcome.kind == "success", done.outcome
        for name, (_, heard) in zip(names, given, strict=True):
            out = b"out of python None\nout of a command\n" if name == "prints" else b""
            err = b"to stderr\n" if name == "prints" else b""
            assert heard.texts == {"stdout": out, "stderr": err}

    bench(tmp_path, SOURCE, test)


def test_those_behind_one_that_takes_long_are_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "PATIENCE_S", 0.02)

    async def test(made: Bench) -> None:
        child = await made.children.acquire("b")
        [(naps, _), (b, _), (c, _)] = give(made, child, "naps", "quiet", "quiet")
        for turn in (b, c):
            with pytest.raises(Recalled):
                await turn.began
        assert child.in_line == 1
        naps.kill()
        with pytest.raises(ChildDied):
            await naps.done

    bench(tmp_path, SOURCE, test)


def test_the_death_of_one_is_not_that_of_those_behind_it(tmp_path: Path) -> None:
    async def test(made: Bench) -> None:
        child = await made.children.acquire("b")
        [(first, _), (dies, _), (last, _)] = give(made, child, "quiet", "dies", "quiet")
        assert (await first.done).outcome.kind == "success"
        with pytest.raises(ChildDied, match="SIGKILL"):
            await dies.done
        with pytest.raises(Recalled):
            await last.began

    bench(tmp_path, SOURCE, test)


def test_nobody_follows_in_a_process_that_is_of_no_more_use(tmp_path: Path) -> None:
    async def test(made: Bench) -> None:
        child = await made.children.acquire("b")
        [(leaks, _), (last, _)] = give(made, child, "leaks", "quiet")
        assert "thread" in (await leaks.done).spent
        with pytest.raises(Recalled):
            await last.began
        assert not child.is_alive

    bench(tmp_path, SOURCE, test)


def test_what_is_stopped_is_the_one_that_was_meant(tmp_path: Path) -> None:
    async def test(made: Bench) -> None:
        child = await made.children.acquire("b")
        [(quiet, _), (naps, _)] = give(made, child, "quiet", "naps")
        assert (await quiet.done).outcome.kind == "success"
        quiet.stop(5.0)
        await asyncio.sleep(0.05)
        [(last, _)] = give(made, child, "quiet")
        last.stop(5.0)
        with pytest.raises(Recalled):
            await last.began
        assert not naps.done.done()
        naps.stop(5.0, "enough")
        done = await naps.done
        assert (done.outcome.kind, done.outcome.message) == (
            "failed",
            "the task was stopped: enough",
        )

    bench(tmp_path, SOURCE, test)
