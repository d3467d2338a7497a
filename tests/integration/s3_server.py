"""An S3 server for the tests, moto's in a process of its own, and a proxy that spoils the way."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import fsspec

from integration.running_stack import eventually

BUCKET = "millstream-tests"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "the-key",
    "AWS_SECRET_ACCESS_KEY": "the-secret-of-the-store",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


class S3Server:
    """moto's server on a port that is free."""

    def __init__(self, directory: Path) -> None:
        self._log = directory / "moto.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
                stdout=log,
                stderr=log,
                env=os.environ | CREDENTIALS,
            )
        eventually("the S3 server listens", lambda: bool(self._found_port()), 60)
        self.port = self._found_port()
        self.files().mkdir(BUCKET)

    def _found_port(self) -> int:
        found = re.search(r"http://127\.0\.0\.1:(\d+)", self._log.read_text())
        return int(found[1]) if found else 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def options(self, port: int = 0) -> dict[str, Any]:
        """fsspec's options for it, or for a proxy before it."""
        return {
            "key": CREDENTIALS["AWS_ACCESS_KEY_ID"],
            "secret": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            "endpoint_url": f"http://127.0.0.1:{port or self.port}",
        }

    def files(self) -> Any:
        """As somebody else sees what is stored."""
        return fsspec.filesystem(
            "s3", **self.options(), use_listings_cache=False, skip_instance_cache=True
        )

    def demand_known_keys(self, is_on: bool) -> None:
        """With it, the key of these tests is refused as well: it was never issued."""
        count = b"0" if is_on else b"1000000000"
        asked = urllib.request.Request(f"{self.url}/moto-api/reset-auth", count)
        asked.add_header("Content-Type", "text/plain")
        with urllib.request.urlopen(asked):
            pass

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)


class Proxy:
    """Passes bytes on to a port. After ``limit`` bytes in one direction it hangs up, for the next
    ``cuts`` connections that get so far, or swallows the rest, if ``is_stalled``."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.cuts = 0
        self.limit = 0
        self.is_stalled = False
        self.swallowed = self.passed = 0
        self.is_refusing = False
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _serve(self) -> None:
        while True:
            try:
                ours, _ = self._listener.accept()
            except OSError:
                return
            if self.is_refusing:
                ours.close()
                continue
            theirs = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [ours, theirs]
            for one, other in ((ours, theirs), (theirs, ours)):
                threading.Thread(target=self._pass_on, args=(one, other), daemon=True).start()

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        passed = 0
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                passed += len(data)
                self.passed += len(data)
                if self.is_stalled and passed > self.limit:
                    self.swallowed += len(data)
                    continue
                if self.cuts and passed > self.limit:
                    self.cuts -= 1
                    break
                other.sendall(data)
        for each in (one, other):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
