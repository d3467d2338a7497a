"""What the process in the background is told, and what it tells."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from millstream.core.errors import MillstreamError
from millstream.embedded.background import Report, Reports, decode_options, encode_options
from millstream.embedded.stack import Options


@pytest.mark.parametrize("dags", [None, Path("/srv/my dags")])
def test_it_gets_what_was_asked_for(dags: Path | None) -> None:
    options = Options(data_dir=Path('/srv/a "b" ü'), grpc_port=1, workers=2, slots=3, dags=dags)
    assert decode_options(encode_options(options)) == options


def test_nobody_has_to_wait_for_it(capfd: pytest.CaptureFixture[str]) -> None:
    read_end, write_end = os.pipe()
    reports = Reports(write_end)
    os.close(read_end)
    reports.tell("a note")
    reports.failed(MillstreamError("it went wrong"))
    assert capfd.readouterr().err == "a note\nit went wrong\n"
    os.close(write_end)


def test_what_goes_wrong_is_told(capfd: pytest.CaptureFixture[str]) -> None:
    read_end, write_end = os.pipe()
    Reports(write_end).failed(MillstreamError("it went wrong"))
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        assert b'"it went wrong"' in pipe.read()
    assert Report("failed", "x").state is None
    capfd.readouterr()
