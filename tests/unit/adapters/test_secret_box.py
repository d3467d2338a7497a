"""Sealed values: opened by the key that sealed them, for what they belong to, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.adapters.secret_box import (
    MOST_VALUE_BYTES,
    CannotUnseal,
    NoSecretKey,
    SecretBox,
    new_key,
)
from millstream.adapters.settings import InvalidSettings, Settings
from millstream.core.commands import SetVariable, decode_command, encode_command
from millstream.core.errors import InvalidArgument

ONE, TWO = new_key(), new_key()
WHAT = ("variable", "default", "k")


@given(st.text(st.characters(codec="utf-8"), max_size=50))
def test_what_is_sealed_travels_and_comes_back(value: str) -> None:
    box = SecretBox(ONE)
    sealed = box.seal(*WHAT, value)
    assert box.unseal(*WHAT, sealed) == value
    command = SetVariable(id="a", namespace="default", key="k", sealed=sealed)
    assert decode_command(encode_command(command)) == command


def test_the_largest_value_travels() -> None:
    box = SecretBox(ONE)
    sealed = box.seal(*WHAT, '"' * MOST_VALUE_BYTES)
    command = SetVariable(id="a", namespace="default", key="k", sealed=sealed)
    assert decode_command(encode_command(command)) == command
    for value in ("x" * (MOST_VALUE_BYTES + 1), "\x01" * MOST_VALUE_BYTES):
        with pytest.raises(InvalidArgument, match="are allowed"):
            box.seal(*WHAT, value)


def test_a_new_key_opens_nothing_old_but_the_old_one_behind_it_does() -> None:
    sealed = SecretBox(ONE).seal(*WHAT, "v")
    assert SecretBox(f"{TWO},{ONE}").unseal(*WHAT, sealed) == "v"
    with pytest.raises(CannotUnseal, match="which is not in MILLSTREAM_SECRET_KEY here"):
        SecretBox(TWO).unseal(*WHAT, sealed)
    newer = SecretBox(f"{TWO},{ONE}").seal(*WHAT, "v")
    assert SecretBox(TWO).unseal(*WHAT, newer) == "v"


@pytest.mark.parametrize(
    "other", [("variable", "default", "l"), ("variable", "x", "k"), ("connection", "default", "k")]
)
def test_a_value_that_was_moved_is_not_taken_for_another(other: tuple[str, str, str]) -> None:
    box = SecretBox(ONE)
    with pytest.raises(CannotUnseal, match="damaged or belongs to something else"):
        box.unseal(*other, box.seal(*WHAT, "v"))


@pytest.mark.parametrize("damage", [lambda s: s[:-8] + "AAAAAAA=", lambda s: s[:40], lambda s: ""])
def test_a_damaged_value_is_an_error(damage: Callable[[str], str]) -> None:
    box = SecretBox(ONE)
    with pytest.raises(CannotUnseal, match="'k'"):
        box.unseal(*WHAT, damage(box.seal(*WHAT, "v")))


def test_without_a_key_it_says_what_to_do() -> None:
    box = SecretBox("")
    with pytest.raises(NoSecretKey, match="MILLSTREAM_SECRET_KEY is not set"):
        box.seal(*WHAT, "v")
    with pytest.raises(NoSecretKey, match="MILLSTREAM_SECRET_KEY is not set"):
        box.unseal(*WHAT, "v")


def test_a_wrong_key_is_an_error_that_does_not_show_it() -> None:
    with pytest.raises(InvalidSettings, match="something that is no key") as caught:
        SecretBox("no-such-key")
    assert "no-such-key" not in str(caught.value)


def test_keys_come_from_the_settings_or_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{ONE}\n{TWO}\n")
    sealed = SecretBox(ONE).seal(*WHAT, "v")
    for settings in (
        Settings(secret_key=ONE, secret_key_file="ignored"),
        Settings(secret_key_file=str(file)),
    ):
        box = SecretBox.from_settings(settings)
        assert box.unseal(*WHAT, sealed) == "v"
        assert SecretBox(ONE).unseal(*WHAT, box.seal(*WHAT, "w")) == "w"
    with pytest.raises(InvalidSettings, match="SECRET_KEY_FILE='/nowhere' cannot be read"):
        SecretBox.from_settings(Settings(secret_key_file="/nowhere"))
