"""Model: is it usable, and what its status says."""

from __future__ import annotations

from datetime import datetime

from steward_api.conditions import Problem
from steward_api.reasons import Reason
from steward_api.v1alpha1 import Model
from steward_api.v1alpha1.model import Ability, ModelType
from steward_operator.children.destinations import parse_destination
from steward_operator.plan.bounds import Bounds, check_bounds
from steward_operator.plan.own_status import plan_own_status
from steward_operator.plan.world import Plan
from steward_operator.settings import OperatorSettings


def plan_model(model: Model, *, now: datetime, settings: OperatorSettings, bounds: Bounds) -> Plan:
    """Plan the status of a Model."""
    problems = (*check_model(model, settings), *check_bounds(model, bounds))
    return plan_own_status(model, problems, now=now)


def check_model(model: Model, settings: OperatorSettings) -> tuple[Problem, ...]:
    """Return what keeps a Model from being accepted."""
    return (
        *_check_union(model),
        *_check_place(model, settings),
        *_check_url(model),
    )


def has_ability(model: Model, ability: Ability) -> bool:
    """Say whether a Model may be asked for something."""
    return ability in model.spec.abilities


def _check_union(model: Model) -> tuple[Problem, ...]:
    if (model.spec.type is ModelType.OPENAI) == (model.spec.open_ai is not None):
        return ()
    message = "must be set when type is OpenAI, and only then"
    return (Problem("spec.openAI", Reason.SPEC_INVALID, message),)


def _check_place(model: Model, settings: OperatorSettings) -> tuple[Problem, ...]:
    if model.spec.type is not ModelType.LOCAL or settings.is_local_model_allowed:
        return ()
    message = "Local runs with `steward up` only; declare an endpoint of type OpenAI"
    return (Problem("spec.type", Reason.LOCAL_NOT_IN_CLUSTER, message),)


def _check_url(model: Model) -> tuple[Problem, ...]:
    if model.spec.open_ai is None:
        return ()
    try:
        parse_destination(model.spec.open_ai.base_url, model.metadata.namespace)
    except ValueError as error:
        return (Problem("spec.openAI.baseUrl", Reason.URL_INVALID, str(error)),)
    return ()
