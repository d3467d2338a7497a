from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from millstream.embedded.ports import LOOPBACK, PortTaken, free_port, given_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_somebody_listens_on_is_not_free(taken: int) -> None:
    assert not is_free(taken)


def test_the_preferred_port_is_taken_if_it_is_free() -> None:
    port = free_port()
    assert free_port(preferred=port) == port


def test_another_port_is_chosen_if_the_preferred_one_is_in_use(taken: int) -> None:
    port = free_port(preferred=taken)
    assert port != taken
    assert 20000 <= port < 32768


def test_a_port_that_is_promised_to_another_server_is_not_chosen() -> None:
    port = free_port()
    assert free_port({port}, preferred=port) != port


def test_a_port_given_by_number_must_be_free(taken: int) -> None:
    with pytest.raises(PortTaken, match=f"Port {taken} \\(--grpc-port\\)") as caught:
        given_port(taken, "--grpc-port")
    assert caught.value.port == taken
