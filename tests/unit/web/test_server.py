"""Connections that say nothing do not last."""

from __future__ import annotations

from typing import Any

from millstream_web.server import HEADERS_S, Idle


class Request:
    response_complete = False


class Connection:
    def __init__(self) -> None:
        self.cycle: Any = None
        self.is_closed = False
        self.transport = self

    def abort(self) -> None:
        self.is_closed = True


def test_who_sends_no_request_is_closed() -> None:
    idle, connection = Idle(), Connection()
    idle.close([connection], 100.0)
    idle.close([connection], 100.0 + HEADERS_S - 1)
    assert not connection.is_closed
    idle.close([connection], 100.0 + HEADERS_S)
    assert connection.is_closed


def test_who_is_answered_is_left_alone_however_long_it_takes() -> None:
    idle, connection = Idle(), Connection()
    connection.cycle = Request()
    for now in range(0, 1000, 10):
        idle.close([connection], float(now))
    assert not connection.is_closed


def test_each_request_begins_a_new_wait() -> None:
    idle, connection = Idle(), Connection()
    for now in range(0, 100, 10):
        connection.cycle = Request()
        connection.cycle.response_complete = True
        idle.close([connection], float(now))
    assert not connection.is_closed
    idle.close([connection], 90.0 + HEADERS_S)
    assert connection.is_closed
