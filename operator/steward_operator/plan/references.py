"""Follows the references of one Assistant, and says which lead nowhere.

A Tool or Model that is missing or broken is dropped alone. Without Prompt, policy or any chat
model there is nothing that could be served, so those problems are fatal.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from steward_api.conditions import Problem
from steward_api.meta import LocalRef
from steward_api.reasons import Reason
from steward_api.v1alpha1 import MemoryPolicy, Model, Prompt, RetentionPolicy, Tool
from steward_api.v1alpha1.model import Ability
from steward_operator.plan.bounds import Bounds, check_bounds
from steward_operator.plan.memory_policy import check_memory_policy
from steward_operator.plan.model import check_model, has_ability
from steward_operator.plan.prompt import check_prompt, digest_of_prompt
from steward_operator.plan.retention_policy import check_retention_policy
from steward_operator.plan.tool import check_tool
from steward_operator.plan.world import Broken, World
from steward_operator.settings import OperatorSettings

Object = TypeVar("Object")


@dataclass(frozen=True, slots=True)
class Resolved:
    """What the references lead to; None or missing where they lead nowhere."""

    prompt: Prompt | None
    models: tuple[Model, ...]
    """Accepted chat models in fail-over order."""
    tools: tuple[Tool, ...]
    """Accepted tools, sorted by name."""
    memory_policy: MemoryPolicy | None
    embedder: Model | None
    retention_policy: RetentionPolicy | None
    dropped: tuple[Problem, ...]
    """References that the assistant works without."""
    fatal: tuple[Problem, ...]
    """References that it cannot be served without."""


@dataclass(frozen=True, slots=True)
class _Lookup(Generic[Object]):
    """How objects of one kind are found, checked and complained about."""

    kind: str
    objects: Mapping[str, Object | Broken]
    check: Callable[[Object, OperatorSettings], tuple[Problem, ...]]
    settings: OperatorSettings
    bounds: Bounds
    missing: Reason
    not_accepted: Reason

    def find(self, name: str, field: str) -> Object | Problem:
        """Return the accepted object, or the problem with the reference in `field`."""
        found = self.objects.get(name)
        if found is None:
            message = f"{self.kind} {name} does not exist in this namespace; create it"
            return Problem(field, self.missing, message)
        if isinstance(found, Broken):
            message = f"{self.kind} {name} cannot be read: {found.message}"
            return Problem(field, self.not_accepted, message)
        problems = (*self.check(found, self.settings), *check_bounds(found, self.bounds))
        if problems:
            first = min(problems)
            message = f"{self.kind} {name} is not accepted: {first.field} {first.message}"
            return Problem(field, self.not_accepted, message)
        return found


def resolve_references(world: World) -> Resolved:
    """Follow every reference of the Assistant."""
    fatal: list[Problem] = []
    dropped: list[Problem] = []
    prompt = _keep(_resolve_prompt(world), fatal)
    models, left_out = _resolve_models(world)
    if models:
        dropped.extend(_without(problem) for problem in left_out)
    else:
        fatal.extend(left_out)
    tools = _resolve_tools(world, dropped)
    memory_policy, embedder = _resolve_memory(world, fatal)
    retention_policy = _keep(_resolve_retention(world), fatal)
    return Resolved(
        prompt=prompt,
        models=models,
        tools=tools,
        memory_policy=memory_policy,
        embedder=embedder,
        retention_policy=retention_policy,
        dropped=tuple(sorted(dropped)),
        fatal=tuple(sorted(fatal)),
    )


def _resolve_prompt(world: World) -> Prompt | Problem:
    reference = world.assistant.spec.prompt_ref
    lookup: _Lookup[Prompt] = _Lookup(
        "Prompt",
        world.prompts,
        check_prompt,
        world.settings,
        world.bounds,
        Reason.PROMPT_MISSING,
        Reason.PROMPT_NOT_ACCEPTED,
    )
    found = lookup.find(reference.name, "spec.promptRef")
    if isinstance(found, Problem) or reference.digest is None:
        return found
    if digest_of_prompt(found) == reference.digest:
        return found
    message = (
        f"Prompt {reference.name} now has digest {digest_of_prompt(found)}, not the pinned one; "
        "pin it or restore the text"
    )
    return Problem("spec.promptRef.digest", Reason.PROMPT_DIGEST_MISMATCH, message)


def _resolve_models(world: World) -> tuple[tuple[Model, ...], tuple[Problem, ...]]:
    lookup = _model_lookup(world, Reason.MODEL_MISSING, Reason.MODEL_NOT_ACCEPTED)
    found: dict[str, Model] = {}
    problems: list[Problem] = []
    for reference in world.assistant.spec.model_refs:
        field = f"spec.modelRefs[{reference.name}]"
        model = lookup.find(reference.name, field)
        if isinstance(model, Model) and not has_ability(model, Ability.CHAT):
            message = f"Model {reference.name} lacks the ability Chat; name another one"
            model = Problem(field, Reason.MODEL_LACKS_ABILITY, message)
        if isinstance(model, Problem):
            problems.append(model)
        else:
            found.setdefault(reference.name, model)
    return tuple(found.values()), tuple(problems)


def _resolve_tools(world: World, dropped: list[Problem]) -> tuple[Tool, ...]:
    lookup: _Lookup[Tool] = _Lookup(
        "Tool",
        world.tools,
        check_tool,
        world.settings,
        world.bounds,
        Reason.TOOL_MISSING,
        Reason.TOOL_NOT_ACCEPTED,
    )
    found: list[Tool] = []
    for name in sorted({reference.name for reference in world.assistant.spec.tool_refs}):
        tool = lookup.find(name, f"spec.toolRefs[{name}]")
        if isinstance(tool, Problem):
            dropped.append(_without(tool))
        else:
            found.append(tool)
    return tuple(found)


def _resolve_memory(world: World, fatal: list[Problem]) -> tuple[MemoryPolicy | None, Model | None]:
    reference = world.assistant.spec.memory_policy_ref
    if reference is None:
        return None, None
    lookup: _Lookup[MemoryPolicy] = _Lookup(
        "MemoryPolicy",
        world.memory_policies,
        check_memory_policy,
        world.settings,
        world.bounds,
        Reason.MEMORY_POLICY_MISSING,
        Reason.MEMORY_POLICY_NOT_ACCEPTED,
    )
    policy = _keep(lookup.find(reference.name, "spec.memoryPolicyRef"), fatal)
    embedder_ref = policy.spec.recall.embedder_ref if policy else None
    if embedder_ref is None:
        return policy, None
    return policy, _keep(_resolve_embedder(world, embedder_ref), fatal)


def _resolve_embedder(world: World, reference: LocalRef) -> Model | Problem:
    lookup = _model_lookup(world, Reason.EMBEDDER_MISSING, Reason.EMBEDDER_NOT_ACCEPTED)
    field = "spec.memoryPolicyRef"
    model = lookup.find(reference.name, field)
    if isinstance(model, Model) and not has_ability(model, Ability.EMBEDDINGS):
        message = f"Model {reference.name} of recall.embedderRef lacks the ability Embeddings"
        return Problem(field, Reason.EMBEDDER_LACKS_ABILITY, message)
    return model


def _resolve_retention(world: World) -> RetentionPolicy | Problem:
    lookup: _Lookup[RetentionPolicy] = _Lookup(
        "RetentionPolicy",
        world.retention_policies,
        check_retention_policy,
        world.settings,
        world.bounds,
        Reason.RETENTION_POLICY_MISSING,
        Reason.RETENTION_POLICY_NOT_ACCEPTED,
    )
    name = world.assistant.spec.retention_policy_ref.name
    return lookup.find(name, "spec.retentionPolicyRef")


def _model_lookup(world: World, missing: Reason, not_accepted: Reason) -> _Lookup[Model]:
    return _Lookup(
        "Model", world.models, check_model, world.settings, world.bounds, missing, not_accepted
    )


def _without(problem: Problem) -> Problem:
    return replace(problem, message=f"{problem.message} (left out until then)")


def _keep(found: Any, problems: list[Problem]) -> Any:
    if isinstance(found, Problem):
        problems.append(found)
        return None
    return found
