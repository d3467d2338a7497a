"""A host's line to its worker: questions from the loop and from threads, and what is printed."""

from __future__ import annotations

import asyncio
import contextvars
import io
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest

from millstream.core.errors import MillstreamError
from millstream_worker.frames import (
    Answered,
    Asked,
    CancelTrigger,
    Find,
    FrameReader,
    Printed,
    ToChild,
    Told,
    encode_frame,
    from_child_decoder,
)
from millstream_worker.host_link import HostLink
from millstream_worker.host_output import HostOutput, HostStream
from millstream_worker.stepping import current_token


class Worker(threading.Thread):
    """The other end: answers each question with its name, after saying something else."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.heard: list[Any] = []

    def run(self) -> None:
        frames = FrameReader()
        while data := self.connection.recv(1 << 16):
            for body in frames.feed(data):
                message = from_child_decoder.decode(body)
                self.heard.append(message)
                if isinstance(message, Asked):
                    assert isinstance(message.question, Find)
                    if message.question.name == "die":
                        self.connection.shutdown(socket.SHUT_RDWR)
                        return
                    told = Told(message.question.name)
                    if message.question.name == "wrong":
                        told = Told(error="that is wrong")
                    self.connection.sendall(
                        encode_frame(CancelTrigger("between"))
                        + encode_frame(Answered(message.number, told))
                    )


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Worker]]:
    mine, theirs = socket.socketpair()
    worker = Worker(theirs)
    worker.start()
    yield mine, worker
    mine.close()
    worker.join(5)
    theirs.close()


def with_link(
    ends: tuple[socket.socket, Worker],
    test: Callable[[HostLink, list[ToChild], asyncio.Event], Coroutine[Any, Any, None]],
) -> None:
    async def run() -> None:
        taken: list[ToChild] = []
        closed = asyncio.Event()
        await test(HostLink(ends[0], taken.append, closed.set), taken, closed)

    asyncio.run(run())


def found(link: HostLink, name: str) -> Any:
    answer = link.ask("t", Find("variable", name))
    assert isinstance(answer, Told)
    return answer.value


def test_who_asks_on_the_loop_gets_the_answer_at_once_and_nothing_is_lost(ends: Any) -> None:
    async def test(link: HostLink, taken: list[ToChild], closed: asyncio.Event) -> None:
        assert [found(link, name) for name in ("a", "b")] == ["a", "b"]
        assert taken == [], "the loop had no turn yet"
        while len(taken) < 2:  # noqa: ASYNC110 - turns of the loop
            await asyncio.sleep(0)
        assert taken == [CancelTrigger("between")] * 2

    with_link(ends, test)


def test_threads_and_coroutines_ask_at_the_same_time(ends: Any) -> None:
    async def test(link: HostLink, taken: list[ToChild], closed: asyncio.Event) -> None:
        names = [str(n) for n in range(20)]
        threads = [asyncio.to_thread(found, link, name) for name in names]
        told = [link.ask_soon("t", Find("variable", name)) for name in names]
        answers = await asyncio.gather(*threads, *told)
        assert answers[:20] == names
        assert [answer.value for answer in answers[20:]] == names

    with_link(ends, test)


def test_what_is_wrong_and_a_worker_that_is_gone_are_errors(ends: Any) -> None:
    async def test(link: HostLink, taken: list[ToChild], closed: asyncio.Event) -> None:
        with pytest.raises(MillstreamError, match="that is wrong"):
            found(link, "wrong")
        waiting = asyncio.create_task(asyncio.to_thread(found, link, "die"))
        with pytest.raises(MillstreamError, match="the worker is gone"):
            await waiting
        await asyncio.wait_for(closed.wait(), 5)
        with pytest.raises(MillstreamError, match="the worker is gone"):
            found(link, "late")

    with_link(ends, test)


def test_what_is_printed_is_whole_in_order_and_of_who_printed_it(ends: Any) -> None:
    async def test(link: HostLink, taken: list[ToChild], closed: asyncio.Event) -> None:
        output = HostOutput(link, asyncio.get_running_loop())
        own = io.StringIO()

        def put(token: str, source: str, data: bytes) -> bool:
            if token:
                output.put(token, source, data)
            return bool(token)

        stream = HostStream(own, "stdout", put)

        async def prints(name: str) -> None:
            current_token.set(name)
            for n in range(500):
                print(name, n, file=stream)
                if n % 100 == 0:
                    await asyncio.to_thread(print, name, "thread", file=stream)

        await asyncio.gather(
            *(
                asyncio.Task(prints(name), context=contextvars.copy_context())
                for name in ("ada", "bob")
            )
        )
        print("nobody's", file=stream)
        output.flush_all()
        assert found(link, "all") == "all"
        printed = [message for message in ends[1].heard if isinstance(message, Printed)]
        for name in ("ada", "bob"):
            text = b"".join(each.data for each in printed if each.token == name).decode()
            lines = [line for line in text.splitlines() if "thread" not in line]
            assert lines == [f"{name} {n}" for n in range(500)]
            assert text.count(f"{name} thread") == 5
        assert own.getvalue() == "nobody's\n"
        assert len(printed) < 600, "fast lines go together"

    with_link(ends, test)
