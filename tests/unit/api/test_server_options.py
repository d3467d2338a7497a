"""The options of gRPC's channels: it ignores one whose name it does not know, and says nothing."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from pathlib import Path

import pytest

from millstream.client import transport
from millstream_api import server

NAMES = sorted({name for name, _ in (*server.OPTIONS, *transport.OPTIONS)})


@pytest.mark.parametrize("name", NAMES)
def test_the_library_knows_the_option(name: str) -> None:
    found = find_spec("grpc._cython.cygrpc")
    assert found is not None
    assert name.encode() in Path(str(found.origin)).read_bytes()


def test_a_client_that_only_listens_may_ask_whether_the_server_is_there() -> None:
    options: dict[str, int] = dict(transport.OPTIONS)
    allowed = dict(server.OPTIONS)["grpc.http2.min_ping_interval_without_data_ms"]
    assert allowed < options["grpc.keepalive_time_ms"]


def test_a_caller_that_went_away_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    found = find_spec("grpc._cython.cygrpc")
    assert found is not None
    assert server.GRPC_LOGGER.encode() in Path(str(found.origin)).read_bytes()
    logger = logging.getLogger("of a test")
    logger.addFilter(server.GONE_CALLERS)
    logger.error("ExecuteBatchError raised in core by servicer method [%s]", "/a/B")
    logger.error("Unexpected [ValueError] raised by servicer method [/a/B]")
    assert [record.getMessage()[:10] for record in caplog.records] == ["Unexpected"]
