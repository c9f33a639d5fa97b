"""What a runtime may answer instead of what was asked.

    RuntimeFault
    ├── RuntimeUnreachable    no Pod, no connection, no answer in time, 429 or 5xx: ask later
    ├── RuntimeRefused        401 or 403: it does not trust the operator's key, or not yet
    └── RuntimeAnswerBroken   something else than the contract listens there

Each names the assistant and what to do, and never holds what was answered.
"""

from __future__ import annotations

from typing import ClassVar

from steward_operator.errors import OperatorError


class RuntimeFault(OperatorError):
    """A runtime did not do what was asked."""

    reason: ClassVar[str] = "RuntimeFault"
    retryable = True


class RuntimeUnreachable(RuntimeFault):
    """It did not answer, or could not work now."""

    reason = "RuntimeUnreachable"


class RuntimeRefused(RuntimeFault):
    """It does not accept the operator's token."""

    reason = "RuntimeRefused"


class RuntimeAnswerBroken(RuntimeFault):
    """Its answer is not what the contract says."""

    reason = "RuntimeAnswerBroken"
