"""Whose output it is, in whatever pieces it comes."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from millstream_worker.turn_output import TurnOutput, mark_bytes
from millstream_worker.turns import OnOutput


class Heard:
    """What each attempt wrote."""

    def __init__(self) -> None:
        self.output = TurnOutput()
        self.mark = mark_bytes(self.output.mark)
        self.texts: dict[str, bytes] = {}

    def of(self, name: str) -> OnOutput:
        self.texts[name] = b""

        def take(stream: str, data: bytes) -> None:
            assert stream == "stdout"
            self.texts[name] += data

        return take


@given(
    st.lists(
        st.binary(max_size=20) | st.sampled_from([b"\0", b"\0turn-", b"\0turn-1\0"]), min_size=1
    ),
    st.integers(0, 2**32).map(Random),
)
def test_each_gets_its_own(texts: list[bytes], order: Random) -> None:
    heard = Heard()
    for number in range(len(texts)):
        heard.output.expect(heard.of(str(number)), is_behind=number > 0)
    data = heard.mark.join(texts)
    cuts = sorted(order.choices(range(len(data) + 1), k=order.randint(0, 9)))
    for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        heard.output.feed("stdout", data[start:end])
    heard.output.end()
    assert list(heard.texts.values()) == texts


def test_who_is_recalled_writes_no_mark() -> None:
    heard = Heard()
    for name in "abc":
        heard.output.expect(heard.of(name), is_behind=name != "a")
    heard.output.feed("stdout", b"one")
    heard.output.recall(2)
    heard.output.feed("stdout", b"\0turn")
    heard.output.end()
    heard.output.expect(heard.of("d"), is_behind=False)
    heard.output.feed("stdout", b"two")
    assert heard.texts == {"a": b"one\0turn", "b": b"", "c": b"", "d": b"two"}


def test_what_nobody_wrote_is_nobodys() -> None:
    heard = Heard()
    heard.output.feed("stdout", b"a thread that was left behind")
    heard.output.expect(heard.of("a"), is_behind=False)
    assert heard.texts == {"a": b""}
