"""Faults of Postgres under load: what was committed stays, what was not is committed once, and a
database that is older than the stream is refused."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import asyncpg
import pytest

from integration.running_stack import (
    RunningStack,
    assert_success,
    bash,
    bash_dag,
    eventually,
    wait_for_event,
)
from integration.server_faults import ask_postgres, copy_files, under_load, while_down
from integration.verify import verify_log
from millstream.adapters.bus import Bus
from millstream.adapters.streams import stream_state
from millstream.client import Client, RunRef
from millstream.core.errors import NotFound, Unavailable

END_WRITER = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = 'scheduler' AND query LIKE '%INSERT INTO event_log%'"
)
POSITION = "SELECT last_position FROM shard WHERE shard = 0"


class TestPostgres:
    """One stack for all of them, which each leaves able to go on."""

    @pytest.mark.parametrize("times", [1, pytest.param(8, marks=pytest.mark.soak)])
    def test_killed_at_once_at_any_moment(self, fault_stack: RunningStack, times: int) -> None:
        """``pg_ctl stop -m immediate``: no checkpoint, recovery at the next start."""
        with under_load(fault_stack, f"immediate_{times}") as load:
            for _ in range(times):
                victim = fault_stack.kill("postgres", signal.SIGQUIT)
                fault_stack.wait_restarted("postgres", victim)
                load.wait_for_more(1)

    @pytest.mark.soak
    def test_restarted_in_order(self, fault_stack: RunningStack) -> None:
        with under_load(fault_stack, "in_order"):
            victim = fault_stack.kill("postgres", signal.SIGINT)
            fault_stack.wait_restarted("postgres", victim)

    @pytest.mark.parametrize("times", [3, pytest.param(40, marks=pytest.mark.soak)])
    def test_what_was_cut_short_is_committed_once(
        self, fault_stack: RunningStack, times: int
    ) -> None:
        scheduler = fault_stack.identity("scheduler")
        with under_load(fault_stack, f"cut_short_{times}") as load:
            for _ in range(times):
                asyncio.run(end_before_commit(fault_stack.database_url))
                load.wait_for_more(1)
        assert fault_stack.identity("scheduler") == scheduler

    @pytest.mark.parametrize("times", [3, pytest.param(40, marks=pytest.mark.soak)])
    def test_what_was_committed_unanswered_is_not_committed_again(
        self, fault_stack: RunningStack, times: int
    ) -> None:
        scheduler = fault_stack.identity("scheduler")
        with under_load(fault_stack, f"unanswered_{times}") as load:
            for _ in range(times):
                asyncio.run(end_after_commit(fault_stack.database_url))
                load.wait_for_more(1)
        assert fault_stack.identity("scheduler") == scheduler

    @pytest.mark.soak
    def test_at_any_moment(self, fault_stack: RunningStack) -> None:
        with under_load(fault_stack, "any_moment") as load:
            for _ in range(60):
                ask_postgres(
                    fault_stack,
                    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                    "WHERE application_name LIKE 'scheduler%' OR application_name = 'projector'",
                )
                load.wait_for_more(1)


async def end_before_commit(url: str) -> None:
    """The writer waits for a lock in the midst of its statement when its connection is ended."""
    holder, other = await asyncpg.connect(url), await asyncpg.connect(url)
    try:
        async with holder.transaction():
            await holder.execute("SELECT FROM shard WHERE shard = 0 FOR UPDATE")
            before = await other.fetchval(POSITION)
            await end_blocked(other, "wait_event_type = 'Lock'")
            assert before == await other.fetchval(POSITION)
    finally:
        await holder.close()
        await other.close()


async def end_after_commit(url: str) -> None:
    """The writer's commit is on the disk and waits for a standby that there is not."""
    other = await asyncpg.connect(url)
    try:
        before = await other.fetchval(POSITION)
        await other.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        await other.execute("SELECT pg_reload_conf()")
        try:
            await end_blocked(other, "wait_event = 'SyncRep'")
        finally:
            await other.execute("ALTER SYSTEM RESET synchronous_standby_names")
            await other.execute("SELECT pg_reload_conf()")
        async with asyncio.timeout(10):
            while before == await other.fetchval(  # noqa: ASYNC110 - Postgres tells nobody
                "SELECT last_position FROM shard WHERE shard = 0"
            ):
                await asyncio.sleep(0.01)
    finally:
        await other.close()


async def end_blocked(connection: asyncpg.Connection, wait_event: str) -> None:
    async with asyncio.timeout(20):
        while not await connection.fetchval(f"{END_WRITER} AND {wait_event}"):  # noqa: ASYNC110
            await asyncio.sleep(0.005)


def older_backup_is_put_back(stack: RunningStack, folder: Path) -> tuple[RunRef, RunRef, int]:
    """Under everything that runs. Returns a run whose task was at work when the backup was made, a
    run that the backup does not know, and the position at which the backup ends."""
    client = stack.client()
    gate = folder / "gate"
    client.submit_spec(
        bash_dag("d", bash("t", f"until [ -e {shlex.quote(str(gate))} ]; do sleep 0.1; done"))
    )
    known = client.trigger("d")
    wait_for_event(client, known, "TaskStarted")
    with while_down(stack, "postgres", signal.SIGINT):
        copy_files(stack.data_dir / "postgres", folder / "backup")
    position = ask_postgres(stack, POSITION)
    assert isinstance(position, int)
    gate.touch()
    assert_success(client, known)
    stack.wait_restarted("scheduler", stack.kill("scheduler"))
    lost = client.trigger("d")
    assert_success(client, lost)
    verify_log(stack)
    with while_down(stack, "postgres", signal.SIGINT):
        copy_files(folder / "backup", stack.data_dir / "postgres")
    return known, lost, position


def assert_refused(stack: RunningStack, position: int, last: int) -> None:
    """By the two that write, again and again, with both positions; and nothing is written."""
    sentence = f"Postgres ends at position {position}, but the stream EVENTS already holds "
    sentence += f"position {last}."
    for name in ("scheduler", "projector"):
        eventually(
            f"the {name} refuses ({stack.log_tail(name)})",
            lambda name=name: stack.log(name).count(sentence) >= 2,  # type: ignore[misc]
            90,
        )
    assert (
        ask_postgres(stack, POSITION)
        == ask_postgres(stack, "SELECT max(position) FROM event_log")
        == position
    )
    projected = ask_postgres(stack, "SELECT position FROM millstream_read.checkpoint")
    assert isinstance(projected, int)
    assert projected <= position


@pytest.mark.timeout(300)
class TestRestoredFromAnOlderBackup:
    def test_it_is_refused_until_the_loss_is_accepted(
        self, fresh_stack: Callable[[], RunningStack], tmp_path: Path
    ) -> None:
        stack = fresh_stack()
        known, lost, position = older_backup_is_put_back(stack, tmp_path)
        client = Client(stack.address, timeout_s=3)
        with pytest.raises(Unavailable):
            client.trigger("d")
        client.close()
        last = stream_end(stack)
        assert last > position
        assert_refused(stack, position, last)
        # As the guide says: everything is stopped, NATS forgets, everything is started.
        stack.down()
        shutil.rmtree(stack.data_dir / "nats")
        stack.up()
        client = stack.client()
        with pytest.raises(NotFound):
            client.get_run(lost.run_id, "d")
        assert_success(client, known)
        assert_success(client, client.trigger("d"))
        verify_log(stack)

    @pytest.mark.soak
    def test_up_says_so_and_changes_nothing(
        self, fresh_stack: Callable[[], RunningStack], tmp_path: Path
    ) -> None:
        stack = fresh_stack()
        _, _, position = older_backup_is_put_back(stack, tmp_path)
        last = stream_end(stack)
        stack.down()
        for _ in range(2):
            done = stack.run("up", "--detach", "--workers", "1")
            assert done.returncode != 0
            assert f"Postgres ends at position {position}, but" in done.stderr
            assert f"position {last}." in done.stderr
        shutil.rmtree(stack.data_dir / "nats")
        stack.up()
        client = stack.client()
        assert_success(client, client.trigger("d"))
        verify_log(stack)


def stream_end(stack: RunningStack) -> int:
    """The last sequence of EVENTS."""

    async def look() -> int:
        bus = await Bus.connect(stack.nats_url, "operator")
        try:
            state = await stream_state(bus, "EVENTS_0")
        finally:
            await bus.close()
        assert state is not None
        return int(state["last_seq"])

    return asyncio.run(look())
