"""Spans without exporter."""

from __future__ import annotations

import asyncio

from steward_runtime.telemetry.names import Attribute, SpanName
from steward_runtime.telemetry.spans import (
    PlainTracer,
    SpanKind,
    SpanStart,
    build_trace_headers,
    current_span,
    current_task,
    working_for,
)
from steward_runtime.telemetry.trace_context import SpanContext

START = SpanStart(SpanName.CHAT, "m", SpanKind.CLIENT, {})
PARENT = SpanContext("a" * 32, "b" * 16, is_sampled=True)


def _tracer() -> PlainTracer:
    return PlainTracer(lambda size: b"\x11" * size)


def test_continues_the_trace_of_the_caller() -> None:
    """A span below a remote parent keeps its trace and its decision to sample."""
    with _tracer().open_span(START, PARENT) as span:
        assert span.context == SpanContext("a" * 32, "11" * 8, is_sampled=True)
        assert build_trace_headers() == {"traceparent": f"00-{'a' * 32}-{'11' * 8}-01"}


def test_nests_spans_and_restores_the_one_above() -> None:
    """An inner span belongs to the outer one; after the block the outer one is current again."""
    tracer = _tracer()
    with tracer.open_span(START, PARENT) as outer:
        with tracer.open_span(START) as inner:
            inner.set_attribute(Attribute.INPUT_TOKENS, 1)
            assert inner.context.trace_id == outer.context.trace_id
        assert current_span() == outer.context
    assert current_span() is None
    assert build_trace_headers() == {}


async def test_keeps_tasks_of_different_requests_apart() -> None:
    """Two asyncio tasks see their own Steward task."""

    async def work(name: str) -> str | None:
        with working_for(name):
            await asyncio.sleep(0)
            return current_task()

    first, second = await asyncio.gather(work("a"), work("b"))
    assert (first, second) == ("a", "b")
    assert current_task() is None
