"""The status of the kinds that have no children: accepted or not, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from steward_api.conditions import (
    Problem,
    State,
    accepted,
    not_accepted,
    settle_conditions,
)
from steward_api.meta import Condition, ObjectMeta, Status
from steward_api.reasons import Reason
from steward_operator.objects import Manifest
from steward_operator.plan.events import plan_events
from steward_operator.plan.world import Broken, Plan


def plan_own_status(
    object_: Any,
    problems: tuple[Problem, ...],
    *,
    now: datetime,
    accepted_state: State | None = None,
    fields: Status | None = None,
) -> Plan:
    """Plan the status of an object of ours from the problems that were found in it.

    `accepted_state` replaces the plain one, and `fields` holds what the status says besides.
    """
    if object_.metadata.deletion_timestamp:
        return Plan()
    state = not_accepted(problems) if problems else accepted_state or accepted()
    before: Status = object_.status
    return _plan_status(
        object_.metadata, before, settle(object_.metadata, before, (state,), now), fields
    )


def plan_unreadable(broken: Broken, *, now: datetime) -> Plan:
    """Plan the status of an object that this version cannot read."""
    state = not_accepted((Problem("spec", Reason.UNREADABLE, broken.message),))
    conditions = settle(broken.metadata, broken.status, (state,), now)
    return _plan_status(broken.metadata, broken.status, conditions, None)


def settle(
    metadata: ObjectMeta, before: Status, states: Iterable[State], now: datetime
) -> tuple[Condition, ...]:
    """Turn states into the conditions of an object."""
    return settle_conditions(
        before.conditions, states, generation=metadata.generation, now=render_time(now)
    )


def render_time(now: datetime) -> str:
    """Return an RFC 3339 time in UTC, to the second, as Kubernetes writes it."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def render_status(status: Status) -> Manifest:
    """Return a status as JSON."""
    document: Manifest = status.model_dump(mode="json", by_alias=True, exclude_none=True)
    return document


def check_distinct(values: Iterable[str], field: str, key: str) -> tuple[Problem, ...]:
    """Return a problem if a list that is a map by `key` holds an entry twice."""
    twice = sorted(value for value, count in Counter(values).items() if count > 1)
    if not twice:
        return ()
    message = f"names {', '.join(twice)} more than once; each {key} may appear once"
    return (Problem(field, Reason.SPEC_INVALID, message),)


def _plan_status(
    metadata: ObjectMeta,
    before: Status,
    conditions: tuple[Condition, ...],
    fields: Status | None,
) -> Plan:
    after = (fields or Status()).model_copy(
        update={"observed_generation": metadata.generation, "conditions": conditions}
    )
    if render_status(after) == render_status(before):
        return Plan()
    return Plan(status=render_status(after), events=plan_events(before.conditions, conditions))
