"""One case of the crash matrix: something happens at a failpoint in the middle of a run, and the
run ends as if nothing had."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import NamedTuple

import asyncpg
import nats

from crash.crash_stack import LEASE_S, RUN_S, SLOTS, CrashStack, Played, begin, check_run, settle
from integration.running_stack import assert_success, eventually
from integration.verify import verify_events
from millstream.client import Client

# A run passes a failpoint as often as it happens to be cut into batches: once in a while the last
# time that was counted is not reached.
TRIES = 4
ACTIONS = {"kill": "kill", "stop": "stop", "raise": "raise", "delay": f"delay:{LEASE_S / 2:g}"}
OCCURRENCES = ("first", "middle", "last")
TAKEOVERS = 3
# Where the log must be ahead of the stream.
NOT_RELAYED = ("scheduler.commit_sent", "scheduler.committed", "scheduler.half_relayed")


class Case(NamedTuple):
    """What happens where, and which time of those that a run passes it."""

    name: str
    action: str
    occurrence: str

    @property
    def unclaimed(self) -> int:
        """How many attempts a worker may have begun and not said so: those of its slots."""
        return SLOTS if self.name.startswith("worker.") and self.action != "delay" else 0

    @property
    def ends_process(self) -> bool:
        """What the api and a worker do not expect ends one request, or one attempt."""
        is_one_of_many = self.name.startswith(("api.", "worker."))
        return self.action == "kill" or (self.action == "raise" and not is_one_of_many)


def usual_times(stack: CrashStack, client: Client, name: str) -> int:
    """How often a run passes a failpoint."""
    stack.arm("")
    for played in play_once(stack, client, name):
        assert not check_run(verify_events(stack), played)
    return stack.reached(name)


def play(stack: CrashStack, client: Client, case: Case, times: int) -> None:
    """Play until it went off, and check everything but the content of the read tables. A run
    usually passes the failpoint so many ``times``."""
    number = {"first": 1, "middle": (times + 1) // 2, "last": times}[case.occurrence]
    for _ in range(TRIES):
        assert number > 0, f"{case.name} was never reached"
        stack.arm(f"{case.name}={ACTIONS[case.action]}@{number}")
        with contextlib.ExitStack() as meanwhile:
            if case.action == "stop":
                meanwhile.enter_context(
                    stack.waking(case.name, lambda: look_while_stopped(stack, case.name))
                )
            played = play_once(stack, client, case.name)
            stack.disarm()
        fired, reached = stack.fired(case.name), stack.reached(case.name)
        settle(stack, client, fired if case.ends_process else 0)
        log = verify_events(stack)
        for each in played:
            apart = check_run(log, each)
            assert apart <= case.unclaimed, f"{apart} bodies and starts are apart"
        if fired:
            return
        number = min(number - 1, reached * 9 // 10)
    raise AssertionError(f"{case.name} was not reached {number + 1} times in {TRIES} tries")


def play_once(stack: CrashStack, client: Client, name: str) -> list[Played]:
    """A run to its end. What happens when a scheduler takes over is played by runs in whose midst
    it is killed."""
    played = []
    for _ in range(TAKEOVERS if name == "scheduler.lock_taken" else 1):
        played.append(begin(stack, client))
        if name == "scheduler.lock_taken":
            stack.wait_restarted("scheduler", stack.kill("scheduler"))
        assert_success(client, played[-1].run, RUN_S)
    return played


def look_while_stopped(stack: CrashStack, name: str) -> None:
    """Does the name say what has happened? Postgres has what was sent to it, also where its answer
    was not read, and NATS does not."""
    if name in NOT_RELAYED:
        deadline = time.monotonic() + 1
        while (ends := asyncio.run(_ends(stack)))[0] <= ends[1]:
            assert time.monotonic() < deadline, f"{name}: log and stream end at {ends}"


def check_nothing_left(stack: CrashStack) -> None:
    """What was pulled was acknowledged, sooner or later: INBOX is empty, and so is what workers
    pull."""
    eventually("nothing is left to be pulled", lambda: not asyncio.run(_left(stack)), 30)


async def _left(stack: CrashStack) -> list[str]:
    client = await nats.connect(stack.nats_url)
    try:
        jetstream = client.jetstream()
        info = await jetstream.stream_info("INBOX")
        left = [f"{info.state.messages} in INBOX"] if info.state.messages else []
        left += [
            f"{consumer.name}: {consumer.num_ack_pending} and {consumer.num_pending}"
            for consumer in await jetstream.consumers_info("EVENTS_0")
            # The others are those of followers, and are left to the server when these die.
            if consumer.config.durable_name and (consumer.num_ack_pending or consumer.num_pending)
        ]
        return left
    finally:
        await client.close()


async def _ends(stack: CrashStack) -> tuple[int, int]:
    """The last positions of the log and of the stream."""
    connection = await asyncpg.connect(stack.database_url)
    try:
        position = await connection.fetchval("SELECT last_position FROM shard WHERE shard = 0")
    finally:
        await connection.close()
    client = await nats.connect(stack.nats_url)
    try:
        info = await client.jetstream().stream_info("EVENTS_0")
    finally:
        await client.close()
    return int(position), info.state.last_seq
