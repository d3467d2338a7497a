"""Logs in files: what is written is read again, and what is no log is said to be none."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from millstream.adapters.log_file import UnreadableLog, read_log, write_log
from millstream.cli import app
from millstream.cli.verification import _beside, verify_file
from millstream.core.errors import MillstreamError
from millstream.verify.rows import encode
from sealed import read_rows, seal

RECORDED = Path(__file__).parents[2] / "golden" / "recorded_log.jsonl"
GOOD = read_rows(RECORDED)


@pytest.mark.parametrize("name", ["log.jsonl", "a log.jsonl.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    with write_log(tmp_path / name) as file:
        for row in GOOD:
            file.add(row)
    assert list(read_log(tmp_path / name)) == GOOD
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_dump_is_byte_for_byte_the_stream(tmp_path: Path) -> None:
    with write_log(tmp_path / "log.jsonl") as file:
        for row in GOOD:
            file.add(row)
    assert (tmp_path / "log.jsonl").read_bytes() == RECORDED.read_bytes()


@pytest.mark.parametrize("name", ["log.jsonl", "log.jsonl.gz"])
@pytest.mark.parametrize("has_digests", [True, False])
def test_events_with_line_breaks_in_their_bytes(
    tmp_path: Path, name: str, has_digests: bool
) -> None:
    """What a task hands on is kept byte for byte, also where it was printed for people."""
    number = next(n for n, row in enumerate(GOOD) if b'"xcoms":{' in bytes(row.data))
    changed = list(GOOD)
    data = bytes(GOOD[number].data).replace(b'"xcoms":{', b'"xcoms":{\n\r\n  ')
    changed[number] = msgspec.structs.replace(GOOD[number], data=msgspec.Raw(data))
    rows = seal(changed)
    if not has_digests:
        rows = [msgspec.structs.replace(row, digest="") for row in rows]
    path = tmp_path / name
    with write_log(path) as file:
        for row in rows:
            file.add(row)
    assert list(read_log(path)) == rows
    assert verify_file(path).is_fine
    plain = gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()
    assert len(plain.splitlines()) == len(rows)


def test_what_was_not_written_whole_is_not_there(tmp_path: Path) -> None:
    def write_a_part() -> None:
        with write_log(tmp_path / "log.jsonl") as file:
            file.add(GOOD[0])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_a_part()
    assert list(tmp_path.iterdir()) == []


PACKED = gzip.compress(RECORDED.read_bytes())


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("empty.jsonl", b"", "empty"),
        ("cut.jsonl", RECORDED.read_bytes()[:-40], "Line 180"),
        ("cut.jsonl.gz", PACKED[: len(PACKED) // 2], "after line"),
        ("not.jsonl.gz", RECORDED.read_bytes(), "cannot be read"),
        ("other.jsonl", b'{"name":"somebody"}\n', "Line 1"),
        ("binary.jsonl", bytes(range(256)), "Line 1"),
        ("packed.jsonl", b'{"position":1,"base64":"e30","digest":""}\n', "Line 1"),
        ("packed.jsonl", b'{"position":1,"base64":"e30=","digest":""}\n', "Line 1"),
    ],
)
def test_what_is_no_log_is_refused(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableLog, match=said):
        list(read_log(tmp_path / name))


class TestCommand:
    def test_a_good_log(self) -> None:
        done = CliRunner().invoke(app, ["verify", "--file", str(RECORDED)])
        assert done.exit_code == 0, done.output
        assert "The log is what it must be: 180 events" in done.output
        assert "WRONG" not in done.output

    def test_a_bad_log(self, tmp_path: Path) -> None:
        bad = [*GOOD[:39], *GOOD[40:]]
        path = tmp_path / "bad.jsonl"
        path.write_bytes(b"".join(encode(row) + b"\n" for row in seal(bad)))
        done = CliRunner().invoke(app, ["verify", "--file", str(path), "--json"])
        assert done.exit_code == 1, done.output
        result = json.loads(done.output)
        assert not result["fine"]
        first = result["findings"][0]
        assert {each["check"]: each["first_position"] for each in result["checks"]}[
            first["check"]
        ] == first["position"]
        shown = CliRunner().invoke(app, ["verify", "--file", str(path)])
        assert shown.exit_code == 1
        assert "THE LOG IS WRONG" in shown.output
        assert first["message"] in shown.output

    def test_no_log(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["verify", "--file", str(tmp_path / "none")])
        assert done.exit_code == 2
        done = CliRunner().invoke(app, ["verify", "--data-dir", str(tmp_path)])
        assert done.exit_code == 2, "nothing runs there"


def test_the_death_of_the_process_beside_is_told() -> None:
    with pytest.raises(MillstreamError, match="died"), _beside(os._exit, 1) as folding:
        folding.result()


def test_a_log_without_digests_is_judged_but_for_these(tmp_path: Path) -> None:
    path = tmp_path / "plain.jsonl"
    plain = [msgspec.structs.replace(row, digest="") for row in GOOD]
    path.write_bytes(b"".join(encode(row) + b"\n" for row in plain))
    findings = verify_file(path)
    assert findings.is_fine
    assert findings.judged["fold"] == len(GOOD)
    assert findings.judged["digests"] == 0
    assert "digests" in findings.left_out
