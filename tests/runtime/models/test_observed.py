"""Spans and counts of model calls."""

from __future__ import annotations

import pytest

from steward_permits import ask_permit_for_model, say
from steward_runtime.clock import ManualClock
from steward_runtime.errors import ModelUnavailable
from steward_runtime.models.fake import Failing, Line, Saying, ScriptedModel
from steward_runtime.models.observed import ObservedModel
from steward_runtime.telemetry.spans import PlainTracer, current_span
from steward_runtime.turn.messages import ChatRequest, Role

REQUEST = ChatRequest((say(Role.USER, "hello you"),))


class Meter:
    """Keeps what is counted."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.tokens: list[tuple[int, int]] = []

    def record_model_call(self, model: str, outcome: str, seconds: float) -> None:
        """Keep one call."""
        self.calls.append((model, outcome))

    def record_tokens(self, model: str, tokens_in: int, tokens_out: int) -> None:
        """Keep tokens."""
        self.tokens.append((tokens_in, tokens_out))


def _build(line: Line, meter: Meter) -> ObservedModel:
    tracer = PlainTracer(lambda n: b"\x01" * n)
    clock = ManualClock().monotonic_seconds
    return ObservedModel("main", ScriptedModel("main", [line]), tracer, meter, clock)


async def test_counts_a_call_and_its_tokens() -> None:
    """Success counts as Ok, with the tokens that the model reported."""
    meter = Meter()
    model = _build(Saying(("well then",)), meter)
    spans = [current_span() async for _ in model.complete(ask_permit_for_model(), REQUEST)]
    assert (meter.calls, meter.tokens) == ([("main", "Ok")], [(2, 2)])
    assert all(span is not None for span in spans)
    assert current_span() is None


async def test_counts_a_failure_by_its_reason() -> None:
    """The reason of the error is the outcome."""
    meter = Meter()
    model = _build(Failing(ModelUnavailable("down")), meter)
    with pytest.raises(ModelUnavailable):
        await anext(model.complete(ask_permit_for_model(), REQUEST))
    assert meter.calls == [("main", "ModelUnavailable")]


async def test_counts_a_call_that_nobody_read_to_its_end() -> None:
    """A closed answer counts as Cancelled."""
    meter = Meter()
    answer = _build(Saying(("a", "b")), meter).complete(ask_permit_for_model(), REQUEST)
    await anext(answer)
    await answer.aclose()  # type: ignore[attr-defined] # a generator
    assert meter.calls == [("main", "Cancelled")]
