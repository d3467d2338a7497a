"""A Postgres cluster that a pytest process makes once and copies, since ``initdb`` takes half a
second of processor time."""

from __future__ import annotations

import atexit
import contextlib
import functools
import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec

from millstream.embedded import serverfile
from millstream.embedded.ports import PortClaims
from millstream.embedded.postgres import postgres_spec
from millstream.embedded.privatefile import make_private_dir, write_private


def copy_cluster(data_dir: Path) -> Path:
    """Gives a data directory that is still to be made the cluster, and the passwords for it."""
    parts = [str(_made_once() / name) for name in (serverfile.NAME, "postgres")]
    subprocess.run(["cp", "-a", *parts, str(make_private_dir(data_dir))], check=True)
    return data_dir


@functools.cache
def _made_once() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="millstream-cluster-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with contextlib.closing(PortClaims()) as claims:
        keys = serverfile.settle(folder, claims)
    prepare = postgres_spec(folder, keys).prepare
    assert prepare is not None
    prepare()
    # Each copy finds ports of its own.
    free = msgspec.structs.replace(keys, nats_port=0, nats_http_port=0, postgres_port=0)
    write_private(folder / serverfile.NAME, msgspec.json.encode(free))
    return folder
