"""What the api makes of an error, the client makes an error of again."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from millstream.client.channel import Outage
from millstream.client.errors import NotReached, Overloaded, from_grpc
from millstream.core.errors import (
    InvalidArgument,
    InvalidDag,
    MillstreamError,
    NotFound,
    Refused,
    Unavailable,
)
from millstream_api.admission import Overloaded as TooMuch
from millstream_api.errors import FieldProblem, to_status


class FailedCall(grpc.RpcError):
    """What grpc raises, with the parts that are looked at."""

    def __init__(self, code: grpc.StatusCode, text: str, trailers: Any = ()) -> None:
        self._parts = (code, text, trailers)

    def code(self) -> grpc.StatusCode:
        return self._parts[0]

    def details(self) -> str:
        return self._parts[1]

    def trailing_metadata(self) -> Any:
        return self._parts[2]


def there_and_back(error: MillstreamError) -> tuple[grpc.StatusCode, MillstreamError]:
    code, text, status = to_status(error)
    trailers = (("grpc-status-details-bin", status.SerializeToString()),)
    return code, from_grpc(FailedCall(code, text, trailers), "here:1")


@pytest.mark.parametrize(
    ("error", "code", "kind"),
    [
        (Refused("DAG_NOT_FOUND", "no DAG"), "NOT_FOUND", NotFound),
        (Refused("RUN_EXISTS", "twice"), "ALREADY_EXISTS", Refused),
        (Refused("INVALID_RUN_ID", "bad"), "INVALID_ARGUMENT", InvalidArgument),
        (Refused("RUN_AMBIGUOUS", "which"), "FAILED_PRECONDITION", Refused),
        (Refused("INTERNAL", "ours"), "INTERNAL", MillstreamError),
        (NotFound("gone"), "NOT_FOUND", NotFound),
        (Unavailable("later"), "UNAVAILABLE", Unavailable),
        (FieldProblem("page_token", "bad token"), "INVALID_ARGUMENT", InvalidArgument),
    ],
)
def test_text_and_reason_arrive(
    error: MillstreamError, code: str, kind: type[MillstreamError]
) -> None:
    found_code, found = there_and_back(error)
    assert (found_code.name, type(found)) == (code, kind)
    assert (str(found), found.reason) == (str(error), error.reason)


def test_every_problem_of_a_dag_arrives() -> None:
    code, found = there_and_back(InvalidDag("etl", ["first", "line 7: second"]))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert isinstance(found, InvalidDag)
    assert (found.dag_id, found.problems) == ("etl", ["first", "line 7: second"])


def test_a_thousand_problems_still_fit_in_the_trailers() -> None:
    _, text, status = to_status(InvalidDag("etl", [f"problem {i} " * 40 for i in range(1000)]))
    assert len(text) + status.ByteSize() < 16 * 1024
    _, found = there_and_back(InvalidDag("etl", [f"problem {i}" for i in range(1000)]))
    assert isinstance(found, InvalidDag)
    assert found.problems[-1] == "and 960 more problems"


def test_an_upload_that_was_cut_off_is_made_again() -> None:
    """The api refused it while it was sent, and what it said is lost."""
    cut_off = FailedCall(grpc.StatusCode.INTERNAL, "Internal error from Core")
    assert isinstance(from_grpc(cut_off, "here:1"), Unavailable)
    found = from_grpc(FailedCall(grpc.StatusCode.INTERNAL, "oops"), "here:1")
    assert not isinstance(found, Unavailable)


def test_nobody_there_is_told_from_a_server_that_cannot() -> None:
    found = from_grpc(FailedCall(grpc.StatusCode.UNAVAILABLE, "refused"), "here:1")
    assert isinstance(found, NotReached)
    assert "here:1" in str(found)
    assert "millstream up" in str(found)


def test_garbage_in_the_trailers_is_no_new_error() -> None:
    trailers = (("grpc-status-details-bin", b"\xff\xff"),)
    found = from_grpc(FailedCall(grpc.StatusCode.NOT_FOUND, "gone", trailers), "here:1")
    assert isinstance(found, NotFound)


def test_an_outage_is_over_with_the_first_answer() -> None:
    outage = Outage(10)
    assert outage.may_go_on(10)
    assert not outage.may_go_on(0.01)
    outage.end()
    assert outage.may_go_on(10)


def test_who_is_overloaded_says_when_to_come_again() -> None:
    code, found = there_and_back(TooMuch("500 calls are open already"))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert isinstance(found, Overloaded)
    assert (found.reason, found.retry_after_s) == ("OVERLOADED", 1.0)
    outage = Outage(10)
    pauses = [outage.pause_s(found.retry_after_s) for _ in range(5)]
    assert all(1.0 <= pause <= 8.0 for pause in pauses)
    assert len(set(pauses)) == 5


def test_grpc_that_refuses_a_call_is_no_message_that_is_too_large() -> None:
    """gRPC's own refusals have no details, only a text."""
    text = "Concurrent RPC limit exceeded!"
    found = from_grpc(FailedCall(grpc.StatusCode.RESOURCE_EXHAUSTED, text), "here:1")
    assert isinstance(found, Overloaded)
    text = "SERVER: Received message larger than max (4194305 vs. 4194304)"
    found = from_grpc(FailedCall(grpc.StatusCode.RESOURCE_EXHAUSTED, text), "here:1")
    assert isinstance(found, InvalidArgument)
