"""When a runtime must take no new work, although the last accepted Blueprint could be served.

Whoever removes a policy that an assistant refers to takes away the leave that it worked under. A
policy that is there and broken is a slip of the pen: the last accepted one stays in force.
Bounds of the platform team are different: what they no longer allow, nobody goes on doing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from steward_api.blueprint import Denial
from steward_api.conditions import Problem
from steward_api.reasons import Reason

DENYING: Final = frozenset({Reason.MEMORY_POLICY_MISSING, Reason.RETENTION_POLICY_MISSING})


def decide_denial(problems: Iterable[Problem], beyond: Iterable[Problem]) -> Denial | None:
    """Return why new work is denied, or None.

    Args:
        problems: Problems of references; the first missing policy by field is named.
        beyond: Where the accepted Blueprint goes beyond today's bounds.
    """
    found = sorted(problem for problem in problems if problem.reason in DENYING) or sorted(beyond)
    if not found:
        return None
    first = found[0]
    return Denial(reason=first.reason.value, message=first.message)
