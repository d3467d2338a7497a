"""An api process of a test's own, beside that of a stack."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from integration.running_stack import RunningStack

READY_S = 30.0


@contextmanager
def own_api(stack: RunningStack, folder: Path, **settings: str) -> Iterator[str]:
    """``host:port`` of another api of a stack, with these settings (in upper case)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    state = stack.state
    folder.mkdir(parents=True, exist_ok=True)
    environment = stack.environment | {
        f"MILLSTREAM_{name}": text
        for name, text in {
            "NATS_URL": state.nats_url,
            "DATABASE_URL": state.database_url,
            "BLOB_URL": state.blob_url,
            "SECRET_KEY_FILE": str(stack.data_dir / "secret.key"),
            "INSTANCE": f"own-{port}",
            "GRPC_PORT": str(port),
            "LOG_FORMAT": "json",
            **settings,
        }.items()
    }
    ready, theirs = os.pipe()
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "millstream_api"],
            env=environment | {"MILLSTREAM_READY_FD": str(theirs)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(theirs,),
            start_new_session=True,
        )
        try:
            os.close(theirs)
            found, _, _ = select.select([ready], [], [], READY_S)
            said = (folder / "api.log").read_text()
            assert found, said
            assert os.read(ready, 16).startswith(b"ready"), said
            yield f"127.0.0.1:{port}"
        finally:
            os.close(ready)
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
