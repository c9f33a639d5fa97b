"""Small realistic objects of every kind; each is parsed, as the operator parses what it reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

from steward_api.blueprint import Blueprint
from steward_api.meta import API_VERSION
from steward_api.v1alpha1 import (
    Assistant,
    ClusterAssistantPolicy,
    MemoryPolicy,
    Model,
    Prompt,
    RetentionPolicy,
    Tool,
)
from steward_operator.names import AnchorRole
from steward_operator.plan.blueprint import compile_blueprint
from steward_operator.plan.bounds import UNBOUNDED
from steward_operator.plan.parsing import OwnObject, parse_object
from steward_operator.plan.references import resolve_references
from steward_operator.plan.world import Broken, World
from steward_operator.settings import OperatorSettings

NAMESPACE = "team"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
UID = "6c1f9d2e-0000-4000-8000-000000000001"
ENTROPY = {AnchorRole.ACCESS: "a" * 32, AnchorRole.KEYS: "b" * 32}
WINDOWS = [
    {"class": name, "keepSeconds": 3_600}
    for name in ("Conversations", "Tasks", "Memory", "AuditDetail")
]

Object = TypeVar("Object", bound=OwnObject)


def make(kind: type[Object], name: str, spec: dict[str, Any], **metadata: Any) -> Object:
    """Parse an object of `kind`; fails the test if it is broken."""
    manifest = {
        "apiVersion": API_VERSION,
        "kind": kind.NAMES.kind,
        "metadata": {"name": name, "namespace": NAMESPACE, "generation": 1, **metadata},
        "spec": spec,
    }
    parsed = parse_object(manifest)
    assert isinstance(parsed, kind), parsed
    return parsed


def make_assistant(name: str = "desk", uid: str = UID, **spec: Any) -> Assistant:
    """Make an Assistant with one model, two tools, memory and retention."""
    defaults: dict[str, Any] = {
        "purpose": "Answer questions",
        "owner": "desk-team",
        "promptRef": {"name": "greeting"},
        "modelRefs": [{"name": "chat"}],
        "toolRefs": [{"name": "find-ticket"}, {"name": "add-comment"}],
        "memoryPolicyRef": {"name": "notes"},
        "retentionPolicyRef": {"name": "short"},
    }
    merged = {key: value for key, value in {**defaults, **spec}.items() if value is not None}
    return make(Assistant, name, merged, uid=uid)


def make_model(name: str = "chat", *, credential: str | None = None, **spec: Any) -> Model:
    """Make a Model behind an endpoint outside the cluster."""
    endpoint: dict[str, Any] = {"baseUrl": "https://models.example.com/v1"}
    if credential:
        endpoint["credentialSecretRef"] = {"name": credential}
    defaults = {"type": "OpenAI", "modelName": "large-1", "openAI": endpoint}
    return make(Model, name, {**defaults, **spec})


def make_cluster_policy(name: str = "platform", **spec: Any) -> ClusterAssistantPolicy:
    """Make a ClusterAssistantPolicy that governs every namespace unless it says otherwise."""
    return make(ClusterAssistantPolicy, name, spec)


def make_embedder(name: str = "embedder") -> Model:
    """Make a Model that makes embeddings only."""
    return make_model(name, abilities=["Embeddings"])


def make_local_model(name: str = "chat") -> Model:
    """Make the bundled chat model."""
    return make(Model, name, {"type": "Local", "modelName": "smollm2-135m-instruct"})


def make_tool(name: str = "find-ticket", **spec: Any) -> Tool:
    """Make a Tool that reads, with a contract."""
    defaults: dict[str, Any] = {
        "description": "Look up a ticket.",
        "type": "HTTP",
        "http": {"url": "http://tickets.desk.svc:8080/tickets/{number}", "method": "GET"},
        "inputSchema": {
            "type": "object",
            "properties": {"number": {"type": "integer"}},
            "required": ["number"],
        },
        "contract": {"effect": "Read"},
    }
    merged = {key: value for key, value in {**defaults, **spec}.items() if value is not None}
    return make(Tool, name, merged)


def make_prompt(name: str = "greeting", **spec: Any) -> Prompt:
    """Make a Prompt with a declared and a built-in variable."""
    defaults = {
        "template": "You are {{assistant}} of {{team}}.",
        "variables": [{"name": "team", "value": "the desk"}],
    }
    return make(Prompt, name, {**defaults, **spec})


def make_memory_policy(name: str = "notes", **spec: Any) -> MemoryPolicy:
    """Make a MemoryPolicy with one segment."""
    segments = [{"name": "talk", "domain": "support", "sensitivity": "Internal"}]
    return make(MemoryPolicy, name, {"segments": segments, **spec})


def make_retention_policy(name: str = "short", **spec: Any) -> RetentionPolicy:
    """Make a RetentionPolicy of one hour."""
    return make(RetentionPolicy, name, {"windows": WINDOWS, **spec})


def make_objects() -> tuple[OwnObject, ...]:
    """Make everything that `make_assistant` refers to."""
    return (
        make_model(credential="model-credential"),
        make_tool(),
        make_tool("add-comment", contract={"effect": "Write"}),
        make_prompt(),
        make_memory_policy(),
        make_retention_policy(),
    )


def make_world(
    assistant: Assistant | None = None,
    objects: Iterable[OwnObject | Broken] | None = None,
    **fields: Any,
) -> World:
    """Make the snapshot around one Assistant; `fields` replace fields of the World."""
    found = make_objects() if objects is None else tuple(objects)
    world = World(
        assistant=assistant or make_assistant(),
        now=NOW,
        entropy=ENTROPY,
        settings=OperatorSettings(),
        models=_by_name("Model", found),
        tools=_by_name("Tool", found),
        prompts=_by_name("Prompt", found),
        memory_policies=_by_name("MemoryPolicy", found),
        retention_policies=_by_name("RetentionPolicy", found),
    )
    return replace(world, **fields)


def with_object(world: World, object_: OwnObject | Broken) -> World:
    """Return the world with one referenced object added or replaced."""
    name = object_.name if isinstance(object_, Broken) else object_.metadata.name
    field = _FIELDS[object_.kind]
    changes: dict[str, Any] = {field: {**getattr(world, field), name: object_}}
    return replace(world, **changes)


def without_object(world: World, kind: str, name: str) -> World:
    """Return the world without one referenced object."""
    field = _FIELDS[kind]
    kept = {key: value for key, value in getattr(world, field).items() if key != name}
    changes: dict[str, Any] = {field: kept}
    return replace(world, **changes)


_FIELDS = {
    "Model": "models",
    "Tool": "tools",
    "Prompt": "prompts",
    "MemoryPolicy": "memory_policies",
    "RetentionPolicy": "retention_policies",
}


def _by_name(kind: str, objects: Iterable[OwnObject | Broken]) -> dict[str, Any]:
    return {
        object_.name if isinstance(object_, Broken) else object_.metadata.name: object_
        for object_ in objects
        if object_.kind == kind
    }


def blueprint_of(world: World) -> Blueprint:
    """Return the Blueprint that the world's spec compiles to without any bounds."""
    free = replace(world, bounds=UNBOUNDED)
    blueprint = compile_blueprint(free.assistant, resolve_references(free))
    assert blueprint is not None
    return blueprint
