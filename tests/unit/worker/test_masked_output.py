"""What is masked appears in no log line, in whatever pieces it is printed."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.adapters.log_lines import LogLine
from millstream.core.errors import MillstreamError
from millstream.core.event_parts import RunInfo
from millstream.core.spec import EmptyAction
from millstream.sdk.attempts import Attempt, Outcome
from millstream.sdk.masking import Masker
from millstream_worker.child import Channel
from millstream_worker.frames import (
    Change,
    Done,
    Find,
    FrameReader,
    Mask,
    Run,
    Told,
    encode_frame,
    from_child_decoder,
)
from millstream_worker.output import LONGEST_LINE, TAIL_BYTES, UNFINISHED, Output
from millstream_worker.turns import TurnQueue

SECRET = "hunter22-and-more"
NOW = datetime(2026, 1, 2, tzinfo=UTC)
A_RUN = Run(
    Attempt(
        namespace="default",
        dag_id="d",
        run_id="r",
        task_id="t",
        action=EmptyAction(),
        run=RunInfo(run_type="manual", run_after=NOW),
    ),
    "",
    "",
)


def output_of(*secrets: str) -> Output:
    output = Output(Masker(), 1 << 30)
    output.masker.add(secrets)
    return output


def lines(output: Output) -> list[LogLine]:
    output.finish(NOW)
    return output.take()


@given(
    st.lists(
        st.sampled_from([SECRET, "x", "\n", "ä" * 50, "y" * (LONGEST_LINE // 2)]), max_size=12
    ),
    st.integers(0, 2**32).map(Random),
)
def test_in_whatever_pieces(parts: list[str], order: Random) -> None:
    output = output_of(SECRET)
    data = "".join(parts).encode()
    while data:
        size = order.choice([1, 3, 7, 4096, LONGEST_LINE])
        output.feed("stdout", data[:size], NOW)
        data = data[size:]
    text = "".join(line.text for line in lines(output))
    for start in range(len(SECRET) - 8):
        assert SECRET[start : start + 9] not in text


def test_two_writes_on_one_line() -> None:
    output = output_of(SECRET)
    for piece in (b"password: hunter22", b"-and-more.\nnext"):
        output.feed("stdout", piece, NOW)
    assert [line.text for line in lines(output)] == ["password: ***.", "next"]


def test_a_line_that_is_shown_early_shows_no_half_of_it() -> None:
    output = output_of(SECRET)
    output.feed("stdout", b"password: hunter22", NOW)
    output.release(NOW + UNFINISHED)
    output.feed("stdout", b"-and-more. done", NOW + UNFINISHED)
    assert [line.text for line in lines(output)] == ["password: ", "***. done"]


def test_a_key_of_several_lines() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----"
    output = output_of(key)
    output.feed("stdout", f"the key: {key}\nanother\n".encode(), NOW)
    mark = "\x1eIroot\x1e"
    output.feed("stdout", "".join(f"{mark}{line}\n" for line in key.split("\n")).encode(), NOW)
    texts = [line.text for line in lines(output)]
    assert texts[:2] == ["the key: ***", "another"]
    assert not [text for text in texts if "MII" in text or "hki" in text]


@pytest.mark.parametrize("is_in_lines", [True, False])
def test_what_is_shown_of_the_end_begins_with_no_half_of_it(is_in_lines: bool) -> None:
    for shift in range(0, len(SECRET) + 2, 4):
        output = Output(Masker(), 100)
        output.masker.add([SECRET])
        end = b"\n" if is_in_lines else b""
        data = (SECRET.encode() + end) * (TAIL_BYTES // len(SECRET) * 3)
        output.feed("stdout", data + b"x" * shift, NOW)
        text = "".join(line.text for line in lines(output) if line.source == "stdout")
        assert text.replace("***", "").strip("x") == ""
        assert "***" in text


def test_our_own_notes() -> None:
    output = output_of(SECRET)
    output.note(f"ValueError: {SECRET}", NOW, "ERROR")
    assert [line.text for line in output.take()] == ["ValueError: ***"]


def test_a_secret_is_masked_before_its_task_goes_on(tmp_path: Path) -> None:
    """The child waits for the answer: what it prints next cannot overtake what it said."""
    ours, theirs = socket.socketpair()
    heard: list[object] = []

    def worker() -> None:
        reader = FrameReader()
        answers = [Told(), Told("v"), Told(None), Told("")]
        while answers:
            for body in reader.feed(ours.recv(65536)):
                heard.append(from_child_decoder.decode(body))
                ours.sendall(encode_frame(answers.pop(0)))

    thread = threading.Thread(target=worker)
    thread.start()
    turns = TurnQueue()
    channel = Channel(theirs, turns.theirs, tmp_path)
    turns.put(A_RUN, is_behind=False)
    assert channel.begin() == A_RUN
    channel.mask([SECRET])
    assert heard == [Mask([SECRET])]
    assert channel.find_variable("k") == "v"
    assert channel.find_connection("c") is None
    assert channel.delete_variable("k") is True
    thread.join()
    channel.end(Done(Outcome(kind="success"), NOW, NOW))
    with pytest.raises(MillstreamError, match="the attempt that asks is over"):
        channel.find_variable("k")
    channel.mask(["later-secret"])  # by a thread that is left behind
    turns.put(A_RUN, is_behind=False)
    ours.sendall(encode_frame(Told()))
    assert channel.begin() == A_RUN
    reader = FrameReader()
    said = [from_child_decoder.decode(body) for body in reader.feed(ours.recv(65536))]
    assert said[1:] == [Mask(["later-secret"])], "the worker hears of it before the next attempt"
    assert heard[1:] == [Find("variable", "k"), Find("connection", "c"), Change("k", None)]
    for end in (ours, theirs, turns):
        end.close()
