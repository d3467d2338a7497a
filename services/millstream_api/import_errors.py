"""ImportErrorService: what is wrong with the DAG files that somebody watches.

It is soft state, like heartbeats: whoever watches files says it again and again, each api process
hears it over core NATS, and forgets it when it is not said any more (docs/adr/0037).
"""

from __future__ import annotations

import time

import msgspec

from millstream.adapters.bus import Bus
from millstream.adapters.bus_client import Delivery
from millstream.adapters.subjects import import_errors_subject
from millstream.rpc.convert import datetime_from
from millstream.rpc.v1 import import_errors_pb2, import_errors_pb2_grpc
from millstream_api.callers import namespace_of, need, position_of, request_id_of
from millstream_api.errors import FieldProblem
from millstream_api.interceptor import Context
from millstream_api.paging import decode_token, encode_token, fill_page, page_size
from millstream_api.snapshot import Snapshots

MOST_ERRORS = 500
MOST_SOURCES = 1000
MOST_TEXT = 2000
MOST_NAME = 500
MOST_BYTES = 512 * 1024
DEFAULT_TTL_S = 30.0
LONGEST_TTL_S = 3600.0


class Error(msgspec.Struct, frozen=True):
    """One, as it is passed between api processes. ``at`` is a UNIX time, 0 for none."""

    file: str
    line: int
    message: str
    at: float


class Report(msgspec.Struct, frozen=True):
    """All that a source knows."""

    namespace: str
    source: str
    ttl_s: float
    errors: list[Error]


_decoder = msgspec.json.Decoder(Report)


class ImportErrors:
    """The last report of each source, as long as it lives."""

    def __init__(self) -> None:
        self._reports: dict[tuple[str, str], tuple[Report, float]] = {}

    def on_message(self, delivery: Delivery) -> None:
        try:
            report = _decoder.decode(delivery.data)
        except msgspec.MsgspecError:
            return  # not from an api
        self.hear(report, time.monotonic())

    def hear(self, report: Report, now: float) -> None:
        key = (report.namespace, report.source)
        self._forget(now)
        if not report.errors:
            self._reports.pop(key, None)
        elif key in self._reports or len(self._reports) < MOST_SOURCES:
            self._reports[key] = (report, now + report.ttl_s)

    def known(self, namespace: str, now: float) -> list[tuple[str, int, Error]]:
        """Source, number and error, in the order of a list."""
        self._forget(now)
        return [
            (source, number, error)
            for (of, source), (report, _) in sorted(self._reports.items(), key=lambda one: one[0])
            if of == namespace
            for number, error in enumerate(report.errors)
        ]

    def _forget(self, now: float) -> None:
        for key in [key for key, (_, until) in self._reports.items() if until <= now]:
            del self._reports[key]


class ImportErrorService(import_errors_pb2_grpc.ImportErrorServiceServicer):
    def __init__(self, bus: Bus, known: ImportErrors, snapshots: Snapshots) -> None:
        self._bus = bus
        self._known = known
        self._snapshots = snapshots

    async def ReportImportErrors(  # noqa: N802 - gRPC's name
        self, request: import_errors_pb2.ReportImportErrorsRequest, context: Context
    ) -> import_errors_pb2.ReportImportErrorsResponse:
        request_id_of(request.request_id)
        report = Report(
            namespace=namespace_of(request.namespace),
            source=_source(need("source", request.source)),
            ttl_s=_ttl_s(request),
            errors=_errors(request),
        )
        self._known.hear(report, time.monotonic())
        self._bus.send(import_errors_subject(), msgspec.json.encode(report))
        return import_errors_pb2.ReportImportErrorsResponse()

    async def ListImportErrors(  # noqa: N802
        self, request: import_errors_pb2.ListImportErrorsRequest, context: Context
    ) -> import_errors_pb2.ListImportErrorsResponse:
        namespace = namespace_of(request.namespace)
        most = page_size(request.page_size)
        scope = ("import_errors", namespace)
        after = decode_token(scope, request.page_token, tuple[str, int])
        if position_of(request):
            async with self._snapshots.read(request, context):
                pass
        known = self._known.known(namespace, time.monotonic())
        found = [one for one in known if after is None or (one[0], one[1]) > after]
        page, is_more = fill_page(found, lambda one: _message(namespace, one), most)
        last = found[len(page) - 1] if page else None
        token = encode_token(scope, (last[0], last[1])) if is_more and last else ""
        return import_errors_pb2.ListImportErrorsResponse(errors=page, next_page_token=token)


def _source(source: str) -> str:
    if len(source) > MOST_NAME:
        raise FieldProblem("source", f"source has {len(source)} characters; {MOST_NAME} are most.")
    return source


def _ttl_s(request: import_errors_pb2.ReportImportErrorsRequest) -> float:
    if not request.HasField("ttl"):
        return DEFAULT_TTL_S
    ttl_s: float = request.ttl.seconds + request.ttl.nanos / 1e9
    if not 0 < ttl_s <= LONGEST_TTL_S:
        raise FieldProblem("ttl", f"ttl is {ttl_s:g} s; it must be above 0 and at most an hour.")
    return ttl_s


def _errors(request: import_errors_pb2.ReportImportErrorsRequest) -> list[Error]:
    """As many as fit a message of NATS."""
    errors: list[Error] = []
    size = 0
    for one in request.errors[:MOST_ERRORS]:
        try:
            at = datetime_from(one, "at")
        except (ValueError, OverflowError):
            raise FieldProblem("errors.at", "errors.at is no instant.") from None
        error = Error(
            file=one.file[:MOST_NAME],
            line=one.line,
            message=one.message[:MOST_TEXT],
            at=at.timestamp() if at is not None else 0.0,
        )
        size += len(msgspec.json.encode(error))
        if size > MOST_BYTES:
            break
        errors.append(error)
    return errors


def _message(namespace: str, one: tuple[str, int, Error]) -> import_errors_pb2.ImportError:
    source, _, error = one
    message = import_errors_pb2.ImportError(
        namespace=namespace,
        source=source,
        file=error.file,
        line=error.line,
        message=error.message,
    )
    if error.at:
        message.at.FromSeconds(int(error.at))
    return message
