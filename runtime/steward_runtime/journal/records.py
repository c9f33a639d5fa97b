"""Record types and their encoding (pure): event to versioned JSON and back.

Readers ignore members that they do not know and take defaults for those that a former version did
not write. `tests/runtime/journal/histories` holds what released versions wrote.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import orjson

from steward_runtime.errors import JournalBroken
from steward_runtime.journal.payloads import (
    PayloadReader,
    PayloadWriter,
    parse_caller,
    parse_options,
    parse_usage,
    render_caller,
    render_options,
    render_usage,
)
from steward_runtime.labels import Label, join
from steward_runtime.turn import events

RECORD_VERSION: Final = 1
"""Version of the payloads that are written; every version up to it is read."""


class RecordType(StrEnum):
    """Every type of journal record. Kill tests walk this enum: a new type needs a kill point."""

    TASK_ACCEPTED = "TaskAccepted"
    RECALLED = "Recalled"
    MODEL_CALLED = "ModelCalled"
    MODEL_ANSWERED = "ModelAnswered"
    MODEL_FAILED = "ModelFailed"
    TOOL_INTENDED = "ToolIntended"
    TOOL_SENT = "ToolSent"
    TOOL_ANSWERED = "ToolAnswered"
    TOOL_FAILED = "ToolFailed"
    DENIED = "Denied"
    REMEMBERED = "Remembered"
    REPLIED = "Replied"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class Record:
    """One encoded record: what is sealed into a journal row.

    Attributes:
        type: its type, in clear in the row.
        payload: canonical bytes with a label on every value.
        label: join of the labels in the payload.
    """

    type: RecordType
    payload: bytes
    label: Label


def record_type(event: events.Event) -> RecordType:
    """Return the record type of an event."""
    return _TYPES[type(event)]


def encode_event(event: events.Event) -> Record:
    """Encode an event."""
    writer = PayloadWriter()
    payload, label = writer.finish(RECORD_VERSION, _WRITERS[type(event)](event, writer))
    return Record(_TYPES[type(event)], payload, label)


def decode_event(type_name: str, payload: bytes) -> events.Event:
    """Decode what any released version encoded.

    Raises:
        JournalBroken: if the type or version is unknown or a member is missing.
    """
    try:
        reader, kind = _open_payload(type_name, payload)
        return _READERS[kind](reader.document, reader)
    except (KeyError, IndexError, TypeError, ValueError) as fault:
        raise JournalBroken(
            f"a journal record of type {type_name} is misshapen ({type(fault).__name__}): restore "
            "the volume from a backup"
        ) from fault


def decode_labels(type_name: str, payload: bytes) -> tuple[Label, ...]:
    """Return the labels of the values in a payload, each once.

    Raises:
        JournalBroken: as `decode_event`.
    """
    reader, _ = _open_payload(type_name, payload)
    return reader.labels


def _open_payload(type_name: str, payload: bytes) -> tuple[PayloadReader, RecordType]:
    document = orjson.loads(payload)
    version = document["v"]
    if version > RECORD_VERSION:
        raise JournalBroken(
            f"a journal record of type {type_name} has version {version} and this runtime reads up "
            f"to {RECORD_VERSION}: start the newer version again"
        )
    return PayloadReader(document), RecordType(type_name)


def _write_requested(event: events.TurnRequested, writer: PayloadWriter) -> dict[str, Any]:
    label = join(*(message.label for message in event.messages))
    return {
        "caller": render_caller(event.caller),
        "conversation": event.conversation_id,
        "history": event.history_length,
        "messages": [writer.message(message) for message in event.messages],
        "options": render_options(event.options, writer, label),
        "tools": [writer.offer(offer, label) for offer in event.client_tools],
        "blueprint": event.blueprint_digest,
        "accepted": event.accepted_at_ms,
        "deadline": event.deadline_at_ms,
    }


def _read_requested(document: dict[str, Any], reader: PayloadReader) -> events.TurnRequested:
    return events.TurnRequested(
        caller=parse_caller(document["caller"]),
        conversation_id=document["conversation"],
        history_length=document["history"],
        messages=tuple(reader.message(message) for message in document["messages"]),
        options=parse_options(document["options"], reader),
        client_tools=tuple(reader.offer(offer) for offer in document["tools"]),
        blueprint_digest=document["blueprint"],
        accepted_at_ms=document["accepted"],
        deadline_at_ms=document["deadline"],
    )


def _write_recalled(event: events.RecallFinished, writer: PayloadWriter) -> dict[str, Any]:
    return {"records": [writer.recalled(record) for record in event.records]}


def _read_recalled(document: dict[str, Any], reader: PayloadReader) -> events.RecallFinished:
    return events.RecallFinished(tuple(reader.recalled(record) for record in document["records"]))


def _write_model_replied(event: events.ModelReplied, writer: PayloadWriter) -> dict[str, Any]:
    return {
        "number": event.number,
        "text": writer.value(event.text, event.label),
        "calls": writer.calls(event.tool_calls, event.label),
        "finish": event.finish_reason,
        "usage": render_usage(event.usage),
        "model": event.model,
    }


def _read_model_replied(document: dict[str, Any], reader: PayloadReader) -> events.ModelReplied:
    return events.ModelReplied(
        number=document["number"],
        text=reader.value(document["text"]),
        tool_calls=reader.calls(document["calls"]),
        label=reader.label(document["text"]),
        finish_reason=document["finish"],
        usage=parse_usage(document["usage"]),
        model=document["model"],
    )


def _write_tool_finished(event: events.ToolFinished, writer: PayloadWriter) -> dict[str, Any]:
    return {"step": event.step, "text": writer.value(event.text, event.label)}


def _read_tool_finished(document: dict[str, Any], reader: PayloadReader) -> events.ToolFinished:
    return events.ToolFinished(
        document["step"], reader.value(document["text"]), reader.label(document["text"])
    )


def _write_plain(*names: str) -> Callable[[Any, PayloadWriter], dict[str, Any]]:
    """Write an event without content: its members as they are."""
    return lambda event, _: {name: getattr(event, name) for name in names}


def _read_plain(
    kind: type[Any], *names: str
) -> Callable[[dict[str, Any], PayloadReader], events.Event]:
    """Read an event without content."""
    return lambda document, _: kind(**{name: document[name] for name in names})


_PLAIN: Final[dict[type[Any], tuple[RecordType, tuple[str, ...]]]] = {
    events.ModelStarted: (RecordType.MODEL_CALLED, ("number",)),
    events.ModelFailed: (RecordType.MODEL_FAILED, ("number", "reason", "message")),
    events.ToolIntended: (RecordType.TOOL_INTENDED, ("step", "tool", "key")),
    events.ToolSent: (RecordType.TOOL_SENT, ("step", "attempt")),
    events.ToolFailed: (RecordType.TOOL_FAILED, ("step", "reason", "message")),
    events.Denied: (RecordType.DENIED, ("command", "step", "reason", "message")),
    events.RememberFinished: (RecordType.REMEMBERED, ("key",)),
    events.Replied: (RecordType.REPLIED, ("at_ms",)),
    events.Failed: (RecordType.FAILED, ("reason", "message", "at_ms")),
}
"""Events that hold codes, counts and our own sentences only."""

_TYPES: Final[dict[type[Any], RecordType]] = {
    events.TurnRequested: RecordType.TASK_ACCEPTED,
    events.RecallFinished: RecordType.RECALLED,
    events.ModelReplied: RecordType.MODEL_ANSWERED,
    events.ToolFinished: RecordType.TOOL_ANSWERED,
    **{kind: plain[0] for kind, plain in _PLAIN.items()},
}
_WRITERS: Final[dict[type[Any], Callable[[Any, PayloadWriter], dict[str, Any]]]] = {
    events.TurnRequested: _write_requested,
    events.RecallFinished: _write_recalled,
    events.ModelReplied: _write_model_replied,
    events.ToolFinished: _write_tool_finished,
    **{kind: _write_plain(*plain[1]) for kind, plain in _PLAIN.items()},
}
_READERS: Final[dict[RecordType, Callable[[dict[str, Any], PayloadReader], events.Event]]] = {
    RecordType.TASK_ACCEPTED: _read_requested,
    RecordType.RECALLED: _read_recalled,
    RecordType.MODEL_ANSWERED: _read_model_replied,
    RecordType.TOOL_ANSWERED: _read_tool_finished,
    **{plain[0]: _read_plain(kind, *plain[1]) for kind, plain in _PLAIN.items()},
}
