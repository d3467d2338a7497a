"""Leases: who is heard of keeps its attempts, who is not loses them, and nobody else does."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from millstream.adapters.bus_client import Delivery
from millstream.adapters.heartbeat import Heartbeat, encode_heartbeat
from millstream.core.commands import LoseAttempt, TimerCommand
from millstream_scheduler.leases import Ear, Leases
from shard import Shard, dag, fold, task

LEASE_S = 15.0


class Watched:
    """A shard with two tasks, and leases that note its events."""

    def __init__(self) -> None:
        self.shard = Shard()
        self.leases = Leases(LEASE_S, lambda: 0.0)
        self._noted = 0
        self.shard.begin(dag(task("a"), task("b")))

    def claim(self, name: str, token: str) -> None:
        self.shard.start(name, token=token)
        self.note()

    def note(self) -> None:
        for event in self.shard.log[self._noted :]:
            self.leases.note(event)
        self._noted = len(self.shard.log)

    def hear(self, *tokens: str, incarnation: str = "w-1") -> list[str]:
        return names(self.leases.hear(heartbeat(*tokens, incarnation=incarnation)))

    def wait(self, seconds: float) -> list[str]:
        return names(self.leases.pass_time(seconds))


def heartbeat(*tokens: str, incarnation: str = "w-1", worker: str = "w") -> Heartbeat:
    return Heartbeat(
        worker=worker, incarnation=incarnation, queues=("default",), slots=2, attempts=tokens
    )


def names(lost: list[LoseAttempt]) -> list[str]:
    return [command.where.task_id for command in lost]


def test_a_claim_that_nobody_speaks_of_is_lost_after_the_lease() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    assert watched.wait(LEASE_S - 1) == []
    assert watched.wait(1) == ["a"]


def test_a_heartbeat_renews_what_it_names_and_nothing_else() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.claim("b", "w-1-2")
    watched.wait(LEASE_S - 1)
    assert watched.hear("w-1-1") == []
    assert watched.wait(1) == ["b"]
    assert watched.wait(LEASE_S - 2) == []


def test_another_worker_renews_nothing() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.wait(LEASE_S - 1)
    assert watched.leases.hear(heartbeat("w-1-1", worker="other")) == []
    assert watched.wait(1) == ["a"]


def test_a_worker_that_was_restarted_loses_at_once_what_it_does_not_name() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.claim("b", "w-1-2")
    assert watched.hear("w-1-2", incarnation="w-2") == ["a"]


def test_incarnations_of_which_one_begins_with_the_other_are_two() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    assert watched.hear(incarnation="w-12") == ["a"]


def test_a_life_that_is_over_says_nothing_of_its_successors_claims() -> None:
    """Its last heartbeat may be the last to arrive."""
    watched = Watched()
    watched.claim("a", "w-2-1")
    assert watched.hear(incarnation="w-1") == []
    assert watched.wait(LEASE_S) == ["a"]


def test_what_ended_has_no_lease() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.shard.succeed("a", token="w-1-1")
    watched.note()
    assert watched.wait(LEASE_S * 2) == []


def test_a_loss_is_asked_for_again_if_it_was_not_committed() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    assert watched.wait(LEASE_S) == ["a"]
    assert watched.wait(LEASE_S) == ["a"]
    watched.shard.lose("a", token="w-1-1")
    watched.note()
    assert watched.wait(LEASE_S * 2) == []


def test_after_a_takeover_every_claim_has_a_whole_lease() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.shard.start("b", token="w-1-2")
    watched.shard.succeed("b", token="w-1-2")
    leases = Leases(LEASE_S, lambda: 0.0)
    leases.restore(fold(watched.shard.log))
    assert leases.pass_time(LEASE_S - 1) == []
    assert names(leases.pass_time(1)) == ["a"]


def test_heartbeats_from_the_bus() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    submitted: list[TimerCommand] = []
    watched.leases._submit = submitted.append
    beat = heartbeat(incarnation="w-2")
    for subject, data in (
        ("ms.hb.other", encode_heartbeat(beat)),
        ("ms.hb.w", b"rubbish"),
        ("ms.hb.w", msgspec.json.encode({"worker": "w"})),
    ):
        watched.leases.on_heartbeat(Delivery(subject, "", data, b""))
    assert submitted == []
    watched.leases.on_heartbeat(Delivery("ms.hb.w", "", encode_heartbeat(beat), b""))
    assert [command.id for command in submitted] == ["lose/w-1-1"]


def test_a_claim_that_was_closed_is_named_to_the_worker_that_still_has_it() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.claim("b", "w-1-2")
    watched.shard.mark("a", "failed")
    watched.note()
    told: list[tuple[str, tuple[str, ...]]] = []
    watched.leases.tell = lambda worker, tokens: told.append((worker, tokens))
    beat = msgspec.structs.replace(heartbeat("w-1-1", "w-1-2", "w-1-3"), claimed=("w-1-1", "w-1-2"))
    watched.leases.on_heartbeat(Delivery("ms.hb.w", "", encode_heartbeat(beat), b""))
    assert told == [("w", ("w-1-1",))], "not the one whose claim is not decided"


def test_what_a_worker_that_stops_does_not_name_is_given_back_at_once() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.claim("b", "w-1-2")
    beat = msgspec.structs.replace(heartbeat("w-1-2"), is_stopping=True)
    (lost,) = watched.leases.hear(beat)
    assert (lost.where.task_id, lost.is_given_back) == ("a", True)
    assert watched.hear("w-1-2") == [], "a heartbeat that names it not is no word of giving back"


def test_what_was_renewed_first_runs_out_first() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.claim("b", "w-1-2")
    watched.wait(5)
    watched.hear("w-1-1")
    assert watched.wait(LEASE_S - 5) == ["b"]
    assert watched.wait(5) == ["a"]


class EchoBus:
    """A bus that hears itself, unless it is deaf."""

    def __init__(self) -> None:
        self.is_deaf = False
        self._handler: Any = None

    def new_inbox(self) -> str:
        return "_INBOX.me"

    async def listen(self, subject: str, handler: Any) -> None:
        self._handler = handler

    def send(self, subject: str, payload: bytes) -> None:
        if not self.is_deaf:
            self._handler(Delivery(subject, "", payload, b""))


def test_time_counts_only_while_our_own_words_come_back() -> None:
    async def play() -> None:
        bus: Any = EchoBus()
        ear = Ear(bus)
        await ear.listen()
        assert ear.is_hearing()
        bus.is_deaf = True
        assert ear.is_hearing(), "what was said before was heard"
        assert not ear.is_hearing()
        bus.is_deaf = False
        assert not ear.is_hearing()
        assert ear.is_hearing()

    asyncio.run(play())


def test_after_a_silence_every_claim_has_a_whole_lease() -> None:
    async def play() -> None:
        watched = Watched()
        watched.claim("a", "w-1-1")
        watched.wait(LEASE_S - 0.01)
        hears = iter([False, True, True])
        now = 0.0

        def clock() -> float:
            nonlocal now
            now += LEASE_S
            return now

        leases = watched.leases
        leases.lease_s, leases.clock = LEASE_S, clock
        submitted: list[TimerCommand] = []
        is_over = asyncio.Event()

        def is_hearing() -> bool:
            try:
                return next(hears)
            except StopIteration:
                is_over.set()
                return False

        leases.lease_s = 1.0  # steps of 50 ms
        running = asyncio.create_task(leases.run(submitted.append, is_hearing))
        await is_over.wait()
        running.cancel()
        assert submitted == []

    asyncio.run(play())


def test_a_claim_that_its_worker_dropped_is_lost_at_once_and_no_other() -> None:
    watched = Watched()
    watched.claim("a", "w-1-1")
    watched.claim("b", "w-1-2")
    beat = msgspec.structs.replace(heartbeat("w-1-2"), dropped=("w-1-1", "w-1-9"))
    (lost,) = watched.leases.hear(beat)
    assert lost.where.task_id == "a"
    assert not lost.is_given_back, "it counts: whoever kills its process does so again"
