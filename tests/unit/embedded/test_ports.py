from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from millstream.embedded.ports import LOOPBACK, PortClaims, PortTaken, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


@pytest.fixture
def claims() -> Iterator[PortClaims]:
    with contextlib.closing(PortClaims()) as claims:
        yield claims


def test_the_preferred_port_is_taken_if_it_is_free(claims: PortClaims) -> None:
    port = claims.choose()
    claims.close()
    assert claims.choose(preferred=port) == port


def test_another_port_is_chosen_if_the_preferred_one_is_in_use(
    claims: PortClaims, taken: int
) -> None:
    port = claims.choose(preferred=taken)
    assert port != taken
    assert 20000 <= port < 32768


def test_a_port_is_chosen_once_although_nobody_listens_on_it_yet(claims: PortClaims) -> None:
    port = claims.choose()
    assert claims.choose(preferred=port) != port
    with contextlib.closing(PortClaims()) as others:
        assert others.choose(preferred=port) != port
    claims.close()
    assert claims.choose(preferred=port) == port


def test_a_port_given_by_number_must_be_free(claims: PortClaims, taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} \\(--grpc-port\\)") as caught:
        claims.take(taken, "--grpc-port")
    assert caught.value.port == taken
