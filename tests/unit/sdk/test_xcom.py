"""What may be an XCom: how plain values look, and what is said of those that cannot be one."""

from __future__ import annotations

import enum
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from millstream import DAG, PythonOperator
from millstream.sdk.errors import XComEncodingError
from millstream.sdk.xcom import encode_xcom


class Color(enum.StrEnum):
    RED = "red"


class Size(int, enum.Enum):
    BIG = 3


class Ratio(float):
    """As numpy.float64 is one."""


def text_of(value: Any) -> bytes:
    encoded = encode_xcom(value, "t")
    assert encoded.codec == ""
    return encoded.data()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        (True, b"true"),
        ("é\n", '"é\\n"'.encode()),
        (2**70, b"1180591620717411303424"),
        (Ratio(0.5), b"0.5"),
        ([1, [2.0]], b"[1,[2.0]]"),
        ({"a": {"b": None}}, b'{"a":{"b":null}}'),
        ({0: 0.9, Color.RED: Size.BIG}, b'{"0":0.9,"red":3}'),
    ],
)
def test_json_values(value: Any, text: bytes) -> None:
    assert text_of(value) == text
    msgspec.json.decode(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            object(),
            "task t returned a object, which no codec knows: hand on JSON values, tuple, set, ",
        ),
        ({"a": [object()]}, r"a object at \['a'\]\[0\], which no codec knows"),
        (
            (x for x in [1]),
            "a generator, which .* or allow pickles on the workers with MILLSTREAM_",
        ),
        ({"f": lambda: 1}, r"a function at \['f'\]"),
        ({1: 1, "1": 2}, "a dict with the key '1' twice"),
        ("a\0", "a str with a NUL character"),
        ({"a\0": 1}, "a str with a NUL character"),
        ("\ud800", "lone surrogates"),
    ],
)
def test_everything_else_is_refused_with_its_place(value: Any, message: str) -> None:
    with pytest.raises(XComEncodingError, match=message):
        encode_xcom(value, "t")


def test_a_value_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(XComEncodingError, match="pushed as 'k' a value that is nested too deeply"):
        encode_xcom(endless, "t", "k")


class TestBetweenTasks:
    @pytest.fixture
    def handed_on(self, run: Any, channel: Any) -> Callable[[Any], Any]:
        """What the next task gets of a value that a task returned."""

        def hand_on(value: Any) -> Any:
            seen: list[Any] = []
            with DAG("d") as dag:
                first = PythonOperator(task_id="first", python_callable=lambda: value)
                PythonOperator(
                    task_id="second", python_callable=seen.append, op_args=[first.output]
                )
            for task_id in ("first", "second"):
                outcome = run(dag, task_id)
                assert outcome.kind == "success", outcome
            return seen[0]

        return hand_on

    @pytest.mark.parametrize(
        "value",
        [
            (1, {2, 3}),
            {"at": date(2024, 1, 1), "price": Decimal("1.5")},
            float("inf"),
            b"x" * 1_000_000,
            "ü" * 100_000,
            ["x" * 60_000],
        ],
    )
    def test_values_arrive_as_they_were(self, value: Any, handed_on: Any) -> None:
        assert handed_on(value) == value

    def test_only_what_is_large_or_binary_is_a_blob(self, handed_on: Any, channel: Any) -> None:
        handed_on({"at": date(2024, 1, 1)})
        assert channel.blobs == {}
        assert channel.coded["first"]["return_value"].codec == "typed:dict"
        handed_on(b"x" * 20_000)
        assert list(channel.blobs) == [channel.coded["first"]["return_value"].blob]

    def test_a_task_sees_its_own_values_and_the_last_one_counts(self, run: Any) -> None:
        def push(ti: Any) -> Any:
            ti.xcom_push("k", 1)
            ti.xcom_push("k", {1})
            first = ti.xcom_pull(key="k")
            ti.xcom_push("k", 3)
            return [first == {1}, ti.xcom_pull(key="k")]

        with DAG("d") as dag:
            PythonOperator(task_id="t", python_callable=push)
        outcome = run(dag, "t")
        assert outcome.xcoms == {"k": b"3", "return_value": b"[true,3]"}
        assert outcome.coded == {}

    def test_the_limit_is_a_setting(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MILLSTREAM_XCOM_MAX_BYTES", "1000")
        with DAG("d") as dag:
            PythonOperator(task_id="t", python_callable=lambda: "x" * 999)
        outcome = run(dag, "t")
        assert outcome.error_type == "XComTooLarge"
        assert "XCom 'return_value' has 1001 bytes; at most 1000 are allowed" in outcome.message
