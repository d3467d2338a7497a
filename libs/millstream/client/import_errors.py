"""``Client.import_errors``: what is wrong with the DAG files that somebody watches."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable
from datetime import datetime, timedelta

import msgspec
from google.protobuf.duration_pb2 import Duration

from millstream.client.modes import Calls, M, call, listing
from millstream.rpc.convert import datetime_from, timestamp_from
from millstream.rpc.v1 import import_errors_pb2


class ImportFault(msgspec.Struct, frozen=True, kw_only=True):
    """A DAG file that could not be read. ``file`` is relative to ``source``, which is the watched
    folder as ``host:/folder/``; ``line`` is 0 where it is unknown."""

    file: str
    message: str
    line: int = 0
    at: datetime | None = None
    source: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}"


class ImportErrors(Calls[M]):
    """The calls of ImportErrorService in one namespace."""

    @call
    async def report(
        self, source: str, faults: Iterable[ImportFault], *, ttl_s: float = 30.0
    ) -> None:
        """Replace all that is known of a source. It is forgotten after ``ttl_s`` without another
        report."""
        ttl = Duration()
        ttl.FromTimedelta(timedelta(seconds=ttl_s))
        request = import_errors_pb2.ReportImportErrorsRequest(
            request_id=uuid.uuid4().hex,
            namespace=self._namespace,
            source=source,
            ttl=ttl,
            errors=[
                import_errors_pb2.ImportError(
                    file=fault.file,
                    line=fault.line,
                    message=fault.message,
                    at=timestamp_from(fault.at),
                )
                for fault in faults
            ],
        )
        await self._ask(request)

    @listing
    async def list(self) -> AsyncIterator[ImportFault]:
        """By source and file."""
        request = import_errors_pb2.ListImportErrorsRequest(namespace=self._namespace)
        async for one in self._items(request, "errors"):
            yield ImportFault(
                file=one.file,
                line=one.line,
                message=one.message,
                at=datetime_from(one, "at"),
                source=one.source,
            )
