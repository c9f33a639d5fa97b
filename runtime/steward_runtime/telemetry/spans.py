"""Spans: what a room opens around its work, whoever records them.

`PlainTracer` records nothing: it makes identifiers, so that logs can be joined and calls carry
`traceparent`. `telemetry.otlp` has the tracer that exports; `wiring` chooses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Protocol

from steward_runtime.telemetry.names import Attribute, SpanName
from steward_runtime.telemetry.trace_context import SpanContext, render_traceparent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

Value = str | int | bool | Sequence[str]
"""What an attribute may hold."""


class SpanKind(StrEnum):
    """Which side of a call the span is."""

    SERVER = "Server"
    CLIENT = "Client"
    INTERNAL = "Internal"


@dataclass(frozen=True, slots=True)
class SpanStart:
    """What is known when a span begins; `subject_name` is an object's name, never content."""

    operation: SpanName
    subject_name: str
    kind: SpanKind
    attributes: Mapping[Attribute, Value]

    @property
    def name(self) -> str:
        """Full name, for example `chat gpt-x`."""
        return f"{self.operation} {self.subject_name}"


class Span(Protocol):
    """An open span."""

    @property
    def context(self) -> SpanContext:
        """Identity of the span."""

    def set_attribute(self, attribute: Attribute, value: Value) -> None:
        """Add or replace one attribute."""

    def record_failure(self, reason: str) -> None:
        """Mark the span as failed; `reason` is a CamelCase constant."""


class Tracer(Protocol):
    """Opens spans."""

    def open_span(
        self, start: SpanStart, parent: SpanContext | None = None
    ) -> AbstractContextManager[Span]:
        """Open a span below `parent`, or below the current span; it ends with the block."""

    def close(self) -> None:
        """Send what is pending and stop; the last call."""


_current: Final[ContextVar[SpanContext | None]] = ContextVar("steward_span", default=None)
_task: Final[ContextVar[str | None]] = ContextVar("steward_task", default=None)


def current_span() -> SpanContext | None:
    """Return the identity of the innermost open span of this task or thread."""
    return _current.get()


def current_task() -> str | None:
    """Return the id of the Steward task that this code works for."""
    return _task.get()


def build_trace_headers() -> dict[str, str]:
    """Return the header that joins a call to the current trace; empty without a span."""
    context = _current.get()
    return {} if context is None else {"traceparent": render_traceparent(context)}


@contextmanager
def working_for(task_id: str) -> Iterator[None]:
    """Name the Steward task in every log line of this block."""
    token = _task.set(task_id)
    try:
        yield
    finally:
        _task.reset(token)


@contextmanager
def entered(context: SpanContext) -> Iterator[None]:
    """Make `context` the current span for this block."""
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)


class _PlainSpan:
    """A span that only has an identity."""

    __slots__ = ("context",)

    def __init__(self, context: SpanContext) -> None:
        self.context = context

    def set_attribute(self, attribute: Attribute, value: Value) -> None:
        """Drop the attribute: nobody records."""

    def record_failure(self, reason: str) -> None:
        """Drop the failure: nobody records."""


class _PlainScope:
    """A plain span as a block; a class, because a generator would cost more than all it does."""

    __slots__ = ("_span", "_token")

    def __init__(self, context: SpanContext) -> None:
        self._span = _PlainSpan(context)

    def __enter__(self) -> Span:
        """Make the span the current one."""
        self._token = _current.set(self._span.context)
        return self._span

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Make the span above the current one again."""
        _current.reset(self._token)


class PlainTracer:
    """Makes identifiers and records nothing."""

    def __init__(self, make_bytes: Callable[[int], bytes]) -> None:
        """Take the source of random bytes."""
        self._make_bytes = make_bytes

    def open_span(
        self, start: SpanStart, parent: SpanContext | None = None
    ) -> AbstractContextManager[Span]:
        """Open a span below `parent`, or below the current span."""
        above = parent or _current.get()
        span_id = self._make_bytes(8).hex()
        if above is None:
            return _PlainScope(SpanContext(self._make_bytes(16).hex(), span_id, is_sampled=False))
        return _PlainScope(SpanContext(above.trace_id, span_id, above.is_sampled))

    def close(self) -> None:
        """Do nothing: nothing is pending."""
