"""What a burst took is given back, and who holds what it held is left alone."""

from __future__ import annotations

import asyncio

from millstream.adapters.free_memory import GROWTH_BYTES, TIMES, FreeMemory, resident_bytes, trim

MB = 1 << 20


class Process:
    """One whose memory is free some looks after the burst."""

    def __init__(self) -> None:
        self.held = 100 * MB
        self.free = 0
        self.trims = 0

    def trim(self) -> None:
        self.trims += 1
        self.held -= self.free
        self.free = 0


def looks(memory: FreeMemory, times: int) -> None:
    for _ in range(times):
        asyncio.run(memory.look())


def test_a_burst_is_given_back_also_when_it_is_freed_later() -> None:
    process = Process()
    memory = FreeMemory(lambda: process.held, process.trim)
    looks(memory, TIMES + 5)
    process.trims = 0
    process.held += 2 * GROWTH_BYTES
    looks(memory, 2)
    process.free = 2 * GROWTH_BYTES
    looks(memory, 1)
    assert process.held == 100 * MB


def test_who_does_not_grow_is_left_alone() -> None:
    process = Process()
    memory = FreeMemory(lambda: process.held, process.trim)
    looks(memory, TIMES + 5)
    assert process.trims == TIMES
    process.held += GROWTH_BYTES
    looks(memory, 5)
    assert process.trims == TIMES


def test_a_second_burst_is_seen_although_the_first_was_as_large() -> None:
    process = Process()
    memory = FreeMemory(lambda: process.held, process.trim)
    for _ in range(2):
        process.held = 200 * MB
        looks(memory, TIMES + 3)
        process.held = 100 * MB
        looks(memory, 1)
    assert process.trims == 2 * TIMES


def test_this_process() -> None:
    trim()
    assert resident_bytes() > MB
