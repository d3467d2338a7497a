"""What is masked, in which spellings, and what is not."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest

from millstream.sdk.masking import Masker, is_sensitive


def test_values_and_their_spellings() -> None:
    masker = Masker()
    value = 'p"ä/s s\n-ende'
    masker.add([value])
    for spelt in (
        value,
        quote(value, safe=""),
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        repr(value),
        base64.b64encode(value.encode()).decode(),
    ):
        masked = masker.mask(f"<{spelt}>")
        assert "***" in masked
        assert "ende" not in masked


def test_the_longest_is_masked_whole() -> None:
    masker = Masker()
    masker.add(["abcde", "abcdefgh"])
    assert masker.mask("abcdefgh abcdef") == "*** ***f"
    assert masker.longest >= 8


def test_each_line_of_a_key() -> None:
    masker = Masker()
    masker.add(["-----BEGIN-----\nMIIEvQIBADANB\nabc\n"])
    assert masker.mask("x MIIEvQIBADANB abc") == "x *** abc"


def test_short_values_are_not_masked() -> None:
    masker = Masker()
    masker.add(["abcd", ""])
    assert masker.mask("abcd") == "abcd"
    assert masker.mask("\ud800") == "\ud800"


def test_who_listens_hears_of_each_value_once() -> None:
    masker = Masker()
    heard: list[str] = []
    masker.tell(heard.extend)
    masker.add(["secret-1", "secret-2", "abc"])
    masker.add(["secret-1"])
    assert heard == ["secret-1", "secret-2"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [("db_password", True), ("My-API-Key", True), ("AUTH.TOKEN", True), ("region", False)],
)
def test_names_of_secrets(name: str, expected: bool) -> None:
    assert is_sensitive(name) is expected
