"""Fail-over: the next model in order, as long as nothing of an answer has been given out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING

from steward_runtime.errors import ModelError, ModelUnavailable
from steward_runtime.limits.breaker import (
    CLOSED,
    BreakerSettings,
    decide_call,
    record_failure,
    record_success,
)
from steward_runtime.models.closing import Closing
from steward_runtime.models.errors import ModelRefused

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ChatModel
    from steward_runtime.turn.messages import ChatDelta, ChatDone, ChatRequest

DEFAULT_SETTINGS = BreakerSettings()


class FailoverModel:
    """Asks models in order; one that keeps failing is left out for a while."""

    def __init__(
        self,
        models: Sequence[tuple[str, ChatModel]],
        monotonic_seconds: Callable[[], float],
        settings: BreakerSettings = DEFAULT_SETTINGS,
    ) -> None:
        """Take the models by name, in the order of `modelRefs`."""
        self._models = tuple(models)
        self._monotonic_seconds = monotonic_seconds
        self._settings = settings
        self._states = dict.fromkeys((name for name, _ in models), CLOSED)

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Ask the first model that answers.

        Raises:
            ModelError: what the only model said, or what another one would not mend.
            ModelUnavailable: if none answered; `retry_after_seconds` is the shortest wait known.
        """
        faults: list[ModelError] = []
        for name, model in self._models:
            left_out = self._admit(name)
            if left_out is not None:
                faults.append(left_out)
                continue
            has_begun = False
            try:
                async with Closing(model.complete(permit, request)) as answer:
                    async for piece in answer:
                        has_begun = True
                        yield piece
            except ModelRefused:
                self._states[name] = record_success()
                raise
            except ModelError as fault:
                self._fail(name)
                if has_begun:
                    raise
                faults.append(fault)
            else:
                self._states[name] = record_success()
                return
        raise _join_faults(faults)

    def _admit(self, name: str) -> ModelUnavailable | None:
        """Return None if the model may be called, else why its breaker keeps it out."""
        admitted = decide_call(self._settings, self._states[name], self._monotonic_seconds())
        self._states[name] = admitted.state
        if admitted.is_granted:
            return None
        return ModelUnavailable(
            f"Model {name} has failed several times and is left out for a while.",
            retry_after_seconds=max(1, round(admitted.wait_seconds)),
        )

    def _fail(self, name: str) -> None:
        now = self._monotonic_seconds()
        self._states[name] = record_failure(self._settings, self._states[name], now)


def _join_faults(faults: Sequence[ModelError]) -> ModelError:
    """Return the only fault, or one that names them all."""
    if len(faults) == 1:
        return faults[0]
    waits = [fault.retry_after_seconds or 1 for fault in faults if fault.retryable]
    said = " ".join(fault.message for fault in faults)
    if not waits:
        return faults[0]
    return ModelUnavailable(f"No model answered. {said}", retry_after_seconds=min(waits))
