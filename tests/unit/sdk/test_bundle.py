"""Bundles: what goes in, that the bytes are the same, and what is refused on the way out."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from millstream.sdk import bundle as bundles
from millstream.sdk.bundle import Bundle, build_bundle, unpack_bundle
from millstream.sdk.errors import BundleError


@pytest.fixture
def project(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "lib").mkdir(parents=True)
    (root / "flow.py").write_text("flow")
    (root / "lib" / "a.py").write_text("a")
    (root / "run.sh").write_text("run")
    (root / "run.sh").chmod(0o700)
    return root


def names(bundle: Bundle) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(bundle.data)).namelist()


def write(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)


def test_a_bundle_and_back(project: Path, tmp_path: Path) -> None:
    bundle = build_bundle(project / "flow.py")
    assert bundle.file == "flow.py"
    assert bundle.digest == hashlib.sha256(bundle.data).hexdigest()
    assert names(bundle) == ["flow.py", "lib/a.py", "run.sh"]
    target = tmp_path / "cache" / bundle.digest
    assert unpack_bundle(bundle.data, bundle.digest, target) == target
    assert (target / "lib" / "a.py").read_text() == "a"
    assert stat.S_IMODE((target / "run.sh").stat().st_mode) == 0o755
    assert stat.S_IMODE((target / "flow.py").stat().st_mode) == 0o644
    (target / "flow.py").write_text("changed")
    unpack_bundle(bundle.data, bundle.digest, target)
    assert (target / "flow.py").read_text() == "changed", "an unpacked bundle is not unpacked again"
    assert [path.name for path in target.parent.iterdir()] == [bundle.digest]


def test_the_bytes_depend_on_names_contents_and_the_executable_bit_only(project: Path) -> None:
    first = build_bundle(project / "flow.py")
    os.utime(project / "flow.py", (1, 1))
    (project / "flow.py").chmod(0o600)
    assert build_bundle(project / "flow.py") == first
    (project / "flow.py").write_text("other")
    assert build_bundle(project / "flow.py").digest != first.digest


def test_a_root_above(project: Path) -> None:
    bundle = build_bundle(project / "lib" / "a.py", project)
    assert (bundle.file, len(names(bundle))) == ("lib/a.py", 3)


def test_a_relative_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(project)
    assert build_bundle(Path("flow.py")) == build_bundle(project / "flow.py")


def test_what_is_left_out(project: Path, tmp_path: Path) -> None:
    write(
        project, ".git/x", ".hidden", "lib/__pycache__/a.pyc", "b.pyc", "node_modules/x", "venv/x"
    )
    write(project, "myenv/pyvenv.cfg", "myenv/lib/x.py")
    os.mkfifo(project / "fifo")
    assert names(build_bundle(project / "flow.py")) == ["flow.py", "lib/a.py", "run.sh"]


def test_symbolic_links(project: Path, tmp_path: Path) -> None:
    write(tmp_path, "secret", "outside/x")
    (project / "leaves").symlink_to(tmp_path / "secret")
    (project / "leaves_too").symlink_to(tmp_path / "outside")
    (project / "dangling").symlink_to("nowhere")
    (project / "stays").symlink_to("lib/a.py")
    (project / "library").symlink_to("lib")
    (project / "lib" / "loop").symlink_to("..")
    bundle = build_bundle(project / "flow.py")
    assert names(bundle) == ["flow.py", "lib/a.py", "library/a.py", "run.sh", "stays"]


def test_the_ignore_file(project: Path) -> None:
    write(
        project,
        "data/big.csv",
        "lib/data/x.csv",
        "lib/b.csv",
        "top.txt",
        "lib/top.txt",
        "out",
        "lib/out/x",
    )
    (project / ".millstreamignore").write_text("# a comment\n\n*.csv\n/top.txt\nout/\nlib/a*\n")
    assert names(build_bundle(project / "flow.py")) == ["flow.py", "lib/top.txt", "out", "run.sh"]


@pytest.mark.parametrize(
    ("ignored", "message"),
    [("flow.py", "left out of its own bundle"), ("!x", "patterns with '!' are not supported")],
)
def test_ignore_files_that_make_no_sense(ignored: str, message: str, project: Path) -> None:
    (project / ".millstreamignore").write_text(ignored)
    with pytest.raises(BundleError, match=message):
        build_bundle(project / "flow.py")


def test_projects_that_are_too_large(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_FILES", 2)
    with pytest.raises(
        BundleError, match=r"--root, or name what the tasks do not need in .millstreamignore"
    ):
        build_bundle(project / "flow.py")
    monkeypatch.undo()
    with (project / "big").open("wb") as file:
        file.truncate(bundles.MAX_BYTES)
    with pytest.raises(BundleError, match="or 64 MiB"):
        build_bundle(project / "flow.py")


def test_paths_that_are_wrong(project: Path) -> None:
    with pytest.raises(BundleError, match="is not a file"):
        build_bundle(project / "zzz.py")
    with pytest.raises(BundleError, match="is not inside of the root"):
        build_bundle(project / "flow.py", project / "lib")
    with pytest.raises(BundleError, match="is not a directory"):
        build_bundle(project / "flow.py", project / "zzz")


def archive(*entries: tuple[str, bytes, int]) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data, mode in entries:
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.create_system = 3
            info.external_attr = mode << 16
            made.writestr(info, data)
    return buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest()


@pytest.mark.parametrize(
    "name", ["/etc/x", "../x", "a/../../x", "a//b", "C:/x", "a\\b", "./x", "dir/"]
)
def test_names_that_leave_the_directory_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no plain relative file"):
        unpack_bundle(*archive(("ok", b"", 0), (name, b"", 0o644)), tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no plain relative file"):
        unpack_bundle(*archive(("x", b"/etc/passwd", stat.S_IFLNK | 0o777)), tmp_path / "target")


def test_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "MAX_UNPACKED_BYTES", 1000)
    with pytest.raises(BundleError, match="would unpack to more than"):
        unpack_bundle(*archive(("x", b"0" * 1001, 0)), tmp_path / "target")
    monkeypatch.undo()
    data, _ = archive(("x", b"0" * 1000, 0))
    lying = data.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(BundleError, match="cannot be unpacked"):
        unpack_bundle(lying, hashlib.sha256(lying).hexdigest(), tmp_path / "target")
    assert list(tmp_path.iterdir()) == []


def test_damaged_bundles_are_refused(tmp_path: Path) -> None:
    data, digest = archive(("x", b"x", 0))
    with pytest.raises(BundleError, match=f"not {digest}; fetch it again"):
        unpack_bundle(data + b"x", digest, tmp_path / "target")
    with pytest.raises(BundleError, match="cannot be unpacked: File is not a zip file"):
        unpack_bundle(b"zip", hashlib.sha256(b"zip").hexdigest(), tmp_path / "target")
    twice, digest = archive(("x", b"x", 0), ("x/y", b"x", 0))
    with pytest.raises(BundleError, match="cannot be unpacked"):
        unpack_bundle(twice, digest, tmp_path / "target")
    assert not (tmp_path / "target").exists()
