"""W3C trace context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.telemetry.trace_context import (
    SpanContext,
    parse_traceparent,
    render_traceparent,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def test_reads_what_the_specification_shows() -> None:
    """The example of the specification: version 00, sampled."""
    assert parse_traceparent(f"00-{TRACE}-{SPAN}-01") == SpanContext(TRACE, SPAN, is_sampled=True)


def test_accepts_a_longer_header_of_a_later_version() -> None:
    """A later version may append fields; the first four keep their meaning."""
    assert parse_traceparent(f"01-{TRACE}-{SPAN}-00-more") is not None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "garbage",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE.upper()}-{SPAN}-01",
    ],
)
def test_ignores_a_header_that_is_not_valid(header: str | None) -> None:
    """A broken header starts a new trace instead of failing the request."""
    assert parse_traceparent(header) is None


@given(trace=st.text("0123456789abcdef", min_size=32, max_size=32), sampled=st.booleans())
def test_reads_back_what_it_writes(trace: str, sampled: bool) -> None:
    """Rendering and parsing are inverse for every identity."""
    context = SpanContext("1" + trace[1:], SPAN, sampled)
    assert parse_traceparent(render_traceparent(context)) == context


@given(header=st.text(max_size=80))
def test_never_fails_on_any_text(header: str) -> None:
    """Whatever a client sends, parsing gives a context or None."""
    parse_traceparent(header)
