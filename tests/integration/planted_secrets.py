"""Secrets that are planted, and where they are looked for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor_pool import Default
from google.protobuf.message_factory import GetMessageClass

from millstream_api.server import SERVICES

CHUNK = 8 * 1024 * 1024
READS = ("Get", "List", "Read", "WhoAmI", "Explain", "DryRun", "Diff", "Export", "Count")
# Reads that have no end.
ENDLESS = ("WatchEvents", "WatchRun")
# The requests of all reads, as far as they have these fields.
FIELDS: dict[str, Any] = {
    "namespace": "default",
    "dag_id": "planted",
    "run_id": "planted",
    "other_run_id": "planted",
    "task_id": "tell",
    "key": "db_password",
    "conn_id": "warehouse",
    "name": "default_pool",
    "user": "*",
    "with_source": True,
    "follow": False,
}

IN_THE_OPEN = "told in the open: 5d1c77ab"
DAG_FILE = """
from millstream import DAG, PythonOperator, Variable, BaseHook

def tell(*rendered):
    connection = BaseHook.get_connection("warehouse")
    secret = Variable.get("db_password")
    print("told in the open: 5d1c77ab")
    print("told", secret, connection.password, connection.extra_dejson["api_token"])
    raise ValueError(f"cannot go on with {secret} and {connection.password}")

with DAG("planted", schedule=None):
    PythonOperator(
        task_id="tell",
        python_callable=tell,
        op_args=["{{ var.value.db_password }}", "{{ conn.warehouse.get_uri() }}", "{{ run_id }}"],
    )
"""


def files_with(folder: Path, secrets: Sequence[str], *but: str) -> list[str]:
    """The files below a folder that hold one of the secrets, but for some names."""
    wanted = [secret.encode() for secret in secrets]
    longest = max(map(len, wanted))
    found = []
    for file in sorted(folder.rglob("*")):
        if file.name in but or file.is_symlink() or not file.is_file():
            continue
        with file.open("rb") as stream:
            rest = b""
            while chunk := stream.read(CHUNK):
                data = rest + chunk
                found += [f"{file}: {one!r}" for one in wanted if one in data]
                rest = data[-longest:]
    return found


def answers_to_reads(address: str, token: str) -> Iterator[tuple[str, bytes]]:
    """Of every method that reads: its name, and what it answers or how it fails."""
    metadata = (("authorization", f"Bearer {token}"),)
    with grpc.insecure_channel(address) as channel:
        for service in SERVICES:
            methods = Default().FindServiceByName(service).methods_by_name
            for name, method in sorted(methods.items()):
                if not name.startswith(READS) or name in ENDLESS:
                    continue
                request = GetMessageClass(method.input_type)()
                for field in method.input_type.fields:
                    if field.name in FIELDS and not field.is_repeated:
                        setattr(request, field.name, FIELDS[field.name])
                kind: Any = channel.unary_stream if method.server_streaming else channel.unary_unary
                call = kind(f"/{service}/{name}")
                try:
                    answer = call(request.SerializeToString(), metadata=metadata, timeout=10)
                    parts = list(answer) if method.server_streaming else [answer]
                    yield name, b"".join(parts)
                except grpc.RpcError as error:
                    trailers = repr(error.trailing_metadata())
                    yield name, f"{error.code()} {error.details()} {trailers}".encode()
