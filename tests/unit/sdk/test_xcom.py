"""What may be an XCom, and how its JSON looks."""

from __future__ import annotations

import enum
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from millstream.sdk.errors import XComEncodingError
from millstream.sdk.xcom import encode_xcom


class Color(enum.StrEnum):
    RED = "red"


class Size(int, enum.Enum):
    BIG = 3


class Ratio(float):
    """As numpy.float64 is one."""


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        (True, b"true"),
        ("é\n", '"é\\n"'.encode()),
        (2**70, b"1180591620717411303424"),
        (Ratio(0.5), b"0.5"),
        ((1, [2.0]), b"[1,[2.0]]"),
        ({"a": {"b": None}}, b'{"a":{"b":null}}'),
        ({0: 0.9, Color.RED: Size.BIG}, b'{"0":0.9,"red":3}'),
    ],
)
def test_json_values(value: Any, text: bytes) -> None:
    assert encode_xcom(value, "t") == text
    msgspec.json.decode(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            object(),
            "task t returned a object, which is not JSON; return str/number/list/dict, or write",
        ),
        ({"a": [date(2024, 1, 1)]}, r"a datetime.date at \['a'\]\[0\], which is not JSON"),
        (Decimal(1), "a decimal.Decimal"),
        ({1, 2}, "a set"),
        (b"x", "a bytes"),
        ((x for x in [1]), "a generator"),
        ({"loss": float("nan")}, r"returned nan at \['loss'\], which is not JSON; return None"),
        (float("-inf"), "returned -inf, which"),
        ({(1, 2): 3}, r"a dict with the key \(1, 2\)"),
        ({True: 3}, "a dict with the key True"),
        ({1: 1, "1": 2}, "a dict with the key '1' twice"),
        ("a\0", "a str with a NUL character"),
        ("\ud800", "lone surrogates"),
    ],
)
def test_everything_else_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(XComEncodingError, match=message):
        encode_xcom(value, "t")


def test_numpy_scalars_other_than_float64_are_named() -> None:
    numpy = pytest.importorskip("numpy")
    assert encode_xcom(numpy.float64(0.5), "t") == b"0.5"
    with pytest.raises(XComEncodingError, match=r"a numpy\.int64, which is not JSON"):
        encode_xcom(numpy.int64(5), "t")


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(XComEncodingError, match="pushed as 'k' a value that is nested too deeply"):
        encode_xcom(endless, "t", "k")
