"""Fail-over between models."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from steward_permits import ask_permit_for_model, say
from steward_runtime.clock import ManualClock
from steward_runtime.errors import ModelAnswerBroken, ModelError, ModelUnavailable
from steward_runtime.limits.breaker import BreakerSettings
from steward_runtime.models.errors import ModelMisconfigured, ModelRefused
from steward_runtime.models.failover import FailoverModel
from steward_runtime.models.fake import Failing, Line, Saying, ScriptedModel
from steward_runtime.turn.messages import ChatDelta, ChatDone, ChatRequest, Role

REQUEST = ChatRequest((say(Role.USER, "hello"),))
DOWN = Failing(ModelUnavailable("Model is down.", retry_after_seconds=7))


def _build(
    *scripts: Sequence[Line], clock: ManualClock | None = None
) -> tuple[FailoverModel, list[ScriptedModel]]:
    models = [ScriptedModel(f"m{index}", script) for index, script in enumerate(scripts)]
    named = [(f"m{index}", model) for index, model in enumerate(models)]
    monotonic = (clock or ManualClock()).monotonic_seconds
    return FailoverModel(named, monotonic, BreakerSettings(failures_max=2)), models


async def _ask(model: FailoverModel) -> tuple[str, str]:
    text = ""
    async for piece in model.complete(ask_permit_for_model(), REQUEST):
        match piece:
            case ChatDelta():
                text += piece.text
            case ChatDone():
                return text, piece.model
    raise AssertionError("no ChatDone")


async def test_asks_the_first_model_alone_when_it_answers() -> None:
    """No other model hears of the request."""
    model, (_, second) = _build([Saying(("hi",))], [])
    assert await _ask(model) == ("hi", "m0")
    assert second.requests == []


@pytest.mark.parametrize(
    "error",
    [ModelUnavailable("down"), ModelAnswerBroken("garbage"), ModelMisconfigured("401")],
    ids=lambda error: error.reason,
)
async def test_asks_the_next_model_when_nothing_was_given_out(error: ModelError) -> None:
    """Unreachable, overloaded, broken or misconfigured: the next in order answers."""
    model, _ = _build([Failing(error)], [Saying(("hi",))])
    assert await _ask(model) == ("hi", "m1")


async def test_does_not_start_again_after_text_was_given_out() -> None:
    """A user never sees two answers woven together."""
    model, (_, second) = _build([Failing(ModelAnswerBroken("cut"), "half")], [Saying(("whole",))])
    with pytest.raises(ModelAnswerBroken):
        await _ask(model)
    assert second.requests == []


async def test_asks_no_other_model_when_the_request_itself_is_refused() -> None:
    """A request that is too long is not sent around."""
    model, (_, second) = _build([Failing(ModelRefused("400"))], [Saying(("hi",))])
    with pytest.raises(ModelRefused):
        await _ask(model)
    assert second.requests == []


async def test_names_every_fault_when_no_model_answers() -> None:
    """The error lists what each model said, and the shortest wait."""
    other = Failing(ModelUnavailable("Model m1 is slow.", retry_after_seconds=3))
    model, _ = _build([DOWN], [other])
    with pytest.raises(ModelUnavailable, match=r"down.*slow") as refusal:
        await _ask(model)
    assert refusal.value.retry_after_seconds == 3


async def test_gives_the_fault_of_an_only_model_as_it_is() -> None:
    """With one model there is nothing to sum up: its own reason is the most precise."""
    model, _ = _build([Failing(ModelMisconfigured("check the Secret"))])
    with pytest.raises(ModelMisconfigured, match="check the Secret"):
        await _ask(model)


async def test_leaves_a_failing_model_out_for_a_while() -> None:
    """After two failures it is not asked; after the pause it is tried again and may return."""
    clock = ManualClock()
    answers = [Saying(("b",))] * 3
    model, (first, _) = _build([DOWN, DOWN, Saying(("a",))], answers, clock=clock)
    for _ in range(3):
        assert await _ask(model) == ("b", "m1")
    assert len(first.requests) == 2
    clock.move(5)
    assert await _ask(model) == ("a", "m0")


async def test_answers_at_once_while_every_model_is_left_out() -> None:
    """With all breakers open the client learns how long to wait, and no model is asked."""
    model, (only,) = _build([DOWN, DOWN])
    for _ in range(2):
        with pytest.raises(ModelUnavailable):
            await _ask(model)
    with pytest.raises(ModelUnavailable, match="left out") as refusal:
        await _ask(model)
    assert refusal.value.retry_after_seconds == 5
    assert len(only.requests) == 2
