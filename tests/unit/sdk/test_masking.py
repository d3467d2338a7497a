"""What is masked, in which spellings, and what is not."""

from __future__ import annotations

import base64
import json
import time
from random import Random
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("before", ["", "u", "us", "user", "user:"])
@pytest.mark.parametrize("after", ["", "@", "@h", "@host"])
@pytest.mark.parametrize("value", ["hunter22", "s3cr?t>", "ключ-от-всего", "x" * 100])
def test_base64_at_all_three_places(before: str, after: str, value: str) -> None:
    masker = Masker()
    masker.add([value])
    data = (before + value + after).encode()
    for encoded in (base64.b64encode(data), base64.urlsafe_b64encode(data)):
        masked = masker.mask_bytes(b"Basic " + encoded + b" end")
        assert masked.startswith(b"Basic ")
        assert b"***" in masked
        kept = masked.removeprefix(b"Basic ").removesuffix(b" end").replace(b"***", b"")
        # What is left is of its neighbours, and the characters that it shares with them.
        assert len(kept) <= len(base64.b64encode((before + after).encode())) + 8


@pytest.mark.parametrize("name", ["encodebytes", "pem"])
def test_base64_in_lines(name: str) -> None:
    masker = Masker()
    value = "".join(Random(3).choices("abcdefghij{}", k=300))
    masker.add([value])
    whole = base64.b64encode(value.encode())
    width = 76 if name == "encodebytes" else 64
    text = b"\n".join(whole[at : at + width] for at in range(0, len(whole), width))
    assert set(masker.mask_bytes(text).split(b"\n")) <= {b"***"}


def test_hexadecimal_digits_and_urls_of_either_case() -> None:
    masker = Masker()
    masker.add(["s3cr/t=ü"])
    data = "s3cr/t=ü".encode()
    for spelt in (data.hex(), data.hex().upper(), "s3cr%2Ft%3D%C3%BC", "s3cr%2ft%3d%c3%bc"):
        assert masker.mask(f"<{spelt}>") == "<***>"


def test_values_that_overlap_leave_nothing() -> None:
    masker = Masker()
    masker.add(["abcdefg", "efghijk"])
    assert masker.mask("-abcdefghijk-abcdefg-efghijk-") == "-***-***-***-"


PIECES = st.lists(st.sampled_from(["hunter22", "hunter", "22", "h", "tersail", "u", "\n", "x"]))


@given(PIECES)
def test_what_may_be_shown_early_holds_no_part_of_a_value(pieces: list[str]) -> None:
    masker = Masker()
    masker.add(["hunter22", "tersail"])
    data = "".join(pieces).encode()
    length = masker.safe_length(data)
    early, late = data[:length], data[length:]
    assert masker.mask_bytes(early) + masker.mask_bytes(late) == masker.mask_bytes(data)
    for rest in (b"", b"2", b"unter22", b"ter22", b"sail", b"rsail", b"ersail"):
        whole = masker.mask_bytes(data + rest)
        assert whole.startswith(masker.mask_bytes(early))


def test_two_hundred_values_cost_little() -> None:
    random = Random(7)
    masker = Masker()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    masker.add("".join(random.choices(letters, k=24)) for _ in range(200))
    data = b"2026-01-02 INFO loading rows of table customers took 0.123s loss=0.33\n" * 4000
    masker.mask_bytes(b"")  # makes the pattern
    began = time.process_time()
    assert masker.mask_bytes(data) == data
    assert time.process_time() - began < 2.0, "some 30 ms in fact; 900 as a list of alternatives"


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
