"""Children are kept for their bundle and interpreter; a fresh one is for one attempt."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from millstream_worker.children import Child, Children


def with_children(
    tmp_path: Path, test: Callable[[Children], Awaitable[None]], slots: int = 2
) -> None:
    async def run() -> None:
        children = Children(slots, tmp_path, {})
        try:
            await test(children)
        finally:
            await children.close()

    asyncio.run(run())


def test_a_child_is_used_again_for_its_bundle_and_interpreter(tmp_path: Path) -> None:
    async def test(children: Children) -> None:
        async def acquired(bundle: str, python: str = "") -> Child:
            child = await children.acquire(bundle, python)
            children.release(child)
            return child

        first = await acquired("a")
        named = await acquired("a", sys.executable)
        other = await acquired("b")
        assert len({first.pid, named.pid, other.pid}) == 3
        assert await acquired("a") is first
        assert await acquired("a", sys.executable) is named
        assert await acquired("b") is other

    with_children(tmp_path, test)


def test_a_free_child_serves_any_bundle_but_only_its_interpreter(tmp_path: Path) -> None:
    async def test(children: Children) -> None:
        await children.warm()
        named = await children.acquire("a", sys.executable)
        plain = await children.acquire("a")
        assert named is not plain
        again = await children.acquire("a")
        assert again is not plain, "it was free no more"

    with_children(tmp_path, test)


@pytest.mark.parametrize(("processors", "expected"), [(1, 1), (3, 3), (64, 4)])
def test_no_more_start_ahead_than_can_begin_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processors: int, expected: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: set(range(processors)))

    async def test(children: Children) -> None:
        await children.warm()
        assert len(children._idle) == expected

    with_children(tmp_path, test, slots=4)


def test_a_fresh_child_serves_one_attempt(tmp_path: Path) -> None:
    async def test(children: Children) -> None:
        shared = await children.acquire("a")
        children.release(shared)
        fresh = await children.acquire("a", fresh=True)
        assert fresh is not shared
        children.release(fresh)
        await fresh.ended()
        assert not fresh.is_alive
        assert await children.acquire("a", fresh=True) is not fresh
        assert await children.acquire("a") is shared

    with_children(tmp_path, test)
