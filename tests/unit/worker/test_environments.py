"""Environments of bundles: made with uv from wheels on this machine, once, and none that is in use
goes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from importlib import metadata
from pathlib import Path

import pytest

from millstream_worker.environments import Environments
from millstream_worker.sdk_wheels import make_wheels, preferred_versions
from millstream_worker.uv import EnvironmentNotMade, masked
from tiny_wheels import write_clash, write_slow_source, write_wheel

NO_INDEX = "--find-links ./wheels\n--no-index\n"


class World:
    """A bundle, and the state directory that workers share."""

    def __init__(self, place: Path) -> None:
        self.state = place / "a state"
        self.bundle = place / "bundle"
        self.bundle.mkdir()
        for version in ("1.0", "2.0"):
            write_clash(self.bundle / "wheels", version)

    def write(self, name: str, text: str) -> None:
        (self.bundle / name).write_text(text)

    def made(self, worker: Environments | None = None, bundle: str = "b1") -> str:
        own = Environments(self.state)
        name = asyncio.run((worker or own).of(bundle, self.bundle, "dag.py"))
        own.close()
        return name

    def says(self, name: str, code: str = "import tinyclash; print(tinyclash.VERSION)") -> str:
        python = Environments(self.state).python(name)
        done = subprocess.run(
            [python, "-c", code], capture_output=True, text=True, check=True, cwd="/"
        )
        return done.stdout.strip()

    def kept(self) -> set[str]:
        return {path.name for path in (self.state / "environments").iterdir() if path.is_dir()}


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.write("dag.py", "")
    return made


def test_what_a_child_imports_is_in_every_environment() -> None:
    code = """
        import importlib, json, pkgutil, sys
        import millstream.sdk, millstream_worker.child, millstream_worker.trigger_host
        for found in pkgutil.walk_packages(millstream.sdk.__path__, "millstream.sdk."):
            if not found.name.endswith("__main__"):
                importlib.import_module(found.name)
        packages = {name.partition(".")[0] for name in sys.modules}
        print(json.dumps(sorted(packages - sys.stdlib_module_names)))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    owners = metadata.packages_distributions()
    imported = {
        owner.lower().replace("_", "-")
        for package in json.loads(done.stdout)
        for owner in owners.get(package, [])
    }
    # setuptools hooks itself into every Python; who imports typing_extensions can do without.
    ours = {"millstream", "setuptools", "typing-extensions"}
    assert imported - ours <= set(preferred_versions())


def test_the_wheels_of_the_workers_own_packages(tmp_path: Path) -> None:
    folder = make_wheels(tmp_path / "one")
    names = sorted(path.name for path in folder.iterdir())
    assert {name.partition("-")[0] for name in names} >= {"millstream", "msgspec", "pendulum"}
    again = make_wheels(tmp_path / "two")
    assert again.name == folder.name
    for name in names:
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_an_environment_has_what_is_asked_for_and_nothing_else_of_the_worker(world: World) -> None:
    world.write("requirements.txt", f"tinyclash<2\n{NO_INDEX}")
    name = world.made()
    assert world.says(name) == "1.0"
    code = "import millstream, millstream_worker.child, sys; print(millstream.__version__)"
    assert world.says(name, code)
    with pytest.raises(subprocess.CalledProcessError):
        world.says(name, "import nats")


def test_bundles_that_want_the_same_share_an_environment(world: World) -> None:
    world.write("requirements.txt", f"tinyclash==1.0\n{NO_INDEX}")
    first = world.made(bundle="b1")
    world.write("dag.py", "changed = True\n")
    assert world.made(bundle="b2") == first
    world.write("requirements.txt", f"tinyclash==2.0\n{NO_INDEX}")
    assert world.made(bundle="b3") != first
    write_wheel(world.bundle / "wheels", "tinyclash", "2.0", "VERSION = 'other'\n")
    name = world.made(bundle="b4")
    assert world.says(name) == "other", "the same version with another content is another one"


def test_it_is_made_once_for_all_who_wait_in_two_workers(world: World, tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_slow_source(world.bundle / "slow", place)
    world.write("requirements.txt", "./slow\n--no-index\n")

    async def both() -> tuple[set[str], list[str]]:
        workers = [Environments(world.state), Environments(world.state)]
        tasks = [
            asyncio.create_task(worker.of("b", world.bundle, "dag.py"))
            for worker in workers
            for _ in range(5)
        ]
        builders = []
        await asyncio.to_thread(_wait_for, place / "begun")
        builders.append(_read(place / "begun"))
        await asyncio.to_thread((place / "go on").touch)
        names = set(await asyncio.gather(*tasks))
        return names, [*builders, _read(place / "begun")]

    names, builders = asyncio.run(both())
    assert world.kept() == names
    assert len(names) == 1
    assert len(set(builders)) == 1, "built once"


KILLED = """
    import asyncio, sys
    from pathlib import Path
    from millstream_worker.environments import Environments

    asyncio.run(Environments(Path(sys.argv[1])).of("b", Path(sys.argv[2]), "dag.py"))
"""


def test_a_worker_that_is_killed_while_it_makes_one(world: World, tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_slow_source(world.bundle / "slow", place)
    world.write("requirements.txt", "./slow\n--no-index\n")
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(KILLED), str(world.state), str(world.bundle)]
    ) as worker:
        _wait_for(place / "begun")
        worker.send_signal(signal.SIGKILL)
    (half,) = world.kept()
    assert not (world.state / "environments" / f"{half}.json").exists()
    (place / "go on").touch()  # what it had started may end now
    assert world.says(world.made(bundle="b"), "import tinyslow; print(1)") == "1"


def test_nobody_waits_any_more(world: World, tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_slow_source(world.bundle / "slow", place)
    world.write("requirements.txt", "./slow\n--no-index\n")

    async def give_up() -> None:
        worker = Environments(world.state)
        waiting = [asyncio.create_task(worker.of("b", world.bundle, "dag.py")) for _ in range(2)]
        await asyncio.to_thread(_wait_for, place / "begun")
        builder = int(_read(place / "begun"))
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        os.kill(builder, 0)
        waiting[1].cancel()
        await asyncio.gather(waiting[1], return_exceptions=True)
        assert _read(Path(f"/proc/{builder}/stat")).rpartition(")")[2].split()[:1] in ([], ["Z"])

    asyncio.run(give_up())
    assert world.kept() == set()


def test_who_comes_when_the_last_one_went_begins_anew(world: World, tmp_path: Path) -> None:
    place = tmp_path / "place"
    write_slow_source(world.bundle / "slow", place)
    world.write("requirements.txt", "./slow\n--no-index\n")

    async def come_and_go() -> str:
        worker = Environments(world.state)
        first = asyncio.create_task(worker.of("b", world.bundle, "dag.py"))
        await asyncio.to_thread(_wait_for, place / "begun")
        first.cancel()
        await asyncio.sleep(0)
        second = asyncio.create_task(worker.of("b", world.bundle, "dag.py"))
        await asyncio.gather(first, return_exceptions=True)
        await asyncio.to_thread((place / "go on").touch)
        return await second

    name = asyncio.run(come_and_go())
    assert world.kept() == {name}


def test_the_least_recently_used_goes_first_and_never_one_in_use(world: World) -> None:
    names = {}
    used, worker = Environments(world.state, 1), Environments(world.state, 1)
    for version, maker in (("1.0", used), ("2.0", worker)):
        world.write("requirements.txt", f"tinyclash=={version}\n{NO_INDEX}")
        names[version] = world.made(maker, version)
        maker.take(names[version])
    assert world.kept() == set(names.values()), "more than there is room for, but in use"
    used.give_back(names["1.0"])
    used.close()
    world.write("requirements.txt", NO_INDEX)
    last = world.made(worker, "b3")
    assert world.kept() == {names["2.0"], last}


def test_hashes_that_are_given_are_checked(world: World) -> None:
    wrong = f"--hash=sha256:{'1' * 64}"
    world.write("requirements.txt", f"tinyclash==1.0 {wrong}\n{NO_INDEX}")
    with pytest.raises(EnvironmentNotMade, match=r"(?s)overlapping.*tinyclash==1\.0"):
        world.made()
    assert world.kept() == set()


def test_a_uv_lock_decides(world: World) -> None:
    project = (
        '[project]\nname = "mine"\nversion = "1"\nrequires-python = ">=3.11"\n'
        'dependencies = ["tinyclash<2"]\n[tool.uv]\nno-index = true\nfind-links = ["wheels"]\n'
    )
    world.write("pyproject.toml", project)
    uv = Path(sys.executable).parent / "uv"
    subprocess.run([uv, "lock", "--quiet"], cwd=world.bundle, check=True)
    write_clash(world.bundle / "wheels", "1.9")
    assert world.says(world.made()) == "1.0", "not the newest that there is now"
    world.write("pyproject.toml", project.replace("<2", ">=2"))
    with pytest.raises(EnvironmentNotMade, match=r"Reading uv\.lock failed"):
        world.made(bundle="b2")


def test_what_is_cached_needs_no_packages_any_more(world: World) -> None:
    world.write("requirements.txt", f"tinyclash==1.0\n{NO_INDEX}")
    name = world.made()
    for wheel in (world.bundle / "wheels").iterdir():
        wheel.unlink()
    assert world.made() == name


def test_a_lock_that_cannot_be_installed_any_more_is_made_anew(world: World) -> None:
    world.write("requirements.txt", f"tinyclash\n{NO_INDEX}")
    first = world.made()
    (world.bundle / "wheels" / "tinyclash-2.0-py3-none-any.whl").unlink()
    for path in (world.state / "environments").glob("*.json"):
        path.unlink()
    second = world.made()
    assert second != first
    assert world.says(second) == "1.0"


def test_without_uv_it_is_said_what_to_do(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world.write("requirements.txt", f"tinyclash==1.0\n{NO_INDEX}")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(EnvironmentNotMade, match="install it beside the worker's Python"):
        world.made()


def test_secrets_are_not_shown() -> None:
    said = "cannot reach https://me:planted@host/simple nor 'https://token@host', key hidden1"
    assert masked(said, {"UV_INDEX_OURS_PASSWORD": "hidden1", "OTHER": "cannot"}) == (
        "cannot reach https://***@host/simple nor 'https://***@host', key ***"
    )


def test_what_uv_builds_sees_no_secret_of_the_worker(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    place = tmp_path / "place"
    write_slow_source(world.bundle / "slow", place)
    (place / "go on").touch()
    backend = world.bundle / "slow" / "backend.py"
    backend.write_text(backend.read_text() + "\n(PLACE / 'env').write_text(repr(os.environ))\n")
    world.write("requirements.txt", "./slow\n--no-index\n")
    monkeypatch.setenv("MILLSTREAM_SECRET_KEY", "planted")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    world.made()
    seen = (place / "env").read_text()
    assert "PATH" in seen
    assert "planted" not in seen


def _wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not _read(file):
        assert time.monotonic() < deadline, f"no {file}"
        time.sleep(0.01)


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
