"""The Postgres that Millstream embeds, with the settings that Millstream gives it, for a peer."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.embedded.ports import LOOPBACK
from millstream.embedded.postgres import (
    DATABASE,
    accepts_connections,
    database_url,
    postgres_spec,
)
from millstream.embedded.serverfile import ServerFile

# Airflow's processes and 32 slots take more than Millstream's own services do.
MAX_CONNECTIONS = 300
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0


@contextmanager
def postgres(directory: Path, port: int) -> Iterator[str]:
    """The URL of an empty database; fsync and synchronous_commit are on."""
    keys = ServerFile(
        nats_port=0,
        nats_http_port=0,
        postgres_port=port,
        user="bench",
        nats_password="",
        postgres_password=secrets.token_urlsafe(24),
    )
    spec = postgres_spec(directory, keys)
    assert spec.prepare is not None
    spec.prepare()
    # Millstream does not wait for the disk after initdb; a measurement must not meet that work.
    os.sync()
    process = subprocess.Popen(
        [*spec.launch_argv(), "-c", f"max_connections={MAX_CONNECTIONS}"],
        env=dict(spec.env),
        cwd=spec.cwd,
        stderr=(directory / "postgres.log").open("ab"),
    )
    try:
        give_up_at = time.monotonic() + START_TIMEOUT_S
        while not asyncio.run(accepts_connections(LOOPBACK, port, keys.user, DATABASE)):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise SystemExit((directory / "postgres.log").read_text())
            time.sleep(0.05)
        yield database_url(keys)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
