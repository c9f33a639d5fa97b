"""Request bodies become what the driver takes; a body that cannot is refused by name of its field.

The messages here are our own: pydantic's may quote what was sent.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from steward_runtime.errors import NotFound, RequestRefused
from steward_runtime.server.wire import (
    ChatBody,
    ChatMessage,
    MemoryBody,
    NamedTool,
    OfferedTool,
    ResponseFormat,
)
from steward_runtime.tasks.requests import TurnRequest
from steward_runtime.turn.messages import (
    Caller,
    ClientMessage,
    ModelOptions,
    ToolCall,
    ToolOffer,
)

Body = TypeVar("Body", bound=BaseModel)

ADVICE_OF_TYPE: Final = {
    "extra_forbidden": "is not known here; leave it out",
    "missing": "is required",
    "string_type": "must be a string",
    "int_type": "must be an integer",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "list_type": "must be an array",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_short": "is too short",
    "too_long": "is too long",
    "string_too_short": "must not be empty",
    "string_too_long": "is too long",
    "string_pattern_mismatch": "may hold letters, digits, '_' and '-' only",
    "none_required": "is not supported; leave it out",
}
BOUND_TYPES: Final = frozenset(
    {"greater_than_equal", "less_than_equal", "greater_than", "less_than"}
)


def parse_json(body: bytes) -> Any:
    """Decode a body.

    Raises:
        RequestRefused: if it is not UTF-8 or not JSON.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise RequestRefused(
            f"The body is not UTF-8: byte {error.start} is invalid. Encode it as UTF-8.",
            reason="BodyNotUtf8",
        ) from None
    what = "is not valid JSON" if body.strip() else "is empty; send a JSON object"
    raise RequestRefused(f"The body {what}.", reason="BodyNotJson")


def parse_body(kind: type[Body], body: bytes) -> Body:
    """Decode a body and hold it to its shape.

    Raises:
        RequestRefused: if it has another shape; names the field and what to do.
    """
    document = parse_json(body)
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        raise _refuse(error) from None


def parse_memory(body: bytes) -> MemoryBody:
    """Decode the body of POST /v1/memories.

    Raises:
        RequestRefused: if it has another shape.
    """
    return parse_body(MemoryBody, body)


def build_turn_request(
    chat: ChatBody, body: bytes, caller: Caller, *, conversation_id: str | None, is_retry: bool
) -> TurnRequest:
    """Turn a checked body into the driver's request.

    Raises:
        RequestRefused: if messages or options contradict each other.
    """
    return TurnRequest(
        caller=caller,
        messages=tuple(
            _build_message(message, position) for position, message in enumerate(chat.messages)
        ),
        body_digest=hashlib.sha256(body).digest(),
        conversation_id=conversation_id,
        options=_build_options(chat),
        client_tools=tuple(_build_offer(tool) for tool in chat.tools or ()),
        is_retry=is_retry,
    )


def check_model(chat: ChatBody, assistant: str) -> None:
    """Refuse a request for another model than the one that is served.

    Raises:
        NotFound: if the name differs.
    """
    if chat.model != assistant:
        raise NotFound(
            f"This endpoint serves the model {assistant}. Name it in `model`, or list /v1/models.",
            param="model",
            reason="ModelNotFound",
        )


def _build_message(message: ChatMessage, position: int) -> ClientMessage:
    place = f"messages.{position}"
    if message.content is None and not message.tool_calls:
        raise RequestRefused(
            f"`{place}.content` is required.", param=f"{place}.content", reason="FieldMissing"
        )
    if message.role == "tool" and message.tool_call_id is None:
        raise RequestRefused(
            f"`{place}.tool_call_id` is required for a tool message.",
            param=f"{place}.tool_call_id",
            reason="FieldMissing",
        )
    if message.tool_calls and message.role != "assistant":
        raise RequestRefused(
            f"`{place}.tool_calls` belongs to assistant messages; leave it out.",
            param=f"{place}.tool_calls",
            reason="FieldUnknown",
        )
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content or ())
    calls = tuple(
        ToolCall(call.id, call.function.name, call.function.arguments)
        for call in message.tool_calls or ()
    )
    return ClientMessage(message.role, text, calls, message.tool_call_id)


def _build_offer(tool: OfferedTool) -> ToolOffer:
    function = tool.function
    schema = function.parameters or {"type": "object", "properties": {}}
    return ToolOffer(
        function.name, function.description, orjson.dumps(schema).decode(), is_client=True
    )


def _build_options(chat: ChatBody) -> ModelOptions:
    limits = [each for each in (chat.max_tokens, chat.max_completion_tokens) if each is not None]
    stop = (chat.stop,) if isinstance(chat.stop, str) else tuple(chat.stop or ())
    return ModelOptions(
        temperature_milli=_to_milli(chat.temperature),
        top_p_milli=_to_milli(chat.top_p),
        max_tokens=min(limits, default=None),
        stop=stop,
        seed=chat.seed,
        tool_choice=_render_choice(chat.tool_choice),
        response_format=_render_format(chat.response_format),
    )


def _to_milli(value: float | None) -> int | None:
    return None if value is None else round(value * 1_000)


def _render_choice(choice: str | NamedTool | None) -> str | None:
    if choice is None or choice == "auto":
        return None
    document = choice.model_dump() if isinstance(choice, NamedTool) else choice
    return orjson.dumps(document).decode()


def _render_format(wanted: ResponseFormat | None) -> str | None:
    if wanted is None or wanted.type == "text":
        return None
    if wanted.type == "json_schema" and wanted.json_schema is None:
        raise RequestRefused(
            "`response_format.json_schema` is required for type json_schema.",
            param="response_format.json_schema",
            reason="FieldMissing",
        )
    return orjson.dumps(wanted.model_dump(by_alias=True, exclude_none=True)).decode()


def _refuse(error: ValidationError) -> RequestRefused:
    """Name the first field that is wrong, and what to do about it; never its value."""
    first = _choose_error(error)
    path = _render_path(first["loc"])
    kind, context = first["type"], first.get("ctx") or {}
    advice = ADVICE_OF_TYPE.get(kind)
    if kind == "literal_error":
        advice = f"must be {str(context.get('expected', 'another value')).lower()}"
    elif kind in BOUND_TYPES:
        bound = context.get("ge", context.get("le", context.get("gt", context.get("lt"))))
        advice = f"must be {kind.replace('_', ' ')} {bound}".replace(
            "than equal", "than or equal to"
        )
    reason = {"extra_forbidden": "FieldUnknown", "missing": "FieldMissing"}.get(
        kind, "FieldInvalid"
    )
    if not path:
        return RequestRefused("The body must be a JSON object.", reason="BodyNotObject")
    return RequestRefused(
        f"`{path}` {advice or 'has a value that is not accepted'}.", param=path, reason=reason
    )


def _choose_error(error: ValidationError) -> Any:
    """Prefer the error that lies deepest: of a union, the branch that was meant."""
    errors = error.errors(include_url=False, include_context=True, include_input=False)
    top = errors[0]["loc"][:1]
    return max(
        (each for each in errors if each["loc"][:1] == top), key=lambda each: len(each["loc"])
    )


_UNION_MARK: Final = re.compile(r"str|NamedTool|(list|literal|constrained-str|function-\w+)\[.*")
_PATH_LENGTH_MAX: Final = 200


def _render_path(place: tuple[int | str, ...]) -> str:
    """Write `messages.0.role`; marks that pydantic puts in for branches of a union are left out."""
    first, *rest = (str(part) for part in place or ("",))
    parts = [first, *(part for part in rest if not _UNION_MARK.fullmatch(part))]
    return ".".join(parts)[:_PATH_LENGTH_MAX]
