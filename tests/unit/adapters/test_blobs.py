"""The blob store without a server: what it is made from, and a disk that takes nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from millstream.adapters.blob_bucket import credential_names
from millstream.adapters.blobs import FsspecBlobs
from millstream.adapters.settings import InvalidSettings, read_settings

ENVIRON = {
    "AWS_ACCESS_KEY_ID": "k",
    "AWS_SECRET_ACCESS_KEY": "s",
    "AWS_ENDPOINT_URL": "e",
    "FSSPEC_S3_SECRET": "s",
    "FSSPEC_S3": "{}",
    "FSSPEC_S3X": "another protocol",
}
AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"}
FSSPEC = {"FSSPEC_S3", "FSSPEC_S3_SECRET"}


@pytest.mark.parametrize(
    ("url", "options", "hidden"),
    [
        ("/blobs", {}, set()),
        ("file:///blobs", {}, set()),
        ("memory://blobs", {}, set()),
        ("s3://bucket/prefix", {}, AWS | FSSPEC),
        ("s3://bucket/prefix", {"endpoint_url": "http://here"}, AWS | FSSPEC),
        ("s3://bucket/prefix", {"key": "k", "secret": "s"}, FSSPEC),
    ],
)
def test_tasks_do_not_get_what_the_store_is_opened_with(
    url: str, options: dict[str, str], hidden: set[str]
) -> None:
    assert set(credential_names(url, options, ENVIRON)) == hidden


@pytest.mark.parametrize("url", ["nonsense://x", "s4://bucket"])
def test_a_url_that_cannot_be_used_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(InvalidSettings, match="MILLSTREAM_BLOB_URL"):
        FsspecBlobs(url)


def test_an_option_that_is_none_is_a_wrong_setting() -> None:
    with pytest.raises(InvalidSettings, match="MILLSTREAM_BLOB_OPTIONS"):
        FsspecBlobs("s3://bucket", {"config_kwargs": "text"})


def test_options_are_a_json_object() -> None:
    settings = read_settings({"MILLSTREAM_BLOB_OPTIONS": '{"key": "k", "n": {"a": 1}}'})
    assert settings.blob_options == {"key": "k", "n": {"a": 1}}
    assert read_settings({"MILLSTREAM_BLOB_OPTIONS": ""}).blob_options == {}
    for wrong in ("secret text", "[1]", "1"):
        with pytest.raises(InvalidSettings, match="MILLSTREAM_BLOB_OPTIONS is no JSON") as caught:
            read_settings({"MILLSTREAM_BLOB_OPTIONS": wrong})
        assert "secret" not in str(caught.value)


def test_a_disk_that_takes_no_more_is_a_clear_error_and_leaves_nothing(tmp_path: Path) -> None:
    """In a process that may write files of 100 kB."""
    program = f"""
import asyncio, resource
from pathlib import Path
from millstream.adapters.blobs import FsspecBlobs
from millstream.core.errors import Unavailable
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    asyncio.run(FsspecBlobs({str(tmp_path / "a store")!r}, patience_s=60).put(b"x" * 200_000))
except Unavailable as error:
    print(error)
"""
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=20, check=True
    )
    assert "The blob store does not take the blob: [Errno 27] File too large" in said.stdout
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
