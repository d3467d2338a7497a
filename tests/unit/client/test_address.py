"""Where the client looks for the api."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from millstream.client.address import DEFAULT_ADDRESS, find_address
from millstream.core.errors import Unavailable


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MILLSTREAM_API_ADDRESS", raising=False)
    monkeypatch.delenv("MILLSTREAM_DATA_DIR", raising=False)
    monkeypatch.chdir(tmp_path)


def test_the_state_file_of_a_data_directory(tmp_path: Path) -> None:
    (tmp_path / "millstream.json").write_text('{"grpc_address": "127.0.0.1:4711"}')
    assert find_address(tmp_path) == "127.0.0.1:4711"


def test_a_named_data_directory_without_an_installation_is_no_other_installation(
    tmp_path: Path,
) -> None:
    with pytest.raises(Unavailable, match="millstream up"):
        find_address(tmp_path / "nothing")


def test_what_it_says_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    folder = tmp_path / "two words"
    with pytest.raises(Unavailable) as caught:
        find_address(folder)
    assert shlex.split(str(caught.value))[-2:] == ["--data-dir", str(folder)]


def test_the_environment_names_a_data_directory_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_DATA_DIR", "nothing")
    with pytest.raises(Unavailable):
        find_address()


def test_the_address_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILLSTREAM_API_ADDRESS", "api:1")
    assert find_address() == "api:1"


def test_the_default() -> None:
    assert find_address() == DEFAULT_ADDRESS
