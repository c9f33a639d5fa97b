"""Which Events a change of conditions is worth.

A condition that turns bad is told once, and so is its way back. Ordinary progress is not told, and
conditions that turn bad together for one reason are told as one Event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from steward_api.meta import Condition, ConditionStatus
from steward_api.reasons import ConditionType, Reason
from steward_operator.plan.world import Event, EventType

_BAD_STATUS: Final = {
    ConditionType.ACCEPTED: ConditionStatus.FALSE,
    ConditionType.RESOLVED_REFS: ConditionStatus.FALSE,
    ConditionType.READY: ConditionStatus.FALSE,
    ConditionType.RUNTIME_VERIFIED: ConditionStatus.FALSE,
    ConditionType.STALLED: ConditionStatus.TRUE,
}
"""Conditions that are told, and the status that is bad. Known limits (EgressExact and
TransportEncrypted) and progress (Reconciling) are not told."""
_ORDINARY: Final = frozenset({Reason.ROLLOUT_IN_PROGRESS.value, Reason.SUSPENDED.value})


def plan_events(before: Iterable[Condition], after: Iterable[Condition]) -> tuple[Event, ...]:
    """Return the Events of a change from one set of conditions to the next."""
    known = {condition.type: condition for condition in before}
    events: dict[str, Event] = {}
    for condition in sorted(after, key=lambda condition: condition.type):
        event = _tell(known.get(condition.type), condition)
        if event is not None:
            events.setdefault(event.reason, event)
    return tuple(events.values())


def _tell(before: Condition | None, after: Condition) -> Event | None:
    was_bad = before is not None and _is_bad(before)
    if _is_bad(after):
        is_news = not was_bad or (before is not None and before.reason != after.reason)
        return Event(EventType.WARNING, after.reason, after.message) if is_news else None
    if was_bad:
        text = after.message or f"{after.type} is {after.status}"
        return Event(EventType.NORMAL, after.reason, text)
    return None


def _is_bad(condition: Condition) -> bool:
    bad = _BAD_STATUS.get(ConditionType(condition.type)) if _is_ours(condition) else None
    return condition.status is bad and condition.reason not in _ORDINARY


def _is_ours(condition: Condition) -> bool:
    return condition.type in set(ConditionType)
