from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from millstream.core.errors import MillstreamError
from millstream.embedded.nats import config_text, find_nats_server, nats_spec, nats_url
from millstream.embedded.postgres import (
    SETTINGS,
    cluster_name,
    database_url,
    find_postgres_bin,
    postgres_spec,
)
from millstream.embedded.serverfile import ServerFile
from millstream.embedded.stack import stream_sizes

KEYS = ServerFile(
    nats_port=21001,
    nats_http_port=21002,
    postgres_port=21003,
    user="u",
    nats_password="n-secret",
    postgres_password="p-secret",
)


def test_nats_listens_on_loopback_only() -> None:
    text = config_text(KEYS, Path("/data/nats"))
    assert 'listen: "127.0.0.1:21001"' in text
    assert 'http: "127.0.0.1:21002"' in text
    assert "js_ack_fc_v2: false" in text


def test_nats_accepts_its_configuration_for_any_path(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(config_text(KEYS, tmp_path / 'a "quoted" $dir'))
    done = subprocess.run(
        [find_nats_server(), "-t", "-c", str(config)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nats_leaves_processors_to_those_whom_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOMAXPROCS", raising=False)
    for cpus, threads in ((1, "1"), (2, "1"), (8, "4"), (None, "1")):
        monkeypatch.setattr("os.cpu_count", lambda cpus=cpus: cpus)
        assert nats_spec(tmp_path, KEYS).env["GOMAXPROCS"] == threads
    monkeypatch.setenv("GOMAXPROCS", "3")
    assert nats_spec(tmp_path, KEYS).env["GOMAXPROCS"] == "3"


def test_the_streams_leave_most_of_a_small_disk_free() -> None:
    small = stream_sizes(10**9, {})
    assert small == {"INBOX_MAX_BYTES": "50000000", "STREAM_MAX_BYTES": "200000000"}
    large = stream_sizes(10**12, {})
    assert large == {"INBOX_MAX_BYTES": str(1024**3), "STREAM_MAX_BYTES": str(4 * 1024**3)}
    assert stream_sizes(10**9, {"MILLSTREAM_NATS_URL": "nats://elsewhere"}) == {}
    assert "INBOX_MAX_BYTES" not in stream_sizes(10**9, {"MILLSTREAM_INBOX_MAX_BYTES": "5"})


def test_urls_carry_credentials() -> None:
    assert nats_url(KEYS) == "nats://u:n-secret@127.0.0.1:21001"
    assert database_url(KEYS) == "postgresql://u:p-secret@127.0.0.1:21003/postgres"


def test_a_server_named_by_a_path_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("MILLSTREAM_NATS_SERVER", str(program))
    monkeypatch.setenv("MILLSTREAM_POSTGRES_BIN", str(tmp_path))
    assert find_nats_server() == str(program)
    assert find_postgres_bin() == tmp_path


def test_a_path_without_a_server_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MILLSTREAM_NATS_SERVER", str(tmp_path / "none"))
    monkeypatch.setenv("MILLSTREAM_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(MillstreamError, match="MILLSTREAM_NATS_SERVER"):
        find_nats_server()
    with pytest.raises(MillstreamError, match="MILLSTREAM_POSTGRES_BIN"):
        find_postgres_bin()


def test_postgres_syncs_every_commit_and_has_no_secret_on_its_command_line(tmp_path: Path) -> None:
    spec = postgres_spec(tmp_path, KEYS)
    assert not {"fsync", "synchronous_commit", "full_page_writes"} & SETTINGS.keys()
    assert "unix_socket_directories=" in spec.argv
    assert "p-secret" not in " ".join(spec.argv)
    assert f"cluster_name={cluster_name(tmp_path / 'postgres')}" in spec.argv
