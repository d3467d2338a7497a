"""Exports for an audit: whatever is done to one afterwards is seen, by Millstream and by the script
that needs only Python."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import msgspec
import pytest

from golden.digest import play
from millstream.cli.audit_file import (
    NotAuthentic,
    UnusableFile,
    heads_path,
    verify_export,
    write_export,
)
from millstream.client.export import ChainHeads, Export
from millstream.core.wire import GENESIS, chain_digest, exported_line

SCRIPT = Path(__file__).parents[3] / "deploy" / "audit" / "verify_export.py"
Verify = Callable[[Path], None]


class FakeExport:
    """The log of the golden tests, in pieces of three lines."""

    def __init__(self, first: int = 1, *, with_line_break: bool = False) -> None:
        canonical = play()
        if with_line_break:
            canonical[4] = canonical[4].replace(b'"data":{', b'"data":{\r\n')
        digest, lines, digests = GENESIS, [], [GENESIS]
        for position, text in enumerate(canonical, 1):
            digest = chain_digest(digest, text)
            digests.append(digest)
            lines.append(exported_line(position, text, digest) + b"\n")
        self._lines = lines[first - 1 :]
        self.heads = ChainHeads(
            shard=0,
            first_position=first,
            last_position=len(lines),
            before=digests[first - 1].hex(),
            digest=digest.hex(),
        )

    def pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self._lines), 3):
            yield b"".join(self._lines[start : start + 3])


def written(path: Path, *, is_parquet: bool = False, **options: Any) -> Path:
    write_export(cast(Export, FakeExport(**options)), path, is_parquet=is_parquet)
    return path


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("verify_export", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(params=["command", "script"])
def verify(request: pytest.FixtureRequest, script: ModuleType) -> Verify:
    """Raises :class:`NotAuthentic`."""

    def by_script(path: Path) -> None:
        try:
            assert script.main([str(path)]) == 0
        except SystemExit as error:
            raise NotAuthentic(str(error.code)) from None

    def by_command(path: Path) -> None:
        verify_export(path, None, {})

    return by_script if request.param == "script" else by_command


def test_the_script_is_short_and_needs_only_python(tmp_path: Path) -> None:
    assert len(SCRIPT.read_text().splitlines()) <= 100
    path = written(tmp_path / "an export.jsonl")
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), str(path)],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={},
    )
    assert done.returncode == 0, done.stderr
    assert "Authentic: positions 1 to" in done.stdout


@pytest.mark.parametrize("first", [1, 7])
@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
def test_a_whole_log_and_a_piece_of_one(
    tmp_path: Path, verify: Verify, name: str, first: int
) -> None:
    verify(written(tmp_path / name, first=first))


def test_every_changed_byte_is_seen(tmp_path: Path, verify: Verify) -> None:
    """Each byte in turn, of a piece of the log."""
    path = written(tmp_path / "log.jsonl", first=len(play()) - 2)
    data = path.read_bytes()
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << (offset % 7)
        path.write_bytes(changed)
        with pytest.raises(NotAuthentic):
            verify(path)


def test_a_line_that_is_gone_moved_put_in_or_repeated_is_seen(
    tmp_path: Path, verify: Verify
) -> None:
    path = written(tmp_path / "log.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    gone = [lines[:number] + lines[number + 1 :] for number in range(len(lines))]
    swapped = [
        [*lines[:one], lines[other], lines[one], *lines[other + 1 :]]
        for one, other in pairwise(range(len(lines)))
    ]
    repeated = [lines[:number] + lines[number - 1 :] for number in range(1, len(lines) + 1)]
    empty = [[*lines[:number], b"\n", *lines[number:]] for number in range(len(lines) + 1)]
    for variant in [*gone, *swapped, *repeated, *empty, lines[:5], []]:
        path.write_bytes(b"".join(variant))
        with pytest.raises(NotAuthentic):
            verify(path)


def test_other_heads_are_seen(tmp_path: Path, verify: Verify) -> None:
    path = written(tmp_path / "log.jsonl", first=3)
    heads = json.loads(heads_path(path).read_text())
    for name, value in {
        "first_position": 2,
        "last_position": 4,
        "before": "0" * 64,
        "digest": "1" * 64,
        "format": "other",
        "more": 1,
    }.items():
        heads_path(path).write_text(json.dumps(heads | {name: value}))
        with pytest.raises(NotAuthentic):
            verify(path)


def test_a_new_chain_is_seen_with_a_head_that_was_kept(tmp_path: Path, script: ModuleType) -> None:
    """Who can write everything can make a chain that holds; but not one with the same digests."""
    path = written(tmp_path / "log.jsonl")
    lines = path.read_bytes().splitlines()
    kept = {position: json.loads(lines[position - 1])["digest"] for position in (4, len(lines))}
    verify_export(path, None, kept)
    digest, forged = GENESIS, []
    for number, line in enumerate(lines, 1):
        text = line[: -len(',"digest":""}') - 64] + b"}"
        text = text.replace(b'"actor":"test"', b'"actor":"mallory"') if number == 4 else text
        digest = chain_digest(digest, text)
        forged.append(exported_line(number, text, digest) + b"\n")
    path.write_bytes(b"".join(forged))
    heads = json.loads(heads_path(path).read_text())
    heads_path(path).write_text(json.dumps(heads | {"digest": digest.hex()}))
    verify_export(path, None, {})
    for position, digest_kept in kept.items():
        with pytest.raises(NotAuthentic):
            verify_export(path, None, {position: digest_kept})
        with pytest.raises(SystemExit):
            script.main([str(path), f"{position}:{digest_kept}"])
    with pytest.raises(NotAuthentic):  # a log that was cut off before the head
        verify_export(path, None, {len(lines) + 1: digest.hex()})


def test_an_event_with_line_breaks_in_it(tmp_path: Path, verify: Verify) -> None:
    path = written(tmp_path / "log.jsonl", with_line_break=True)
    assert path.read_bytes().count(b"\n") == len(play())
    verify(path)
    data = path.read_bytes()
    packed = data.index(b'"base64":"') + 20
    path.write_bytes(data[:packed] + b"A" + data[packed + 1 :])
    with pytest.raises(NotAuthentic):
        verify(path)


@pytest.mark.parametrize("with_line_break", [False, True])
def test_parquet_holds_the_same(tmp_path: Path, with_line_break: bool) -> None:
    import pyarrow.parquet as pq

    lines = written(tmp_path / "log.jsonl", with_line_break=with_line_break)
    path = written(tmp_path / "l.parquet", is_parquet=True, with_line_break=with_line_break)
    assert verify_export(path, None, {}) == verify_export(lines, None, {})
    table = pq.read_table(path)
    assert table.column("type").to_pylist()[:2] == ["EpochStarted", "DagVersionSubmitted"]
    index = table.schema.get_field_index("actor")
    forged = table.set_column(index, "actor", [["mallory"] * table.num_rows])
    pq.write_table(forged, path)
    with pytest.raises(NotAuthentic):
        verify_export(path, None, {})
    path.write_bytes(b"rubbish")
    with pytest.raises(NotAuthentic):
        verify_export(path, None, {})


def test_a_broken_export_is_not_kept(tmp_path: Path) -> None:
    export = FakeExport()
    export._lines[3] = export._lines[3].replace(b"test", b"text")
    with pytest.raises(NotAuthentic, match="Position 4"):
        write_export(cast(Export, export), tmp_path / "log.jsonl", is_parquet=False)
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_written_or_read(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile):
        written(tmp_path / "nowhere" / "log.jsonl")
    with pytest.raises(UnusableFile):
        verify_export(tmp_path / "log.jsonl", None, {})
    path = written(tmp_path / "log.jsonl.gz")
    path.write_bytes(gzip.compress(b"x" * 999)[:-10])
    with pytest.raises((UnusableFile, NotAuthentic)):
        verify_export(path, None, {})


def test_the_lines_are_the_messages_of_the_stream() -> None:
    line = next(FakeExport().pieces()).splitlines()[0]
    assert msgspec.json.decode(line)["type"] == "EpochStarted"
