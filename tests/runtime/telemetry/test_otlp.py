"""Spans over OTLP, against a receiver on loopback."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from steward_runtime.telemetry.names import Attribute, SpanName
from steward_runtime.telemetry.otlp import ExportingTracer
from steward_runtime.telemetry.spans import SpanKind, SpanStart, current_span
from steward_runtime.telemetry.trace_context import SpanContext

PARENT = SpanContext("ab" * 16, "cd" * 8, is_sampled=True)


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Run a receiver that keeps request bodies, and point the exporter at it."""
    bodies: list[bytes] = []

    class Receiver(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            is_packed = self.headers.get("Content-Encoding") == "gzip"
            bodies.append(gzip.decompress(body) if is_packed else body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base
            """Stay silent."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    yield bodies
    server.shutdown()
    server.server_close()
    thread.join()


def test_sends_spans_with_their_parent_and_attributes(received: list[bytes]) -> None:
    """The receiver gets name, parent, attributes and failure of a span."""
    tracer = ExportingTracer("0.1", "helpdesk")
    start = SpanStart(SpanName.CHAT, "m", SpanKind.CLIENT, {Attribute.REQUEST_MODEL: "m"})
    with tracer.open_span(start, PARENT) as span:
        assert current_span() == span.context
        span.set_attribute(Attribute.OUTPUT_TOKENS, 7)
        span.record_failure("ModelUnavailable")
    tracer.close()
    message = ExportTraceServiceRequest()
    message.ParseFromString(received[0])
    (sent,) = message.resource_spans[0].scope_spans[0].spans
    attributes = {pair.key: pair.value for pair in sent.attributes}
    assert (sent.name, sent.trace_id.hex()) == ("chat m", PARENT.trace_id)
    assert sent.parent_span_id.hex() == PARENT.span_id
    assert attributes["gen_ai.usage.output_tokens"].int_value == 7
    assert attributes["error.type"].string_value == "ModelUnavailable"


def test_follows_the_decision_of_the_caller_not_to_record(received: list[bytes]) -> None:
    """A trace that the caller did not sample is continued but not sent."""
    tracer = ExportingTracer("0.1", "helpdesk")
    start = SpanStart(SpanName.CHAT, "m", SpanKind.CLIENT, {})
    quiet = SpanContext(PARENT.trace_id, PARENT.span_id, is_sampled=False)
    with tracer.open_span(start, quiet) as span:
        assert span.context.trace_id == PARENT.trace_id
    tracer.close()
    assert received == []


def test_ends_the_span_when_its_work_is_cancelled(received: list[bytes]) -> None:
    """An exception passes through; the span is sent without its text."""
    tracer = ExportingTracer("0.1", "helpdesk")
    start = SpanStart(SpanName.EXECUTE_TOOL, "t", SpanKind.CLIENT, {})
    with pytest.raises(ValueError, match="marker"), tracer.open_span(start, PARENT):
        raise ValueError("marker-91")
    tracer.close()
    assert len(received) == 1
    assert b"marker-91" not in received[0]
