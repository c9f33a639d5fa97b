"""Wrapper: a span, counts and durations for every model call; no messages, no answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Protocol

from steward_runtime.errors import StewardError
from steward_runtime.models.closing import Closing
from steward_runtime.telemetry.names import OUTCOME_OK, Attribute, SpanName
from steward_runtime.telemetry.spans import Span, SpanKind, SpanStart, Tracer
from steward_runtime.turn.messages import ChatDone

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ChatModel
    from steward_runtime.turn.messages import ChatDelta, ChatRequest


class ModelMeter(Protocol):
    """Counts model calls and tokens."""

    def record_model_call(self, model: str, outcome: str, seconds: float) -> None:
        """Count one call; `outcome` is `Ok` or a reason."""

    def record_tokens(self, model: str, tokens_in: int, tokens_out: int) -> None:
        """Count the tokens that a model reported."""


class ObservedModel:
    """Opens `chat <model>` around each call of one model."""

    def __init__(
        self,
        name: str,
        inner: ChatModel,
        tracer: Tracer,
        meter: ModelMeter,
        monotonic_seconds: Callable[[], float],
    ) -> None:
        self._name = name
        self._inner = inner
        self._tracer = tracer
        self._meter = meter
        self._monotonic_seconds = monotonic_seconds

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Ask for one answer inside a span."""
        began = self._monotonic_seconds()
        outcome = "Cancelled"
        start = SpanStart(
            SpanName.CHAT,
            self._name,
            SpanKind.CLIENT,
            {
                Attribute.OPERATION: SpanName.CHAT.value,
                Attribute.REQUEST_MODEL: self._name,
                Attribute.TASK_ID: permit.task_id,
            },
        )
        with self._tracer.open_span(start) as span:
            try:
                async with Closing(self._inner.complete(permit, request)) as answer:
                    async for piece in answer:
                        if isinstance(piece, ChatDone):
                            self._record_done(piece, span)
                        yield piece
                outcome = OUTCOME_OK
            except StewardError as error:
                outcome = error.reason
                span.record_failure(error.reason)
                raise
            finally:
                seconds = self._monotonic_seconds() - began
                self._meter.record_model_call(self._name, outcome, seconds)

    def _record_done(self, done: ChatDone, span: Span) -> None:
        usage = done.usage
        span.set_attribute(Attribute.INPUT_TOKENS, usage.prompt_tokens)
        span.set_attribute(Attribute.OUTPUT_TOKENS, usage.completion_tokens)
        span.set_attribute(Attribute.FINISH_REASONS, (done.finish_reason,))
        self._meter.record_tokens(self._name, usage.prompt_tokens, usage.completion_tokens)
