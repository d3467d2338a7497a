"""The bundle cache: what it gives is what was submitted, whatever happened to its directory."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.adapters.blobs import BlobDamaged, FsspecBlobs
from millstream.core.errors import NotFound, Unavailable
from millstream.sdk.bundle import Bundle, build_bundle
from millstream.sdk.errors import BundleError
from millstream_worker.bundles import Bundles

KIB = 1024


class World:
    """A blob store, and the directory that workers share."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.blobs = FsspecBlobs(str(place / "the blobs"))
        self.cache = place / "a cache"

    def submit(self, number: int = 0, size: int = 10) -> str:
        bundle = self._bundle(number, size)
        assert asyncio.run(self.blobs.put(bundle.data)) == bundle.digest
        return bundle.digest

    def _bundle(self, number: int, size: int) -> Bundle:
        project = self.place / f"project {number}"
        (project / "package").mkdir(parents=True, exist_ok=True)
        (project / "dag.py").write_text(f"NUMBER = {number}\n")
        (project / "package" / "data.txt").write_text("x" * size)
        return build_bundle(project / "dag.py")

    def worker(self, most_bytes: int = 0) -> Bundles:
        return Bundles(self.blobs, self.cache, most_bytes)

    def fetched(self, digest: str, worker: Bundles | None = None) -> Path:
        return asyncio.run((worker or self.worker()).fetch(digest))

    def blob(self, digest: str) -> Path:
        return self.place / "the blobs" / digest[:2] / digest

    def kept(self) -> set[str]:
        return {path.name for path in self.cache.iterdir() if path.is_dir()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_a_bundle_is_fetched_once_however_many_wait(world: World) -> None:
    digest, worker = world.submit(7), world.worker()

    async def fetch_all() -> set[Path]:
        return set(await asyncio.gather(*(worker.fetch(digest) for _ in range(20))))

    (folder,) = asyncio.run(fetch_all())
    assert (folder / "dag.py").read_text() == "NUMBER = 7\n"
    world.blob(digest).unlink()
    assert world.fetched(digest, worker) == folder
    assert world.fetched(digest) == folder, "the next life of the worker finds it"


def test_a_blob_that_is_gone_or_damaged_is_refused(world: World) -> None:
    digest = world.submit()
    good = world.blob(digest).read_bytes()
    world.blob(digest).write_bytes(good.replace(b"NUMBER", b"NUMBEr"))
    worker = world.worker()
    with pytest.raises(BlobDamaged, match="is damaged"):
        world.fetched(digest, worker)
    world.blob(digest).unlink()
    with pytest.raises(NotFound):
        world.fetched(digest, worker)
    assert world.kept() == set()
    world.blob(digest).write_bytes(good)
    assert (world.fetched(digest, worker) / "dag.py").exists()


@pytest.mark.parametrize(
    "hurt",
    [
        lambda folder: (folder / "dag.py").write_text("NUMBER = 1\n"),
        lambda folder: (folder / "json.py").write_text("in the way"),
        lambda folder: (folder / "package" / "data.txt").unlink(),
        lambda folder: (folder / "etc").symlink_to("/etc"),
        lambda folder: (folder / "dag.py").unlink() or (folder / "dag.py").mkdir(),
        lambda folder: (folder.parent / f"{folder.name}.json").write_bytes(b"\0rubbish"),
        lambda folder: (folder.parent / f"{folder.name}.json").unlink(),
    ],
)
def test_a_folder_that_somebody_changed_is_fetched_again(
    world: World, hurt: Callable[[Path], object]
) -> None:
    digest = world.submit()
    folder = world.fetched(digest)
    hurt(folder)
    folder = world.fetched(digest)
    assert (folder / "dag.py").read_text() == "NUMBER = 0\n"
    assert sorted(path.name for path in folder.rglob("*")) == ["dag.py", "data.txt", "package"]


def test_what_python_compiled_there_is_no_change(world: World) -> None:
    digest = world.submit()
    folder = world.fetched(digest)
    (folder / "package" / "__pycache__").mkdir()
    (folder / "package" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    world.blob(digest).unlink()
    assert world.fetched(digest) == folder


def test_the_least_recently_used_goes_first_and_never_one_in_use(world: World) -> None:
    digests = [world.submit(number, 100 * KIB) for number in range(4)]
    used, old, new, last = digests
    worker, other = world.worker(250 * KIB), world.worker(250 * KIB)
    world.fetched(used, other)
    other.take(used)
    for position, digest in enumerate((old, new)):
        world.fetched(digest, worker)
        moment = time.time() - 100 + position
        os.utime(world.cache / f"{digest}.json", (moment, moment))
    assert world.kept() == {used, new}, "the third was one too many"
    assert not worker.has(old), "and it is fetched again when somebody wants it"
    other.give_back(used)
    os.utime(world.cache / f"{used}.json", (1, 1))
    worker.take(new)
    world.fetched(last, worker)
    assert {new, last} <= world.kept()


def test_what_is_idle_is_let_go(world: World) -> None:
    digest, next_one = world.submit(0, 100 * KIB), world.submit(1, 100 * KIB)
    worker, other = world.worker(150 * KIB), world.worker(150 * KIB)
    world.fetched(digest, worker)
    worker.tend(time.monotonic() + 3600)
    world.fetched(next_one, other)
    assert world.kept() == {next_one}
    assert not worker.has(digest)
    assert (world.fetched(digest, worker) / "dag.py").exists()


KILLED = """
    import asyncio, os, signal, sys
    from pathlib import Path
    from millstream.adapters.blobs import FsspecBlobs
    from millstream_worker.bundles import Bundles

    def watch(event, arguments):
        if event == "open" and sys.argv[4] in str(arguments[0]) and arguments[2] & os.O_WRONLY:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    bundles = Bundles(FsspecBlobs(sys.argv[1]), Path(sys.argv[2]))
    asyncio.run(bundles.fetch(sys.argv[3]))
"""


def run_worker(world: World, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            sys.executable,
            "-c",
            textwrap.dedent(code),
            str(world.place / "the blobs"),
            str(world.cache),
            *words,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("where", ["data.txt", ".json."])
def test_a_worker_that_is_killed_while_it_unpacks(world: World, where: str) -> None:
    digest = world.submit()
    killed = run_worker(world, KILLED, digest, where)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder = world.fetched(digest)
    assert (folder / "package" / "data.txt").read_text() == "x" * 10
    for draft in world.cache.glob(".*"):
        os.utime(draft, (1, 1))
    world.fetched(world.submit(1))
    assert not list(world.cache.glob(".*")), "what it left is removed in time"


FULL = """
    import asyncio, resource, sys
    from pathlib import Path
    from millstream.adapters.blobs import FsspecBlobs
    from millstream_worker.bundles import Bundles

    resource.setrlimit(resource.RLIMIT_FSIZE, (16384, 16384))
    bundles = Bundles(FsspecBlobs(sys.argv[1]), Path(sys.argv[2]))
    try:
        asyncio.run(bundles.fetch(sys.argv[3]))
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_a_full_disk_is_said_and_leaves_nothing_behind(world: World) -> None:
    small, large = world.submit(1), world.submit(2, 64 * KIB)
    earlier = world.worker()
    world.fetched(small, earlier)
    earlier.close()
    said = run_worker(world, FULL, large).stdout
    assert "\nBundleError the bundle cannot be unpacked: [Errno 27] File too large" in said
    assert world.kept() == set(), "room was made, and that was not enough"
    assert (world.fetched(large) / "dag.py").exists()


def test_a_cache_that_cannot_be_written(world: World) -> None:
    digest = world.submit()
    worker = world.worker()
    world.cache.rmdir()
    world.cache.write_text("a file")
    with pytest.raises(Unavailable, match=r"The bundle cache .* cannot be written"):
        world.fetched(digest, worker)


def test_a_bundle_that_leaves_its_folder_is_refused(world: World) -> None:
    import io
    import zipfile

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../outside.py", "")
    digest = asyncio.run(world.blobs.put(buffer.getvalue()))
    with pytest.raises(BundleError, match="no plain relative file"):
        world.fetched(digest)
    assert not (world.place / "outside.py").exists()
