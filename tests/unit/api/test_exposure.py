"""Where an api may listen, and with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from integration.certificates import Authority
from millstream.adapters.settings import InvalidSettings, Settings
from millstream_api.exposure import check_exposure, is_loopback

TOKEN = "x" * 32


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_this_machine_is_loopback(host: str) -> None:
    assert is_loopback(host)
    check_exposure(Settings(grpc_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "127.0.0.1.evil.example", "", "db"])
def test_all_else_is_not(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(InvalidSettings, match="AUTH=required"):
        check_exposure(Settings(grpc_host=host))
    with pytest.raises(InvalidSettings, match="plain text"):
        check_exposure(Settings(grpc_host=host, auth="required"))
    check_exposure(Settings(grpc_host=host, auth="required", grpc_plaintext=True))


def test_tls_needs_a_certificate_and_its_own_key(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    one, other = authority.sign("one"), authority.sign("other")

    def with_tls(**fields: Any) -> Settings:
        return Settings(grpc_host="0.0.0.0", auth="required", **fields)

    good = {"grpc_tls_cert": one.cert, "grpc_tls_key": one.key}
    check_exposure(with_tls(**good, grpc_tls_client_ca=authority.file))
    for wrong, said in (
        ({"grpc_tls_cert": one.cert}, "go together"),
        ({"grpc_tls_client_ca": authority.file}, "needs"),
        (good | {"grpc_tls_key": other.key}, "is not the key"),
        (good | {"grpc_tls_cert": one.key}, "PEM"),
        (good | {"grpc_tls_cert": str(tmp_path / "none")}, "cannot be read"),
    ):
        with pytest.raises(InvalidSettings, match=said):
            check_exposure(with_tls(**wrong))


@pytest.mark.parametrize("token", ["short", "x" * 30 + " y", "x" * 30 + "\n"])
def test_an_admin_token_is_long(token: str) -> None:
    with pytest.raises(InvalidSettings, match="at least 24"):
        check_exposure(Settings(auth="required", admin_token=f"{token}x y"))
    check_exposure(Settings(auth="required", admin_token=TOKEN))


def test_the_admin_token_may_be_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "a token"
    file.write_text(f"{TOKEN}\n")
    check_exposure(Settings(auth="required", admin_token_file=str(file)))
    file.write_text("short")
    with pytest.raises(InvalidSettings, match="at least 24"):
        check_exposure(Settings(auth="required", admin_token_file=str(file)))
    with pytest.raises(InvalidSettings, match="cannot be read"):
        check_exposure(Settings(auth="required", admin_token_file=str(tmp_path / "none")))
