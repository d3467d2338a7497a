from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from millstream.core.errors import MillstreamError
from millstream.embedded.nats import config_text, find_nats_server, nats_url, store_bound
from millstream.embedded.postgres import (
    SETTINGS,
    cluster_name,
    database_url,
    find_postgres_bin,
    postgres_spec,
)
from millstream.embedded.serverfile import ServerFile

KEYS = ServerFile(
    nats_port=21001,
    nats_http_port=21002,
    postgres_port=21003,
    user="u",
    nats_password="n-secret",
    postgres_password="p-secret",
)


def test_nats_listens_on_loopback_only() -> None:
    text = config_text(KEYS, Path("/data/nats"), 1024)
    assert 'listen: "127.0.0.1:21001"' in text
    assert 'http: "127.0.0.1:21002"' in text
    assert "max_file_store: 1024" in text
    assert "js_ack_fc_v2: false" in text


def test_nats_accepts_its_configuration_for_any_path(tmp_path: Path) -> None:
    config = tmp_path / "nats.conf"
    config.write_text(config_text(KEYS, tmp_path / 'a "quoted" $dir', 1024))
    done = subprocess.run(
        [find_nats_server(), "-t", "-c", str(config)], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_store_is_bounded_by_the_disk() -> None:
    assert store_bound(10**9, 0) == 8 * 10**8
    assert store_bound(10**12, 0) == 20 * 1024**3
    # What it stores already does not make room smaller from one start to the next.
    assert store_bound(6 * 10**8, 4 * 10**8) == store_bound(10**9, 0)


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
