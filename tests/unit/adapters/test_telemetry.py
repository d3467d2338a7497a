"""A trace goes on through a process that exports nothing, and is seen where one exports."""

from __future__ import annotations

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from millstream.adapters import telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def exported(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    # A provider can be set once in a process, and the other tests have none.
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    return exporter


def test_without_an_exporter_there_is_no_trace_but_the_callers_own() -> None:
    with telemetry.span("call"):
        assert telemetry.current_traceparent() == ""
    with telemetry.span("call", PARENT):
        assert telemetry.current_traceparent() == PARENT
        with telemetry.span("within"):
            assert telemetry.current_traceparent() == PARENT
    assert telemetry.current_traceparent() == ""
    with pytest.raises(ZeroDivisionError), telemetry.span("call"):
        raise ZeroDivisionError


def test_an_exporter_that_comes_later_gets_every_span(
    request: pytest.FixtureRequest,
) -> None:
    with telemetry.span("before"):
        pass
    exporter: InMemorySpanExporter = request.getfixturevalue("exported")
    with telemetry.span("alone", dag="etl"):
        assert telemetry.current_traceparent() != ""
    with telemetry.span("child", PARENT):
        assert telemetry.current_traceparent().split("-")[1] == PARENT.split("-")[1]
    with pytest.raises(ZeroDivisionError), telemetry.span("failed"):
        raise ZeroDivisionError
    alone, child, failed = exporter.get_finished_spans()
    assert (alone.name, child.name, failed.name) == ("alone", "child", "failed")
    assert alone.parent is None
    assert alone.attributes == {"dag": "etl"}
    assert child.parent is not None
    assert not failed.status.is_ok
