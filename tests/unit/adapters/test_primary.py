"""Which of several Postgres servers is used."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from millstream.adapters.primary import NoPrimary, Primary

A, B = "postgresql://u@a/db", "postgresql://u@b/db"


class Connection:
    def __init__(self, timeline: int) -> None:
        self.timeline = timeline
        self.is_terminated = False

    async def fetchval(self, query: str) -> int:
        return self.timeline

    def terminate(self) -> None:
        self.is_terminated = True


class Servers:
    """What each server does with a connection: a timeline (0: a standby), an error, or None for
    silence."""

    def __init__(self, **does: int | Exception | None) -> None:
        self.does = does
        self.opened: dict[str, Connection] = {}

    async def open(self, url: str) -> Any:
        name = url[len("postgresql://u@")]
        does = self.does[name]
        if does is None:
            await asyncio.Event().wait()
        if isinstance(does, Exception):
            raise does
        assert does is not None
        self.opened[name] = Connection(does)
        return self.opened[name]


async def connect(primary: Primary, **does: int | Exception | None) -> tuple[str, Servers]:
    servers = Servers(**does)
    async with asyncio.timeout(5):
        chosen: Any = await primary.connect(servers.open)
    (name,) = [name for name, connection in servers.opened.items() if connection is chosen]
    assert not chosen.is_terminated
    others = [c for c in servers.opened.values() if c is not chosen]
    assert all(other.is_terminated for other in others)
    return name, servers


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        ({"a": 1, "b": 0}, "a"),
        ({"a": 0, "b": 1}, "b"),
        ({"a": 1, "b": 2}, "b"),
        ({"a": 3, "b": 2}, "a"),
        ({"a": None, "b": 2}, "b"),
        ({"a": ConnectionRefusedError("no"), "b": 2}, "b"),
        ({"a": asyncpg.InvalidPasswordError("no"), "b": 2}, "b"),
    ],
)
def test_the_primary_with_the_newest_timeline(
    does: dict[str, int | Exception | None], expected: str
) -> None:
    name, _ = asyncio.run(connect(Primary([A, B]), **does))
    assert name == expected


def test_what_was_seen_to_be_over_is_never_used_again() -> None:
    primary = Primary([A, B])
    assert asyncio.run(connect(primary, a=1, b=0))[0] == "a"
    assert asyncio.run(connect(primary, a=ConnectionRefusedError("no"), b=2))[0] == "b"
    with pytest.raises(NoPrimary, match=r"a is a primary of the past: its timeline 1 ended, 2 is"):
        asyncio.run(connect(primary, a=1, b=ConnectionRefusedError("no")))
    assert asyncio.run(connect(primary, a=1, b=2))[0] == "b"


def test_nobody_is_a_primary() -> None:
    with pytest.raises(NoPrimary, match=r"a is a standby; b: ConnectionRefusedError"):
        asyncio.run(connect(Primary([A, B]), a=0, b=ConnectionRefusedError("no")))


def test_a_wrong_password_is_said() -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        asyncio.run(connect(Primary([A, B]), a=0, b=asyncpg.InvalidPasswordError("no")))
