"""Wires the projector, and the command that rebuilds and verifies the read tables."""

from __future__ import annotations

import sys

from millstream.adapters.bus import Bus
from millstream.adapters.service import Service, run_service, run_until_stopped
from millstream.adapters.shard_lock import ShardLock
from millstream.adapters.subjects import awaited_subject
from millstream.projection.changes import Changes
from millstream_projector.projector import Projector


async def main(service: Service) -> None:
    settings = service.settings
    name = f"projector-{settings.instance}"
    bus = await Bus.connect(settings.nats_url, name)
    events = await Bus.connect(settings.nats_url, f"{name}.events")
    lock = ShardLock(
        settings.database_url, "projector", settings.shard, settings.lease_s, settings.instance
    )
    projector = Projector(bus, events, settings)
    try:
        if not await lock.acquire(service.stopping, projector.stand_by):
            return
        feed, follower = await projector.start()
        await projector.lookups.listen()
        await projector.states.listen()
        await bus.listen(awaited_subject(settings.shard), projector.awaited.on_message)
        projector.lookups.advance(feed.position)
        projector.lookups.wrote(feed.position)
        projector.states.wrote(Changes(), feed.position)
        service.ready()
        await run_until_stopped(
            service,
            follower.run(),
            projector.run(feed),
            projector.lookups.run(),
            projector.states.run(),
            lock.keep(lambda: projector.check_log(feed)),
            bus.wait_closed(),
            events.wait_closed(),
        )
    finally:
        await events.close()
        await bus.close()
        await projector.close()
        await lock.release()


if __name__ == "__main__":
    if sys.argv[1:2] == ["rebuild"]:
        from millstream_projector.rebuild import run_rebuild

        raise SystemExit(run_rebuild(sys.argv[2:]))
    run_service("projector", main, needs=("nats_url", "database_url"))
