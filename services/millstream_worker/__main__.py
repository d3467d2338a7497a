"""Wires the worker."""

from __future__ import annotations

from millstream.adapters.bus import Bus
from millstream.adapters.service import Service, run_service, run_until_stopped
from millstream_worker.worker import Worker

DRAIN_GRACE_S = 5.0


async def main(service: Service) -> None:
    bus = await Bus.connect(service.settings.nats_url, f"worker-{service.settings.instance}")
    worker = Worker(bus, service.settings)
    try:
        await worker.start()
        service.ready()
        await run_until_stopped(
            service, worker.intake.run(), worker.run(), worker.reports.run(), bus.wait_closed()
        )
        # the loops that re-send are gone: drain sends once more itself
        await worker.drain(DRAIN_GRACE_S)
    finally:
        await worker.children.close()
        await bus.close()


if __name__ == "__main__":
    run_service("worker", main, needs=("nats_url", "blob_url"))
