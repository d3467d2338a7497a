from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest

from millstream.core.errors import MillstreamError
from millstream.embedded.ports import LOOPBACK, PortClaims, PortTaken
from millstream.embedded.stack import Options, Stack, build_stack

EXTERNAL = {
    "MILLSTREAM_NATS_URL": "nats://elsewhere:4222",
    "MILLSTREAM_DATABASE_URL": "postgresql://elsewhere/db",
    "MILLSTREAM_LOG_LEVEL": "DEBUG",
    "MILLSTREAM_HTTP_PORT": "1",
}


def built(options: Options, environ: dict[str, str]) -> Stack:
    with contextlib.closing(PortClaims()) as claims:
        return build_stack(options, claims, environ)


def stack(data_dir: Path, **changes: Any) -> Stack:
    return built(Options(data_dir=data_dir, **changes), EXTERNAL)


def test_servers_that_settings_name_are_not_started(tmp_path: Path) -> None:
    names = [spec.name for spec in stack(tmp_path, workers=2).specs]
    assert names == ["scheduler", "projector", "api", "web", "worker-1", "worker-2"]


def test_servers_are_started_if_nothing_names_them(tmp_path: Path) -> None:
    whole = built(Options(data_dir=tmp_path), {})
    assert [spec.name for spec in whole.specs[:2]] == ["nats", "postgres"]


def test_a_service_is_told_only_what_it_may_touch(tmp_path: Path) -> None:
    env = {spec.name: spec.env for spec in stack(tmp_path, slots=3).specs}
    assert env["scheduler"]["MILLSTREAM_DATABASE_URL"] == "postgresql://elsewhere/db"
    assert "MILLSTREAM_DATABASE_URL" not in env["worker-1"]
    assert "MILLSTREAM_NATS_URL" not in env["web"]
    assert env["worker-1"]["MILLSTREAM_SLOTS"] == "3"
    assert env["worker-1"]["MILLSTREAM_INSTANCE"] == "worker-1"
    assert env["api"]["MILLSTREAM_LOG_LEVEL"] == "DEBUG"


def test_the_web_service_finds_the_api(tmp_path: Path) -> None:
    whole = stack(tmp_path)
    env = {spec.name: spec.env for spec in whole.specs}
    assert env["api"]["MILLSTREAM_GRPC_PORT"] == str(whole.grpc_port)
    assert env["web"]["MILLSTREAM_API_ADDRESS"] == f"127.0.0.1:{whole.grpc_port}"
    assert env["web"]["MILLSTREAM_HTTP_PORT"] == str(whole.http_port)


def test_the_web_service_is_lent_nobodys_name(tmp_path: Path) -> None:
    asked = {"MILLSTREAM_AUTH": "required", "MILLSTREAM_API_TOKEN": "planted"}
    env = {each.name: each.env for each in built(Options(data_dir=tmp_path), asked).specs}
    assert not [name for name in env["web"] if "TOKEN" in name]
    assert not [name for name in env["api"] if "SESSION" in name]
    file = Path(env["web"]["MILLSTREAM_SESSION_KEY_FILE"])
    assert file.stat().st_mode & 0o777 == 0o600
    key = file.read_text()
    env = {each.name: each.env for each in built(Options(data_dir=tmp_path), asked).specs}
    assert Path(env["web"]["MILLSTREAM_SESSION_KEY_FILE"]).read_text() == key
    local = {each.name: each.env for each in built(Options(data_dir=tmp_path), {}).specs}
    assert not [name for name in local["web"] if "SESSION" in name]


def test_workers_stop_before_those_who_take_their_results(tmp_path: Path) -> None:
    stages = {spec.name: spec.stage for spec in built(Options(data_dir=tmp_path), {}).specs}
    assert stages["api"] > stages["worker-1"] > stages["scheduler"] > stages["postgres"]


def test_a_named_port_in_use_is_an_error(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server, pytest.raises(PortTaken):
        stack(tmp_path, grpc_port=server.getsockname()[1])


def test_less_than_no_workers_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MillstreamError, match="--workers"):
        stack(tmp_path, workers=-1)


def test_the_key_of_secrets_is_made_once_and_told_to_whom_it_concerns(tmp_path: Path) -> None:
    env = {spec.name: spec.env for spec in stack(tmp_path).specs}
    file = Path(env["api"]["MILLSTREAM_SECRET_KEY_FILE"])
    assert env["worker-1"]["MILLSTREAM_SECRET_KEY_FILE"] == str(file)
    for name in ("scheduler", "projector", "web"):
        assert not [setting for setting in env[name] if "SECRET_KEY" in setting]
    key = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    stack(tmp_path)
    assert file.read_text() == key


def test_a_key_that_is_set_is_used(tmp_path: Path) -> None:
    whole = built(Options(data_dir=tmp_path), EXTERNAL | {"MILLSTREAM_SECRET_KEY": "mine"})
    env = {spec.name: spec.env for spec in whole.specs}
    assert env["api"]["MILLSTREAM_SECRET_KEY"] == "mine"
    assert env["worker-1"]["MILLSTREAM_SECRET_KEY"] == "mine"
    assert "MILLSTREAM_SECRET_KEY" not in env["scheduler"]
    assert not (tmp_path / "secret.key").exists()


def test_a_folder_of_dags_gets_a_process_that_is_a_client(tmp_path: Path) -> None:
    folder = tmp_path / "my dags"
    folder.mkdir()
    made = stack(tmp_path, dags=folder, grpc_port=0)
    spec = made.specs[-1]
    assert spec.name == "dags"
    assert spec.argv[-7:] == (
        *("dags", "sync", str(folder)),
        *("--address", f"{LOOPBACK}:{made.grpc_port}"),
        *("--state", str(tmp_path / "dag-folder.json")),
    )
    # It is no part of Millstream's inside: neither NATS nor Postgres are any of its business.
    assert not {"MILLSTREAM_NATS_URL", "MILLSTREAM_DATABASE_URL"} & spec.env.keys()
    with pytest.raises(MillstreamError, match="is no folder"):
        stack(tmp_path, dags=tmp_path / "missing")
