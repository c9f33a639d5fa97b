"""Spans sent by OTLP over HTTP; imported only when an endpoint is configured."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    NonRecordingSpan,
    StatusCode,
    TraceFlags,
    format_span_id,
    format_trace_id,
    set_span_in_context,
)
from opentelemetry.trace import Span as OpenTelemetrySpan
from opentelemetry.trace import SpanContext as OpenTelemetryContext
from opentelemetry.trace import SpanKind as OpenTelemetryKind

from steward_runtime.telemetry.names import SERVICE_NAME, Attribute
from steward_runtime.telemetry.spans import (
    Span,
    SpanKind,
    SpanStart,
    Value,
    current_span,
    entered,
)
from steward_runtime.telemetry.trace_context import SpanContext

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    SpanKind.SERVER: OpenTelemetryKind.SERVER,
    SpanKind.CLIENT: OpenTelemetryKind.CLIENT,
    SpanKind.INTERNAL: OpenTelemetryKind.INTERNAL,
}


class _ExportedSpan:
    """A span of the SDK behind our protocol."""

    def __init__(self, span: OpenTelemetrySpan) -> None:
        self._span = span
        identity = span.get_span_context()
        self.context = SpanContext(
            format_trace_id(identity.trace_id),
            format_span_id(identity.span_id),
            bool(identity.trace_flags & TraceFlags.SAMPLED),
        )

    def set_attribute(self, attribute: Attribute, value: Value) -> None:
        """Add or replace one attribute."""
        self._span.set_attribute(attribute.value, value)

    def record_failure(self, reason: str) -> None:
        """Mark the span as failed; no text but the reason."""
        self._span.set_status(StatusCode.ERROR)
        self._span.set_attribute(Attribute.ERROR_TYPE.value, reason)


class ExportingTracer:
    """Sends spans to the endpoint that the environment names (`OTEL_EXPORTER_OTLP_*`)."""

    def __init__(self, version: str, assistant: str) -> None:
        """Build provider and exporter; sampling follows `OTEL_TRACES_SAMPLER`."""
        resource = Resource.create(
            {
                "service.name": SERVICE_NAME,
                "service.version": version,
                "service.instance.id": assistant,
            }
        )
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer(SERVICE_NAME, version)

    @contextmanager
    def open_span(self, start: SpanStart, parent: SpanContext | None = None) -> Iterator[Span]:
        """Open a recorded span below `parent`, or below the current span."""
        above = parent or current_span()
        span = self._tracer.start_span(
            start.name,
            context=None if above is None else _build_context(above),
            kind=_KINDS[start.kind],
            attributes={key.value: value for key, value in start.attributes.items()},
            record_exception=False,
            set_status_on_exception=False,
        )
        exported = _ExportedSpan(span)
        try:
            with entered(exported.context):
                yield exported
        finally:
            span.end()

    def close(self) -> None:
        """Send what is pending and stop."""
        self._provider.shutdown()


def _build_context(above: SpanContext) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if above.is_sampled else TraceFlags.DEFAULT)
    identity = OpenTelemetryContext(
        int(above.trace_id, 16), int(above.span_id, 16), is_remote=True, trace_flags=flags
    )
    return set_span_in_context(NonRecordingSpan(identity))
