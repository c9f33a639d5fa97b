"""Reading and writing the parts of a record's payload (pure).

A payload is a JSON object. Content stands in it as `[index, value]`, where `index` counts into the
payload's own table of labels, so that no value is without one.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from steward_runtime.labels import Label, join, parse_label, render_label
from steward_runtime.turn.messages import (
    Caller,
    Message,
    ModelOptions,
    Recalled,
    Role,
    ToolCall,
    ToolOffer,
    Usage,
)

OPTION_NAMES: Final = (
    "temperature_milli",
    "top_p_milli",
    "max_tokens",
    "seed",
    "tool_choice",
    "response_format",
)


class PayloadWriter:
    """Collects the labels of one payload while its parts are written."""

    def __init__(self) -> None:
        self._labels: dict[Label, int] = {}

    def value(self, content: str, label: Label) -> list[Any]:
        """Write one labelled value."""
        return [self._labels.setdefault(label, len(self._labels)), content]

    def calls(self, calls: tuple[ToolCall, ...], label: Label) -> list[dict[str, Any]]:
        """Write tool calls; the model chose name and arguments, so both are content."""
        return [
            {
                "id": call.call_id,
                "tool": self.value(call.tool, label),
                "arguments": self.value(call.arguments, label),
            }
            for call in calls
        ]

    def message(self, message: Message) -> dict[str, Any]:
        """Write a message."""
        document: dict[str, Any] = {
            "role": message.role.value,
            "text": self.value(message.text, message.label),
        }
        if message.tool_calls:
            document["calls"] = self.calls(message.tool_calls, message.label)
        if message.call_id is not None:
            document["call"] = message.call_id
        return document

    def offer(self, offer: ToolOffer, label: Label) -> dict[str, Any]:
        """Write a tool that the client offers."""
        return {
            "name": self.value(offer.name, label),
            "description": self.value(offer.description, label),
            "schema": self.value(offer.schema, label),
        }

    def recalled(self, record: Recalled) -> dict[str, Any]:
        """Write a record of memory."""
        return {
            "id": record.record_id,
            "segment": record.segment,
            "text": self.value(record.text, record.label),
            "at": record.written_at_ms,
        }

    def finish(self, version: int, members: dict[str, Any]) -> tuple[bytes, Label]:
        """Return the payload's bytes and the join of its labels."""
        document = {
            "v": version,
            "labels": [orjson.Fragment(render_label(label)) for label in self._labels],
            **members,
        }
        return orjson.dumps(document), join(*self._labels)


class PayloadReader:
    """Reads the parts of one payload.

    Args:
        document: the parsed JSON object.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.labels: tuple[Label, ...] = tuple(parse_label(label) for label in document["labels"])

    def value(self, pair: list[Any]) -> str:
        """Read one labelled value without its label."""
        return str(pair[1])

    def label(self, pair: list[Any]) -> Label:
        """Read the label of one labelled value."""
        index: int = pair[0]
        return self.labels[index]

    def calls(self, documents: list[dict[str, Any]]) -> tuple[ToolCall, ...]:
        """Read tool calls."""
        return tuple(
            ToolCall(call["id"], self.value(call["tool"]), self.value(call["arguments"]))
            for call in documents
        )

    def message(self, document: dict[str, Any]) -> Message:
        """Read a message."""
        return Message(
            role=Role(document["role"]),
            text=self.value(document["text"]),
            label=self.label(document["text"]),
            tool_calls=self.calls(document.get("calls", [])),
            call_id=document.get("call"),
        )

    def offer(self, document: dict[str, Any]) -> ToolOffer:
        """Read a tool that the client offers."""
        return ToolOffer(
            name=self.value(document["name"]),
            description=self.value(document["description"]),
            schema=self.value(document["schema"]),
            is_client=True,
        )

    def recalled(self, document: dict[str, Any]) -> Recalled:
        """Read a record of memory."""
        return Recalled(
            record_id=document["id"],
            segment=document["segment"],
            text=self.value(document["text"]),
            label=self.label(document["text"]),
            written_at_ms=document["at"],
        )


def render_caller(caller: Caller) -> dict[str, Any]:
    """Write who asks: pseudonyms only."""
    return {"principal": caller.principal, "subject": caller.subject}


def parse_caller(document: dict[str, Any]) -> Caller:
    """Read who asks."""
    return Caller(document["principal"], document["subject"])


def render_usage(usage: Usage) -> list[int]:
    """Write tokens."""
    return [usage.prompt_tokens, usage.completion_tokens]


def parse_usage(document: list[int]) -> Usage:
    """Read tokens."""
    return Usage(document[0], document[1])


def render_options(options: ModelOptions, writer: PayloadWriter, label: Label) -> dict[str, Any]:
    """Write what the client tunes; texts are the client's content."""
    document: dict[str, Any] = {}
    for name in OPTION_NAMES:
        value = getattr(options, name)
        if isinstance(value, str):
            document[name] = writer.value(value, label)
        elif value is not None:
            document[name] = value
    if options.stop:
        document["stop"] = [writer.value(stop, label) for stop in options.stop]
    return document


def parse_options(document: dict[str, Any], reader: PayloadReader) -> ModelOptions:
    """Read what the client tunes."""
    values: dict[str, Any] = {
        name: reader.value(value) if isinstance(value, list) else value
        for name, value in document.items()
        if name in OPTION_NAMES
    }
    stop = tuple(reader.value(pair) for pair in document.get("stop", []))
    return ModelOptions(stop=stop, **values)
