"""What the driver tells becomes metrics and logs: decisions, ends and defects, never content."""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from steward_runtime.telemetry.names import OUTCOME_OK, LogField

REPLIED: Final = "Replied"
_log = logging.getLogger(__name__)
_NOTHING: Final = nullcontext()


class TaskMeter(Protocol):
    """Counts refusals and tasks."""

    def record_refusal(self, reason: str) -> None:
        """Count a refusal by its reason."""

    def record_task(self, outcome: str, seconds: float) -> None:
        """Count a task that ended."""


class TaskObserver:
    """Satisfies `tasks.ports.Observer`. Models and tools open spans of their own."""

    def __init__(self, meter: TaskMeter) -> None:
        self._meter = meter

    def effect(self, task_id: str, kind: str, target: str) -> AbstractContextManager[None]:
        """Surround one effect."""
        return _NOTHING

    def decided(self, kind: str, target: str, reason: str, *, is_allowed: bool) -> None:
        """Count a denial."""
        if not is_allowed:
            self._meter.record_refusal(reason)

    def ended(self, task_id: str, reason: str, seconds: float) -> None:
        """Count a task that ended; say why one failed."""
        self._meter.record_task(OUTCOME_OK if reason == REPLIED else reason, seconds)
        if reason != REPLIED:
            extra = {LogField.TASK.value: task_id, LogField.REASON.value: reason}
            _log.warning("TaskFailed", extra=extra)

    def fault(self, task_id: str, kind: str, error: BaseException) -> None:
        """Log type and place of a defect."""
        extra = {LogField.TASK.value: task_id, LogField.STEP.value: kind}
        _log.error("Defect", exc_info=error, extra=extra)
