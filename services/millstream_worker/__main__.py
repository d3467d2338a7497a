"""Wires the worker."""

from __future__ import annotations

import asyncio

from millstream.adapters.bus import Bus
from millstream.adapters.service import Service, run_service, run_until_stopped
from millstream_worker.spool import holding, spool_folder
from millstream_worker.worker import Worker


async def main(service: Service) -> None:
    settings = service.settings
    spool = spool_folder(settings.state_dir, settings.instance)
    async with holding(spool, settings.instance):
        bus = await Bus.connect(settings.nats_url, f"worker-{settings.instance}")
        worker = Worker(bus, settings)
        try:
            await worker.start()
            service.ready()
            running = asyncio.ensure_future(worker.run())
            await run_until_stopped(
                service, worker.intake.run(), _ended(running), bus.wait_closed()
            )
            await worker.drain(service.hurrying)
            running.cancel()
        finally:
            await worker.close()
            await bus.close()


async def _ended(task: asyncio.Task[None]) -> None:
    """As the task itself, which lives on when this is cancelled."""
    await asyncio.shield(task)


if __name__ == "__main__":
    run_service("worker", main, needs=("nats_url", "blob_url"))
