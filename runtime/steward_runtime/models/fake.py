"""A scripted model: says what it was told, in the same shape as a real one.

Shipped, so that whoever extends Steward can test without a server. It passes the same contract
tests as `openai_chat`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from steward_runtime.errors import ModelError, ModelUnavailable
from steward_runtime.policy.decide import MODEL_TARGET
from steward_runtime.turn.commands import CommandKind
from steward_runtime.turn.messages import ChatDelta, ChatDone, ToolCall, Usage

if TYPE_CHECKING:
    from steward_runtime.policy.permit import Permit
    from steward_runtime.turn.messages import ChatRequest

BYTES_PER_TOKEN = 4


@dataclass(frozen=True, slots=True)
class Saying:
    """A reply, in pieces."""

    pieces: tuple[str, ...]
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class Calling:
    """Tool calls, after some text or none."""

    calls: tuple[ToolCall, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Failing:
    """An error, after some text or none."""

    error: ModelError
    text: str = ""


Line: TypeAlias = Saying | Calling | Failing
Script: TypeAlias = Iterable[Line] | Callable[["ChatRequest"], Line]


class ScriptedModel:
    """Plays one line of its script per call."""

    def __init__(self, name: str, script: Script) -> None:
        """Take the script: lines in order, or a function of the request."""
        self._name = name
        self._script = script if callable(script) else None
        self._lines = iter(()) if callable(script) else iter(script)
        self.requests: list[ChatRequest] = []
        """Every request so far."""

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Give the next line.

        Raises:
            ModelError: what the script says, or ModelUnavailable when it is over.
        """
        permit.check_covers(CommandKind.CALL_MODEL, MODEL_TARGET)
        self.requests.append(request)
        line = self._script(request) if self._script is not None else next(self._lines, None)
        match line:
            case Saying(pieces, finish_reason):
                for piece in pieces:
                    yield ChatDelta(piece)
                yield self._finish(request, "".join(pieces), (), finish_reason)
            case Calling(calls, text):
                if text:
                    yield ChatDelta(text)
                yield self._finish(request, text, calls, "tool_calls")
            case Failing(error, text):
                if text:
                    yield ChatDelta(text)
                raise error
            case None:
                raise ModelUnavailable(f"The script of model {self._name} is over.")

    def _finish(
        self, request: ChatRequest, text: str, calls: tuple[ToolCall, ...], finish_reason: str
    ) -> ChatDone:
        asked = sum(len(message.text.encode()) for message in request.messages)
        usage = Usage(asked // BYTES_PER_TOKEN, len(text.encode()) // BYTES_PER_TOKEN)
        return ChatDone(text, calls, finish_reason, usage, self._name)
