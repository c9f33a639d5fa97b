"""What the operator would say of objects from files: the plan's own checks, with file and line.

Shape and rules are the API server's business; here come the checks that need more than one object
or more than CEL can say: templates, JSON Schemas, URLs, abilities of Models, the Blueprint's size.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from steward_api.conditions import Problem
from steward_api.references import Step
from steward_api.shape import render_path
from steward_api.v1alpha1 import (
    Assistant,
    ClusterAssistantPolicy,
    MemoryPolicy,
    Model,
    Prompt,
    RetentionPolicy,
    Tool,
)
from steward_cli.manifests import Document, Fault
from steward_cli.worlds import build_bounds, build_worlds
from steward_operator.plan.blueprint import check_size, compile_blueprint
from steward_operator.plan.bounds import check_bounds
from steward_operator.plan.cluster_assistant_policy import check_cluster_assistant_policy
from steward_operator.plan.memory_policy import check_memory_policy
from steward_operator.plan.model import check_model
from steward_operator.plan.prompt import check_prompt
from steward_operator.plan.references import resolve_references
from steward_operator.plan.retention_policy import check_retention_policy
from steward_operator.plan.tool import check_tool
from steward_operator.plan.world import World
from steward_operator.settings import OperatorSettings

_SETTINGS: Final = OperatorSettings(is_local_model_allowed=True)
"""Files may be meant for this machine, where a Local model runs."""
_CHECKS: Final[tuple[tuple[type, Callable[[Any, OperatorSettings], tuple[Problem, ...]]], ...]] = (
    (ClusterAssistantPolicy, check_cluster_assistant_policy),
    (MemoryPolicy, check_memory_policy),
    (Model, check_model),
    (Prompt, check_prompt),
    (RetentionPolicy, check_retention_policy),
    (Tool, check_tool),
)
_LIST_KEYS: Final = ("name", "class", "namespace")
"""By which of its members an item of a list is called."""
_STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[([^\]]*)\]")


def check_objects(documents: Sequence[Document]) -> Iterator[Fault]:
    """Yield what keeps each object from being accepted, seen alone or under the bounds."""
    known = [document.object for document in documents if document.object is not None]
    for document in documents:
        for kind, check in _CHECKS:
            if isinstance(document.object, kind):
                for problem in check(document.object, _SETTINGS):
                    yield _fault(document, problem)
        if document.object is not None:
            bounds = build_bounds(known, document.object.metadata.namespace)
            for problem in check_bounds(document.object, bounds):
                yield _fault(document, problem)


def check_assistants(documents: Sequence[Document]) -> Iterator[Fault]:
    """Yield what keeps each Assistant, or a tool of it, from being served with these objects."""
    by_name = {
        (found.metadata.namespace, found.metadata.name): document
        for document in documents
        if isinstance(found := document.object, Assistant)
    }
    objects = [document.object for document in documents if document.object is not None]
    for world in build_worlds(objects):
        metadata = world.assistant.metadata
        for problem in _problems_of(world):
            yield _fault(by_name[metadata.namespace, metadata.name], problem)


def resolve_steps(manifest: Any, field: str) -> tuple[Step, ...]:
    """Return the path that a problem's field means; `[name]` is looked up in its list."""
    steps: list[Step] = []
    value: Any = manifest
    for match in _STEP.finditer(field):
        step: Step = match[1] or match[2]
        if match[1] is None:
            step = _index_of(value, match[2])
        steps.append(step)
        value = _member(value, step)
    return tuple(steps)


def _problems_of(world: World) -> tuple[Problem, ...]:
    resolved = resolve_references(world)
    blueprint = compile_blueprint(world.assistant, resolved)
    return (*resolved.fatal, *resolved.dropped, *(check_size(blueprint) if blueprint else ()))


def _index_of(value: Any, name: str) -> Step:
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, dict) and name in {item.get(key) for key in _LIST_KEYS}:
                return index
    return int(name) if name.isdigit() else name


def _member(value: Any, step: Step) -> Any:
    try:
        return value[step]
    except (KeyError, IndexError, TypeError):
        return None


def _fault(document: Document, problem: Problem) -> Fault:
    at = resolve_steps(document.manifest, problem.field)
    return Fault(document.file, document.line_of(at), render_path(at), problem.message)
