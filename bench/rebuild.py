"""REBUILD: the read tables from a log of a million events, as ``millstream rebuild`` makes them."""

from __future__ import annotations

import json

from bench.figures import Figure
from bench.installation import millstream, running
from bench.rig import Rig


def measure(rig: Rig) -> list[Figure]:
    rig.clear()
    log = rig.large_log()
    with running(log.data_dir, rig.options.slots, workers=0):
        told = json.loads(millstream("rebuild", "--json", "--data-dir", str(log.data_dir)))
    return [
        Figure(
            name="REBUILD",
            what=f"read tables from {told['events']:,} events",
            unit="events/s",
            samples=[told["events"] / told["seconds"]],
            reach=30_000,
            beside={"s": told["seconds"]},
        )
    ]
