"""A NATS server that talks to nobody without a certificate, and one that only says so."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.certificates import Authority
from millstream.adapters.bus import Bus
from millstream.adapters.server_urls import InvalidServers
from millstream.embedded.nats import find_nats_server
from millstream.embedded.ports import PortClaims

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("nats tls"))


@pytest.fixture(scope="module")
def port(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Of a server that wants certificates."""
    folder = tmp_path_factory.mktemp("nats server")
    own = authority.sign("nats", "server")
    claims = PortClaims()
    number = claims.choose()
    files = {"cert_file": own.cert, "key_file": own.key, "ca_file": authority.file, "verify": True}
    config = folder / "nats.conf"
    config.write_text(
        json.dumps({"listen": f"127.0.0.1:{number}", "tls": files, "authorization": {"token": "t"}})
    )
    claims.close()
    process = subprocess.Popen(
        [find_nats_server(), "-c", str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield number
    process.terminate()
    process.wait(20)


async def connect(url: str, timeout_s: float) -> bool:
    """Does a client of ours get in?"""
    connecting = asyncio.ensure_future(Bus.connect(url, "a-test"))
    done, _ = await asyncio.wait([connecting], timeout=timeout_s)
    if not done:
        # nats-py may take a cancellation for the end of a try, and begin the next one.
        while not connecting.done():
            connecting.cancel()
            await asyncio.wait([connecting], timeout=0.1)
        return False
    bus = connecting.result()
    heard = asyncio.Event()
    await bus.listen("there.and.back", lambda delivery: heard.set())
    await bus.publish("there.and.back", b"x" * 100_000)
    async with asyncio.timeout(10):
        await heard.wait()
    await bus.close()
    return True


@pytest.mark.asyncio
async def test_services_show_their_certificates(port: int, authority: Authority) -> None:
    mine = authority.sign("api-1")
    at = f"nats://t@127.0.0.1:{port}?tls_ca={authority.file}"
    assert await connect(f"{at}&tls_cert={mine.cert}&tls_key={mine.key}", 60)
    assert not await connect(at, 1.0)


@pytest.mark.asyncio
async def test_a_server_without_tls_gets_no_password(authority: Authority) -> None:
    """Whoever answers in place of the server says that there is no need of TLS."""
    sent = bytearray()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_id":"x","version":"2.15.1","max_payload":1000000}\r\n')
        while data := await reader.read(1000):
            sent.extend(data)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        number = server.sockets[0].getsockname()[1]
        for at in (
            f"tls://user:planted@127.0.0.1:{number}",
            f"nats://user:planted@127.0.0.1:{number}?tls_ca={authority.file}",
        ):
            assert not await connect(at, 0.5)
    assert sent == b""


@pytest.mark.asyncio
async def test_files_that_cannot_be_used_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidServers, match="cannot be used"):
        await Bus.connect(f"nats://a:1?tls_ca={tmp_path}/none", "a-test")
