"""Tool calling by JSON Schema, for models that call no tools of themselves (pure).

The model is offered a schema `oneOf` over the tools and a plain reply, and a server that decodes by
grammar cannot leave it: `{"tool": name, "arguments": {...}}` or `{"reply": text}`. Nothing is
forced: which branch is taken is the model's choice. Earlier calls and results are shown as text,
because the template of such a model has no place for them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import orjson

from steward_runtime.labels import BOTTOM, join
from steward_runtime.turn.messages import (
    ChatDone,
    ChatRequest,
    Message,
    ModelOptions,
    Role,
    ToolCall,
    ToolOffer,
)

SCHEMA_NAME: Final = "reply_or_tool"
NONE_CHOICE: Final = "none"
REQUIRED_CHOICE: Final = "required"
CHOICE_TEMPERATURE_MILLI: Final = 0
"""Where the client does not say: a choice is no place for chance. SmolLM2-135M lost half of its
right choices at llama.cpp's own default of 0.8."""


class ChoiceUnusable(Exception):
    """The model's text is neither a reply nor a call; the text here never quotes it."""


def check_is_constrained(request: ChatRequest) -> bool:
    """Say whether a request needs the schema: it offers tools and does not forbid their use."""
    return bool(request.tools) and _parse_choice(request.options) != NONE_CHOICE


def build_request(request: ChatRequest) -> ChatRequest:
    """Turn a request with tools into one that asks for JSON by schema."""
    offers = _choose_offers(request)
    may_reply = _parse_choice(request.options) in {"auto", NONE_CHOICE}
    schema = _build_schema(offers, request.options, may_reply=may_reply)
    wrapped = {"name": SCHEMA_NAME, "strict": True, "schema": schema}
    response_format = {"type": "json_schema", "json_schema": wrapped}
    options = replace(
        request.options,
        tool_choice=None,
        response_format=orjson.dumps(response_format).decode(),
        temperature_milli=request.options.temperature_milli or CHOICE_TEMPERATURE_MILLI,
    )
    return ChatRequest(_render_messages(request.messages, offers), (), options)


def build_plain_request(request: ChatRequest) -> ChatRequest:
    """Turn a request whose tools are not to be used into one without tools.

    Results join the message that they answer and calls are left out: shown a call, a small model
    writes one more, as text (seen in 5 of 5 tries with SmolLM2-135M; folded, in none).
    """
    options = replace(request.options, tool_choice=None)
    return ChatRequest(_fold_messages(request.messages), (), options)


def parse_done(done: ChatDone, call_id: str, reply: str = "") -> ChatDone:
    """Read the whole text of an answer as a reply or a call.

    `reply` is what `PartialReply` read of it: where tokens ran out in the middle of a reply, that
    is the reply, as with any other model; half a call is never one.

    Raises:
        ChoiceUnusable: if it is neither.
    """
    try:
        choice = orjson.loads(done.text)
    except orjson.JSONDecodeError:
        if done.finish_reason == "length" and reply:
            return replace(done, text=reply, tool_calls=())
        what = "ran out of tokens" if done.finish_reason == "length" else "is not JSON"
        raise ChoiceUnusable(f"its constrained answer {what}") from None
    if not isinstance(choice, dict):
        raise ChoiceUnusable("its constrained answer is not an object")
    if "reply" in choice:
        said = choice["reply"]
        text = said if isinstance(said, str) else orjson.dumps(said).decode()
        return replace(done, text=text, tool_calls=())
    tool, arguments = choice.get("tool"), choice.get("arguments")
    if not isinstance(tool, str) or not isinstance(arguments, dict):
        raise ChoiceUnusable("its constrained answer is neither a reply nor a call")
    call = ToolCall(call_id, tool, orjson.dumps(arguments).decode())
    return replace(done, text="", tool_calls=(call,), finish_reason="tool_calls")


def _parse_choice(options: ModelOptions) -> str:
    """Return `auto`, `none`, `required`, or `=<name>` for one named tool."""
    if options.tool_choice is None:
        return "auto"
    choice = orjson.loads(options.tool_choice)
    if isinstance(choice, dict):
        return f"={choice.get('function', {}).get('name', '')}"
    return str(choice)


def _choose_offers(request: ChatRequest) -> tuple[ToolOffer, ...]:
    choice = _parse_choice(request.options)
    if not choice.startswith("="):
        return request.tools
    return tuple(offer for offer in request.tools if offer.name == choice[1:]) or request.tools


def _build_schema(
    offers: tuple[ToolOffer, ...], options: ModelOptions, *, may_reply: bool
) -> dict[str, Any]:
    branches = [_build_call_branch(offer) for offer in offers]
    if may_reply:
        branches.append(_build_branch({"reply": _build_reply_schema(options)}))
    return branches[0] if len(branches) == 1 else {"oneOf": branches}


def _build_call_branch(offer: ToolOffer) -> dict[str, Any]:
    arguments = orjson.loads(offer.schema)
    if arguments.get("type") != "object":
        arguments = {**arguments, "type": "object"}
    return _build_branch({"tool": {"const": offer.name}, "arguments": arguments})


def _build_branch(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _build_reply_schema(options: ModelOptions) -> dict[str, Any]:
    """Return what a reply may be: text, or what the client's own `response_format` asks for."""
    wanted = orjson.loads(options.response_format) if options.response_format else {}
    if wanted.get("type") == "json_schema":
        schema: dict[str, Any] = wanted["json_schema"].get("schema", {})
        return schema
    if wanted.get("type") == "json_object":
        return {"type": "object"}
    return {"type": "string", "minLength": 1}


def _render_messages(
    messages: tuple[Message, ...], offers: tuple[ToolOffer, ...]
) -> tuple[Message, ...]:
    names = {call.call_id: call.tool for message in messages for call in message.tool_calls}
    rendered = [_render_message(message, names, is_json=bool(offers)) for message in messages]
    if not offers:
        return tuple(rendered)
    guide = _render_guide(offers)
    if rendered and rendered[0].role is Role.SYSTEM:
        first = rendered[0]
        rendered[0] = replace(first, text=f"{first.text}\n\n{guide}")
    else:
        rendered.insert(0, Message(Role.SYSTEM, guide, BOTTOM))
    return tuple(rendered)


def _fold_messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    names = {call.call_id: call.tool for message in messages for call in message.tool_calls}
    folded: list[Message] = []
    for message in messages:
        if message.role is Role.TOOL and folded and folded[-1].role is Role.USER:
            asked, result = folded[-1], _render_message(message, names, is_json=False)
            label = join(asked.label, result.label)
            folded[-1] = replace(asked, text=f"{asked.text}\n{result.text}", label=label)
        elif message.role is Role.TOOL:
            folded.append(_render_message(message, names, is_json=False))
        elif message.text or not message.tool_calls:
            folded.append(replace(message, tool_calls=()))
    return tuple(folded)


def _render_guide(offers: tuple[ToolOffer, ...]) -> str:
    lines = [f"- {offer.name}: {offer.description}" for offer in offers]
    return "\n".join(
        (
            "Answer with one JSON object.",
            'To use a tool: {"tool": "<name>", "arguments": {...}}',
            'To answer the user: {"reply": "<text>"}',
            "Tools:",
            *lines,
        )
    )


def _render_message(message: Message, names: dict[str, str], *, is_json: bool) -> Message:
    """Show calls and results as text, and replies as the JSON that is asked for; labels stay."""
    if message.role is Role.TOOL:
        tool = names.get(message.call_id or "", "the tool")
        return Message(Role.USER, f"Result of {tool}: {message.text}", message.label)
    if message.tool_calls:
        calls = [
            orjson.dumps({"tool": call.tool, "arguments": orjson.Fragment(call.arguments)}).decode()
            for call in message.tool_calls
        ]
        return replace(message, text="\n".join(filter(None, (message.text, *calls))), tool_calls=())
    if message.role is Role.ASSISTANT and is_json:
        return replace(message, text=orjson.dumps({"reply": message.text}).decode())
    return message
