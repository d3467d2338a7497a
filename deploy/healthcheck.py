"""Is the service of this container well?

The api and the web page are asked. Of the others the process must be there: they end by themselves
when they cannot go on, and are then started again.
"""

from __future__ import annotations

import os
import sys
import urllib.request
from pathlib import Path


def main() -> int:
    service = os.environ["SERVICE"]
    match service:
        case "web":
            port = os.environ.get("MILLSTREAM_HTTP_PORT", "27880")
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=3) as answer:
                return 0 if answer.status == 200 else 1
        case "api":
            import grpc
            from grpc_health.v1 import health_pb2, health_pb2_grpc

            port = os.environ.get("MILLSTREAM_GRPC_PORT", "27800")
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                stub = health_pb2_grpc.HealthStub(channel)
                status = stub.Check(health_pb2.HealthCheckRequest(), timeout=3).status
            return 0 if status == health_pb2.HealthCheckResponse.SERVING else 1
        case _:
            command = Path("/proc/1/cmdline").read_bytes()
            return 0 if f"millstream_{service}".encode() in command else 1


if __name__ == "__main__":
    sys.exit(main())
