"""The blob store on a real S3 server and in a directory: what is stored comes back or says why not,
whatever happens on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.running_stack import eventually
from integration.s3_server import BUCKET, Proxy, S3Server
from millstream.adapters.blobs import BlobDamaged, FsspecBlobs
from millstream.core.errors import NotFound, Unavailable
from millstream_worker.blob_files import empty_scratch

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio,
    # aiohttp says so of connections that broke in the middle of an answer
    pytest.mark.filterwarnings(
        "ignore:.*Connection.__del__:pytest.PytestUnraisableExceptionWarning"
    ),
]

MB = 1024 * 1024
LARGE = os.urandom(MB) * 25  # several parts


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[Proxy]:
    proxy = Proxy(s3.port)
    yield proxy
    proxy.close()


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    return empty_scratch(tmp_path / "a scratch")


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """A place of its own for each test."""
    return f"s3://{BUCKET}/{hashlib.sha256(request.node.name.encode()).hexdigest()[:8]}"


Make = Callable[[], FsspecBlobs]


@pytest.fixture(params=["directory", "s3"])
def make(request: pytest.FixtureRequest, tmp_path: Path, prefix: str) -> Make:
    """Makes stores in the same place."""
    if request.param == "directory":
        return lambda: FsspecBlobs(str(tmp_path / "a store"))
    s3: S3Server = request.getfixturevalue("s3")
    return lambda: FsspecBlobs(prefix, s3.options())


def a_file(scratch: Path, data: bytes, name: str = "file") -> Path:
    path = scratch / name
    path.write_bytes(data)
    return path


def content(path: str) -> bytes:
    return Path(path).read_bytes()


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def key_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def started(program: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)


def overwrite(make: Make, key: str, data: bytes, s3: S3Server) -> None:
    """As somebody does who can write to the store."""
    store: Any = make()._store
    if hasattr(store, "_fs"):
        s3.files().pipe_file(store._full(f"{key[:2]}/{key}"), data)
    else:
        (store._root / key[:2] / key).write_bytes(data)


class TestBoth:
    @pytest.mark.parametrize("data", [b"", b"small", LARGE], ids=["empty", "small", "large"])
    async def test_what_one_puts_another_gets(self, make: Make, scratch: Path, data: bytes) -> None:
        key = await make().put_file(a_file(scratch, data))
        assert key == key_of(data)
        path, is_mine = await make().get_file(key, scratch)
        assert content(path) == data
        assert is_mine == path.startswith(str(scratch))
        assert await make().get(key) == data
        assert await make().put(data) == key
        assert await make().exists(key)

    async def test_what_is_not_there_says_so(self, make: Make, scratch: Path) -> None:
        store = make()
        with pytest.raises(NotFound, match="not in the blob store"):
            await store.get("0" * 64)
        with pytest.raises(NotFound, match="not in the blob store"):
            await store.get_file("0" * 64, scratch)
        with pytest.raises(NotFound, match="not in the blob store"):
            await store.get_named("logs/none")
        with pytest.raises(NotFound, match="not in the blob store"):
            await anext(store.read_named("logs/none"))
        assert not await store.exists("0" * 64)
        assert names(scratch) == []

    async def test_no_answer_is_remembered(self, make: Make) -> None:
        asks, puts = make(), make()
        key = key_of(b"late")
        assert not await asks.exists(key)
        await puts.put(b"late")
        assert await asks.exists(key)
        assert await asks.get(key) == b"late"

    async def test_what_was_tampered_with_is_seen_and_put_right_by_the_next_put(
        self, make: Make, s3: S3Server
    ) -> None:
        key = await make().put(b"the truth")
        overwrite(make, key, b"the fraud", s3)
        with pytest.raises(BlobDamaged, match=key):
            await make().get(key)
        await make().put(b"the truth")
        assert await make().get(key) == b"the truth"

    async def test_two_workers_store_the_same_at_once(self, make: Make, scratch: Path) -> None:
        files = [a_file(scratch, LARGE, f"file {n}") for n in range(4)]
        stores = [make(), make()]
        puts = [stores[n % 2].put_file(file) for n, file in enumerate(files)]
        assert set(await asyncio.gather(*puts)) == {key_of(LARGE)}
        assert await make().get(key_of(LARGE)) == LARGE

    async def test_a_file_by_name_is_replaced(self, make: Make, scratch: Path) -> None:
        name = "logs/0/default/dag/manual__2026/task/2/1.jsonl.gz"
        for data in (b"first", LARGE, b"last"):
            await make().put_named(name, a_file(scratch, data))
            assert await make().get_named(name) == data
            assert b"".join([piece async for piece in make().read_named(name)]) == data
        await make().put_named(name, a_file(scratch, b"late"), is_kept=True)
        assert await make().get_named(name) == b"last"
        assert names(scratch) == ["file"]

    async def test_the_loop_goes_on_meanwhile(self, make: Make, scratch: Path) -> None:
        longest, last = 0.0, time.monotonic()

        async def watch() -> None:
            nonlocal longest, last
            while True:
                await asyncio.sleep(0)
                now = time.monotonic()
                longest, last = max(longest, now - last), now

        store = make()
        watching = asyncio.create_task(watch())
        key = await store.put_file(a_file(scratch, LARGE))
        await store.get_file(key, scratch)
        watching.cancel()
        assert longest < 0.5

    async def test_one_that_is_killed_leaves_nothing_to_read(
        self, make: Make, scratch: Path, s3: S3Server, proxy: Proxy, prefix: str
    ) -> None:
        """S3 has no blob; in the directory is one that nobody asks for and that is swept later."""
        is_s3 = hasattr(make()._store, "_fs")
        store: Any = make()._store
        where = (prefix, s3.options(proxy.port)) if is_s3 else (str(store._root), {})
        program = (
            "import asyncio, sys\n"
            "from millstream.adapters.blobs import FsspecBlobs\n"
            f"store = FsspecBlobs(*{where!r})\n"
            "sys.stdin.readline()\n"
            "asyncio.run(store.put(b'x' * 100_000_000))\n"
        )
        process = started(program)
        assert process.stdin is not None
        if is_s3:
            proxy.is_stalled, proxy.limit = True, MB
        process.stdin.write(b"\n")
        process.stdin.flush()
        temporaries = None if is_s3 else store._temporaries
        if temporaries is None:
            eventually("it uploads", lambda: proxy.swallowed > 0)
        else:
            eventually("it writes", lambda: temporaries.is_dir() and any(temporaries.iterdir()))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdin.close()
        key = key_of(b"x" * 100_000_000)
        assert not await make().exists(key)
        if temporaries is not None:
            (left,) = temporaries.iterdir()
            make()
            assert left.exists()  # somebody may write it at this moment
            os.utime(left, (0, 0))
            make()
            assert not left.exists()


class TestS3Fails:
    async def test_a_large_file_goes_up_in_parts(
        self, s3: S3Server, prefix: str, scratch: Path
    ) -> None:
        key = await FsspecBlobs(prefix, s3.options()).put_file(a_file(scratch, LARGE))
        assert s3.files().info(f"{prefix}/{key[:2]}/{key}")["ETag"].endswith('-4"')

    async def test_a_bucket_that_is_not_there(self, s3: S3Server, scratch: Path) -> None:
        store = FsspecBlobs("s3://no-such-bucket/prefix", s3.options(), patience_s=60)
        for asked in (
            store.put(b"x"),
            store.put_file(a_file(scratch, LARGE)),
            store.get("0" * 64),
            store.get_file("0" * 64, scratch),
        ):
            with pytest.raises(Unavailable, match=r"bucket does not exist.*s3://no-such-bucket"):
                await asked

    async def test_a_service_that_starts_says_that_its_store_is_of_no_use(
        self, s3: S3Server, prefix: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for url, is_wrong in ((prefix, False), ("s3://no-such-bucket/prefix", True)):
            store = FsspecBlobs(url, s3.options())
            store.check()
            assert store._checking is not None
            await store._checking
            assert ("blob_store_unusable" in capsys.readouterr().out) == is_wrong

    async def test_credentials_that_are_wrong(
        self, s3: S3Server, prefix: str, scratch: Path
    ) -> None:
        store = FsspecBlobs(prefix, s3.options(), patience_s=60)
        s3.demand_known_keys(True)
        try:
            for asked in (store.put(b"x"), store.get("0" * 64), store.exists("0" * 64)):
                with pytest.raises(Unavailable, match=r"(?i)access|forbidden"):
                    await asked
        finally:
            s3.demand_known_keys(False)

    async def test_no_credentials_at_all(
        self, s3: S3Server, prefix: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(tmp_path))
        monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        store = FsspecBlobs(prefix, {"endpoint_url": s3.url, "anon": False}, patience_s=60)
        with pytest.raises(Unavailable, match=r"(?i)credentials"):
            await store.put(b"x")

    async def test_a_server_that_is_away_for_a_while(
        self, s3: S3Server, prefix: str, proxy: Proxy, scratch: Path
    ) -> None:
        impatient = FsspecBlobs(prefix, s3.options(proxy.port), patience_s=0)
        store = FsspecBlobs(prefix, s3.options(proxy.port), patience_s=60)
        proxy.is_refusing = True
        with pytest.raises(Unavailable, match="does not take"):
            await impatient.put(b"x")
        putting = asyncio.create_task(store.put_file(a_file(scratch, LARGE)))
        await asyncio.wait((putting,), timeout=1)
        assert not putting.done()
        proxy.is_refusing = False
        key = await putting
        proxy.is_refusing = True
        getting = asyncio.create_task(store.get_file(key, scratch))
        await asyncio.wait((getting,), timeout=1)
        assert not getting.done()
        proxy.is_refusing = False
        path, _ = await getting
        assert content(path) == LARGE

    async def test_a_connection_that_breaks_in_the_middle(
        self, s3: S3Server, prefix: str, proxy: Proxy, scratch: Path
    ) -> None:
        store = FsspecBlobs(prefix, s3.options(proxy.port), patience_s=60)
        proxy.cuts, proxy.limit = 5, 3 * MB
        key = await store.put_file(a_file(scratch, LARGE))
        assert proxy.cuts == 0
        proxy.cuts = 5
        path, _ = await store.get_file(key, scratch)
        assert proxy.cuts == 0
        assert content(path) == LARGE
        proxy.cuts = 2
        assert await store.get(key) == LARGE
        assert names(scratch) == sorted([os.path.basename(path), "file"])

    async def test_a_server_that_says_nothing(
        self, s3: S3Server, prefix: str, proxy: Proxy
    ) -> None:
        timeouts = {"config_kwargs": {"read_timeout": 0.3, "connect_timeout": 0.3}}
        store = FsspecBlobs(prefix, s3.options(proxy.port) | timeouts, patience_s=1)
        proxy.is_stalled = True
        with pytest.raises(Unavailable, match=r"(?i)time"):
            await store.put(b"x")
        with pytest.raises(Unavailable, match=r"(?i)time"):
            await store.get("0" * 64)
