"""W3C Trace Context, level 1: the header `traceparent` (pure)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

HEADER: Final = "traceparent"
_TRACEPARENT: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_SAMPLED: Final = 0x01


@dataclass(frozen=True, slots=True)
class SpanContext:
    """Identity of a span: 32 and 16 lower-case hex digits, and whether it is recorded."""

    trace_id: str
    span_id: str
    is_sampled: bool


def parse_traceparent(header: str | None) -> SpanContext | None:
    """Read the header; None where it is absent or not valid, as the specification asks."""
    match = _TRACEPARENT.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    version, trace_id, span_id, flags, rest = match.groups()
    is_future = version != "00"
    if version == "ff" or (rest and not is_future):
        return None
    if set(trace_id) == {"0"} or set(span_id) == {"0"}:
        return None
    return SpanContext(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def render_traceparent(context: SpanContext) -> str:
    """Write the header for a call that this span makes."""
    return f"00-{context.trace_id}-{context.span_id}-{'01' if context.is_sampled else '00'}"
