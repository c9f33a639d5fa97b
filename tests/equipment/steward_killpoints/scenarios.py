"""Turns that pass through every type of record, and the effect that belongs to each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from steward_killpoints.killing import KillPoint, Moment
from steward_runtime.journal.records import RecordType


class Scenario(StrEnum):
    """How the turn goes if nobody dies."""

    TOOL_ANSWERS = "tool-answers"
    TOOL_REFUSES = "tool-refuses"
    CALL_DENIED = "call-denied"
    MODEL_FAILS = "model-fails"


SCENARIO_OF: Final = {
    RecordType.TASK_ACCEPTED: Scenario.TOOL_ANSWERS,
    RecordType.RECALLED: Scenario.TOOL_ANSWERS,
    RecordType.MODEL_CALLED: Scenario.TOOL_ANSWERS,
    RecordType.MODEL_ANSWERED: Scenario.TOOL_ANSWERS,
    RecordType.MODEL_FAILED: Scenario.MODEL_FAILS,
    RecordType.TOOL_INTENDED: Scenario.TOOL_ANSWERS,
    RecordType.TOOL_SENT: Scenario.TOOL_ANSWERS,
    RecordType.TOOL_ANSWERED: Scenario.TOOL_ANSWERS,
    RecordType.TOOL_FAILED: Scenario.TOOL_REFUSES,
    RecordType.DENIED: Scenario.CALL_DENIED,
    RecordType.REMEMBERED: Scenario.TOOL_ANSWERS,
    RecordType.REPLIED: Scenario.TOOL_ANSWERS,
    RecordType.FAILED: Scenario.MODEL_FAILS,
}
"""Which turn writes a record of the type."""

EFFECT_OF: Final = {
    RecordType.TASK_ACCEPTED: "Recall",
    RecordType.RECALLED: "Recall",
    RecordType.MODEL_CALLED: "CallModel",
    RecordType.MODEL_ANSWERED: "CallModel",
    RecordType.MODEL_FAILED: "CallModel",
    RecordType.TOOL_INTENDED: "CallTool",
    RecordType.TOOL_SENT: "CallTool",
    RecordType.TOOL_ANSWERED: "CallTool",
    RecordType.TOOL_FAILED: "CallTool",
    RecordType.DENIED: "CallModel",
    RecordType.REMEMBERED: "Remember",
    RecordType.REPLIED: "Remember",
    RecordType.FAILED: "CallModel",
}
"""The effect that the record announces or reports; for an end, the last one before it."""


def list_kill_points() -> tuple[KillPoint, ...]:
    """Return every record type at every moment."""
    return tuple(KillPoint(type_, moment) for type_ in RecordType for moment in Moment)
