"""Record types and their encoding (pure): event to versioned JSON and back.

Every value in a payload is a pair `[label, value]`, where `label` counts into the payload's table
`labels`. Readers ignore members that they do not know and take defaults for those that a former
version did not write.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

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


TYPE_OF_EVENT: Final[dict[type[events.Event], RecordType]] = {
    events.TurnRequested: RecordType.TASK_ACCEPTED,
    events.RecallFinished: RecordType.RECALLED,
    events.ModelStarted: RecordType.MODEL_CALLED,
    events.ModelReplied: RecordType.MODEL_ANSWERED,
    events.ModelFailed: RecordType.MODEL_FAILED,
    events.ToolIntended: RecordType.TOOL_INTENDED,
    events.ToolSent: RecordType.TOOL_SENT,
    events.ToolFinished: RecordType.TOOL_ANSWERED,
    events.ToolFailed: RecordType.TOOL_FAILED,
    events.Denied: RecordType.DENIED,
    events.RememberFinished: RecordType.REMEMBERED,
    events.Replied: RecordType.REPLIED,
    events.Failed: RecordType.FAILED,
}


def record_type(event: events.Event) -> RecordType:
    """Return the record type of an event."""
    return TYPE_OF_EVENT[type(event)]
