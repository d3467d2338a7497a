"""What an installation has used up so far, read off the kernel, NATS and Postgres."""

from __future__ import annotations

import asyncio
import json
import time

from bench.cpu import cpu_seconds, own_cpu_seconds
from bench.installation import Installation
from millstream.adapters.postgres import Connection, connect
from millstream.embedded.httpget import get
from millstream.embedded.ports import LOOPBACK

# Transactions that wrote something: exact at once, unlike the counts of pg_stat_database.
_WRITES = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
_WAL = "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint"
_BACKENDS = """
SELECT pid, coalesce(nullif(application_name, ''), backend_type) AS name FROM pg_stat_activity
WHERE pid <> pg_backend_pid()
"""
_NATS = {
    "messages into NATS": "in_msgs",
    "messages out of NATS": "out_msgs",
    "bytes into NATS": "in_bytes",
    "bytes out of NATS": "out_bytes",
}


def counts(installation: Installation) -> dict[str, float]:
    """What NATS and Postgres have done since they started."""
    status, body = asyncio.run(get(LOOPBACK, installation.nats_http_port, "/varz", timeout_s=5.0))
    if status != 200:
        raise SystemExit(f"NATS does not tell what it has done: {status} {body[:200]}")
    told = json.loads(body)
    found = {name: float(told[key]) for name, key in _NATS.items()}
    return found | asyncio.run(_of_postgres(installation.state.database_url))


def cpu(installation: Installation) -> dict[str, float]:
    """Seconds by process, this one as the client. The children of a worker are told apart from
    it, and the processes of Postgres by whom they serve."""
    found = {"client": time.process_time()}
    for name, pid in {**installation.own_pids, "nats": installation.pids["nats"]}.items():
        found[name] = own_cpu_seconds(pid)
        if name.startswith("worker"):
            found[f"{name}: its children"] = cpu_seconds(pid) - found[name]
    served: dict[str, float] = {}
    for pid, name in asyncio.run(_backends(installation.state.database_url)):
        key = f"postgres: {name}"
        served[key] = served.get(key, 0.0) + own_cpu_seconds(pid)
    whole = cpu_seconds(installation.pids["postgres"])
    return found | served | {"postgres: others": whole - sum(served.values())}


async def _of_postgres(url: str) -> dict[str, float]:
    connection: Connection = await connect(url, name="bench")
    try:
        return {
            "transactions that write": float(await connection.fetchval(_WRITES)),
            "bytes of write-ahead log": float(await connection.fetchval(_WAL)),
        }
    finally:
        await connection.close()


async def _backends(url: str) -> list[tuple[int, str]]:
    connection: Connection = await connect(url, name="bench")
    try:
        return [(row["pid"], row["name"]) for row in await connection.fetch(_BACKENDS)]
    finally:
        await connection.close()
