"""Wrapper: tool calling for models that only write text, by asking for JSON by schema."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from steward_runtime.errors import ModelAnswerBroken
from steward_runtime.models.closing import Closing
from steward_runtime.models.constrained_wire import (
    ChoiceUnusable,
    build_plain_request,
    build_request,
    check_is_constrained,
    parse_done,
)
from steward_runtime.models.partial_reply import PartialReply
from steward_runtime.turn.messages import ChatDelta, ChatDone

if TYPE_CHECKING:
    from steward_runtime.clock import Ids
    from steward_runtime.policy.permit import Permit
    from steward_runtime.tasks.ports import ChatModel
    from steward_runtime.turn.messages import ChatRequest


class ConstrainedModel:
    """Offers tools as a JSON Schema and reads the choice back."""

    def __init__(self, name: str, inner: ChatModel, ids: Ids) -> None:
        self._name = name
        self._inner = inner
        self._ids = ids

    async def complete(
        self, permit: Permit, request: ChatRequest
    ) -> AsyncIterator[ChatDelta | ChatDone]:
        """Ask for one answer; a plain reply streams, a call comes whole.

        Raises:
            ModelAnswerBroken: if the answer is neither, as from a server that ignores the schema.
        """
        if not check_is_constrained(request):
            async with Closing(self._inner.complete(permit, build_plain_request(request))) as plain:
                async for piece in plain:
                    yield piece
            return
        reply, given = PartialReply(), ""
        async with Closing(self._inner.complete(permit, build_request(request))) as answer:
            async for piece in answer:
                if isinstance(piece, ChatDelta):
                    text = reply.feed(piece.text)
                    given += text
                    if text:
                        yield ChatDelta(text)
                    continue
                done = self._parse(piece, given)
                if len(done.text) > len(given):
                    yield ChatDelta(done.text[len(given) :])
                yield done

    def _parse(self, done: ChatDone, reply: str) -> ChatDone:
        try:
            return parse_done(done, self._ids.new_id("call"), reply)
        except ChoiceUnusable as error:
            raise ModelAnswerBroken(
                f"Model {self._name}: {error}. Use a server that supports response_format "
                "json_schema, or raise maxOutputTokens."
            ) from None
