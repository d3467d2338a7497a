"""Wires the scheduler: wait for the lock, take over, then decide, commit and relay until
stopped."""

from __future__ import annotations

import asyncio

from millstream.adapters.bus import Bus
from millstream.adapters.event_log import EventLog
from millstream.adapters.failpoints import reach
from millstream.adapters.postgres import Database, connect_patiently, migrate
from millstream.adapters.service import Service, run_service, run_until_stopped
from millstream.adapters.shard_lock import ShardLock
from millstream_scheduler.explaining import Explaining
from millstream_scheduler.leases import Leases, listen_to_heartbeats
from millstream_scheduler.relay import Relay
from millstream_scheduler.snapshots import Snapshots
from millstream_scheduler.takeover import Standby
from millstream_scheduler.timers import Timers
from millstream_scheduler.writer import Writer


async def main(service: Service) -> None:
    settings = service.settings
    connection = await connect_patiently(settings.database_url, name="scheduler-migrate")
    await migrate(connection)
    await connection.close()
    bus = await Bus.connect(settings.nats_url, f"scheduler-{settings.instance}")
    lock = ShardLock(
        settings.database_url, "scheduler", settings.shard, settings.lease_s, settings.instance
    )
    database = Database(settings.database_url, name="scheduler")
    relay_database = Database(settings.database_url, name="scheduler-relay")
    snapshot_database = Database(settings.database_url, name="scheduler-snapshot")
    try:
        event_log = EventLog(database, settings.shard)
        relay_log = EventLog(relay_database, settings.shard)
        standby = Standby(bus, event_log, relay_log, settings.shard)
        if not await lock.acquire(service.stopping, standby.follow):
            return
        reach("scheduler.lock_taken")
        state = await standby.take_over()
        relay = Relay(bus, relay_log, settings, state)
        clock = asyncio.get_running_loop().time
        leases = Leases(settings.lease_s, clock)
        timers = Timers(state, settings.event_retention_s / 2)
        writer = Writer(bus, event_log, relay, leases, timers, settings, state)
        for command in standby.unfolded.values():
            writer.submit_own(command)
        snapshots = Snapshots(EventLog(snapshot_database, settings.shard), lambda: state.position)
        explaining = Explaining(bus, settings.shard, state, leases, clock)
        ear = await listen_to_heartbeats(bus, leases)
        await run_until_stopped(
            service,
            relay.run(service.ready),
            writer.run(),
            writer.pull(),
            timers.run(writer.submit_own),
            leases.run(writer.submit_own, ear.is_hearing),
            explaining.run(),
            snapshots.run(),
            lock.keep(relay.check_log),
            bus.wait_closed(),
        )
        await relay.drain()
        # The next one goes on now; a snapshot may take seconds.
        await lock.release()
        await snapshots.last()
    finally:
        await bus.close()
        await database.close()
        await relay_database.close()
        await snapshot_database.close()
        await lock.release()


if __name__ == "__main__":
    run_service("scheduler", main, needs=("nats_url", "database_url"))
