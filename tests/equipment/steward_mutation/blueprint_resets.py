"""The resets of a field inside the Blueprint."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel

from steward_api import blueprint
from steward_api.meta import Sensitivity
from steward_api.v1alpha1.tool import Effect, ResultIntegrity
from steward_mutation.counterparts import ABSENT, COUNTERPARTS
from steward_mutation.paths import Reset, model_in, plan_resets


def plan_blueprint_resets(field: str, becomes: Any) -> tuple[Reset, ...]:
    """Return what changes in a Blueprint, and in each of its parts when made alone.

    Raises:
        ValueError: if the kind's reset takes an object away, and the Blueprint knows no such.
    """
    if becomes is None and field in _WHOLE:
        return _along(*_WHOLE[field])
    if field in COUNTERPARTS:
        (kind_reset, *_) = plan_resets(field, becomes)
        if len(kind_reset.steps) < field.count("."):
            raise ValueError(f"{field}: the register must say what it becomes")
        return _along(COUNTERPARTS[field], kind_reset.value)
    if field in ABSENT:
        return _along(*ABSENT[field])
    return ()


_SAFEST: Final = blueprint.BlueprintContract(
    declared=False,
    effect=Effect.DESTRUCTIVE,
    timeout_seconds=10,
    calls_per_turn=8,
    response_bytes=65_536,
    integrity=ResultIntegrity.UNTRUSTED,
    sensitivity=Sensitivity.INTERNAL,
)
_WHOLE: Final[dict[str, tuple[tuple[str, ...], Any]]] = {
    "Tool.spec.contract.effect": (("tools", "contract"), _SAFEST),
}
"""Fields whose reset takes a whole object away, and what the Blueprint holds instead."""


def _along(steps: tuple[str, ...], value: Any) -> tuple[Reset, ...]:
    resets: list[Reset] = []
    model: type[BaseModel] | None = blueprint.Blueprint
    for index, step in enumerate(steps):
        if model is None:
            raise ValueError(f"{'.'.join(steps)} is no place in the Blueprint")
        resets.append(Reset(model, steps[index:], value))
        model = model_in(model.model_fields[step].annotation)
    return tuple(resets)
