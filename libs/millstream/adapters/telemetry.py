"""OpenTelemetry: traces that cross the log. A run's trace context is in each of its events, so
spans of different processes, hours apart, belong to one trace.

Nothing is exported unless ``OTEL_TRACES_EXPORTER`` says so: ``console``, or ``otlp`` where the
package opentelemetry-exporter-otlp is installed. The other ``OTEL_*`` variables mean what they
always mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from millstream.adapters.settings import InvalidSettings

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

TRACEPARENT = "traceparent"
_OTLP = "opentelemetry.exporter.otlp.proto.grpc.trace_exporter"
_propagator = TraceContextTextMapPropagator()


def configure(service: str, instance: str, environ: Mapping[str, str] = os.environ) -> None:
    """Once at the start of a process. Raises :class:`InvalidSettings` for an exporter that is not
    there."""
    wanted = environ.get("OTEL_TRACES_EXPORTER", "none")
    if wanted == "none":
        return
    # A tenth of a second of each start, for those who want it.
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create(
        {"service.name": f"millstream-{service}", "service.instance.id": instance}
    )
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(_exporter(wanted)))
    trace.set_tracer_provider(provider)


def _exporter(wanted: str) -> SpanExporter:
    if wanted == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter

        return ConsoleSpanExporter()
    if wanted == "otlp":
        try:
            exporter: SpanExporter = import_module(_OTLP).OTLPSpanExporter()
        except ImportError as error:
            raise InvalidSettings(
                "OTEL_TRACES_EXPORTER=otlp needs a package: pip install opentelemetry-exporter-otlp"
            ) from error
        return exporter
    raise InvalidSettings(f"OTEL_TRACES_EXPORTER={wanted!r} is unknown: use none, console or otlp.")


@contextmanager
def span(name: str, parent: str = "", **attributes: str | int) -> Iterator[None]:
    """A span around a call; ``parent`` is a W3C traceparent, "" for none. What is not a traceparent
    counts as none."""
    if not parent and isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
        # Nobody gets to see it, and it goes on with no trace.
        yield
        return
    context = _propagator.extract({TRACEPARENT: parent}) if parent else None
    with _tracer().start_as_current_span(
        name, context=context, kind=SpanKind.SERVER, attributes=attributes
    ):
        yield


def current_traceparent() -> str:
    """The traceparent of the span around this call; "" outside of any trace."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACEPARENT, "")


def record_span(
    name: str,
    parent: str,
    started_at: datetime,
    ended_at: datetime,
    error: str = "",
    **attributes: str | int,
) -> None:
    """A span of something that is over. ``error``: "" if it went well."""
    context = _propagator.extract({TRACEPARENT: parent}) if parent else None
    made = _tracer().start_span(
        name,
        context=context,
        kind=SpanKind.CONSUMER,
        attributes={f"millstream.{name}": value for name, value in attributes.items()},
        start_time=_nanoseconds(started_at),
    )
    if error:
        made.set_status(Status(StatusCode.ERROR, error))
    made.end(_nanoseconds(ended_at))


def is_exporting() -> bool:
    """Is it worth the while to make spans?"""
    return hasattr(trace.get_tracer_provider(), "add_span_processor")


def shut_down() -> None:
    """Export what is left."""
    if is_exporting():
        trace.get_tracer_provider().shutdown()  # type: ignore[attr-defined]


def _tracer() -> Any:
    return trace.get_tracer("millstream")


def _nanoseconds(instant: datetime) -> int:
    return int(instant.timestamp() * 1e9)
