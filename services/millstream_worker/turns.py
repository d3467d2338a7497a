"""The line of attempts before a child: the one that it is at, and those that it will find when that
one is over.

What has not begun can be taken back at any moment: a message in the queue is read either by the
child or by the worker, never by both.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import msgspec

from millstream.sdk.masking import Masker
from millstream_worker.frames import Answer, Done, Question, Run, to_child_decoder

if TYPE_CHECKING:
    from millstream_worker.children import Child

# A message for the queue is whole or not there; a longer one goes through the link.
LARGEST_MESSAGE = 64 * 1024
# Behind one that takes longer than this nobody is kept waiting.
PATIENCE_S = 0.02
_ON_LINK = b"L"
_FIRST = b"F"
_BEHIND = b"B"

Answers = Callable[[Question], Awaitable[Answer]]
OnOutput = Callable[[str, bytes], None]

_encode = msgspec.json.Encoder().encode


class Recalled(Exception):
    """The child did not come to it."""


class HasLine:
    """What a child with a line can tell of it."""

    # So many attempts may wait in it; 0: there is none.
    MOST_BEHIND = 6
    _line: Line

    @property
    def is_alive(self) -> bool:
        """Whether it can be given an attempt."""
        raise NotImplementedError

    @property
    def in_line(self) -> int:
        """How many attempts are in its line, with the one that it is at."""
        return len(self._line)

    @property
    def room_behind(self) -> int:
        """How many more may wait behind the one that it is at."""
        return self.MOST_BEHIND + 1 - len(self._line) if self.is_alive else 0

    def recall(self) -> None:
        """Take back what waits behind the one that it is at, as far as that can be."""
        self._line.recall()

    def is_at(self, turn: Turn) -> bool:
        """Is it this one that the process is at? Then no other one is in the line any more."""
        return self._line.is_at(turn)


class Turn:
    """An attempt in the line of a child. ``began`` fails with :class:`Recalled` where the child
    does not come to it; ``done`` with what ended the process."""

    __slots__ = ("answer", "began", "child", "done")

    def __init__(self, child: Child, answer: Answers) -> None:
        loop = asyncio.get_running_loop()
        self.child = child
        self.answer = answer
        self.began: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[Done] = loop.create_future()

    @property
    def has_begun(self) -> bool:
        return self.began.done()

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def masker(self) -> Masker:
        return self.child.masker

    def begin(self) -> None:
        """The child is at it."""
        if not self.began.done():  # who waits for it may have been cancelled
            self.began.set_result(None)

    def kill(self) -> None:
        """End the process, if it is at this attempt; take it out of the line otherwise."""
        if self.child.is_at(self):
            self.child.kill()

    def stop(
        self, grace_s: float, why: str = "the task was stopped", *, is_timeout: bool = False
    ) -> None:
        """As `kill`, but the task may end what it does."""
        if self.child.is_at(self):
            self.child.stop(grace_s, why, is_timeout=is_timeout)


class Line:
    """Turns, first the one that the child is at. ``take_back`` empties the queue
    of so many messages at most and returns how many were there; those behind the first are recalled
    when it takes long."""

    def __init__(self, take_back: Callable[[int], int]) -> None:
        self._take_back = take_back
        self._turns: deque[Turn] = deque()

    def __len__(self) -> int:
        return len(self._turns)

    @property
    def first(self) -> Turn | None:
        return self._turns[0] if self._turns else None

    def add(self, turn: Turn) -> None:
        self._turns.append(turn)
        if len(self._turns) == 1:
            turn.begin()
        elif len(self._turns) == 2:
            self._be_patient()

    def end_first(self, done: Done) -> None:
        """The child has ended it, and is at the next one. With ``spent`` it takes no other one."""
        turn = self._turns.popleft()
        if not turn.done.done():
            turn.done.set_result(done)
        if done.spent:
            self.recall(all_of_them=True)
        elif self._turns:
            self._turns[0].begin()
            self._be_patient()

    def recall(self, *, all_of_them: bool = False) -> int:
        """Take back what has not begun, except for the first. Returns how many that were."""
        most = len(self._turns) - (0 if all_of_them else 1)
        if most <= 0:
            return 0
        count = self._take_back(most)
        for _ in range(count):
            turn = self._turns.pop()
            if not turn.began.done():
                turn.began.set_exception(Recalled())
        return count

    def is_at(self, turn: Turn) -> bool:
        """Is it this one that the process is at? Then no other one is in the line any more. If one
        behind the first is gone from the queue, then the child is at that one, and the word of the
        first one's end is on its way."""
        behind = len(self._turns) - 1
        return self.recall() >= behind and self.first is turn

    def fail(self, error: Exception) -> None:
        """The process has ended: the one that it was at fails."""
        self.recall()
        while self._turns:
            turn = self._turns.popleft()
            if not turn.began.done():
                turn.began.set_exception(Recalled())
            elif not turn.done.done():
                turn.done.set_exception(error)

    def _be_patient(self) -> None:
        if len(self._turns) > 1:
            loop = asyncio.get_running_loop()
            loop.call_later(PATIENCE_S, self._lose_patience, self._turns[0])

    def _lose_patience(self, turn: Turn) -> None:
        if self.first is turn:
            self.recall()


class TurnQueue:
    """The worker's side of the queue. ``theirs`` is the end that the child inherits."""

    def __init__(self) -> None:
        self._ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._ours.setblocking(False)
        self._first = b""

    def put(self, run: Run, is_behind: bool) -> bool:
        """Raises ``OSError`` when nobody reads any more, or there is no room. False: it is too
        long, and is to come through the link; not for one behind another."""
        body = _encode(run)
        fits = len(body) < LARGEST_MESSAGE
        if is_behind and not fits:
            raise BlockingIOError
        message = (_BEHIND if is_behind else _FIRST) + body if fits else _ON_LINK
        self._ours.send(message)
        if not is_behind:
            self._first = message
        return fits

    def take_back(self, most: int) -> int:
        """Empty it, except for what is more than ``most``: that is the first one's message, which a
        process that has just started did not read yet."""
        count = 0
        while True:
            try:
                message = self.theirs.recv(LARGEST_MESSAGE, socket.MSG_DONTWAIT)
            except OSError:
                break
            if not message:
                break
            count += 1
        if count > most:
            count -= 1
            self._ours.send(self._first)
        return count

    def close(self) -> None:
        self._ours.close()
        self.theirs.close()


def next_turn(queue: socket.socket) -> tuple[Run | None, bool]:
    """The child's side: the next attempt, None if it comes through the link; and whether it was
    there before the one before it was known to be over. Raises ``EOFError`` when the worker is
    gone."""
    message = queue.recv(LARGEST_MESSAGE)
    if not message:
        raise EOFError
    if message == _ON_LINK:
        return None, False
    run = to_child_decoder.decode(message[1:])
    assert isinstance(run, Run)
    return run, message[:1] == _BEHIND
