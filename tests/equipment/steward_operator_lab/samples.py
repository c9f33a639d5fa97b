"""Small objects of every kind, as plain manifests that tests bend."""

from __future__ import annotations

from typing import Any

from steward_api.meta import API_VERSION

Manifest = dict[str, Any]

CLASSES = ("Conversations", "Tasks", "Memory", "AuditDetail")


def build_object(kind: str, name: str, spec: Manifest) -> Manifest:
    """One object of our group."""
    metadata: Manifest = {"name": name}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def build_model(name: str = "chat", *, credential: str | None = None) -> Manifest:
    """A Model at an address that nobody calls."""
    endpoint: Manifest = {"baseUrl": "https://models.example.com/v1"}
    if credential:
        endpoint["credentialSecretRef"] = {"name": credential}
    return build_object("Model", name, {"type": "OpenAI", "modelName": "m", "openAI": endpoint})


def build_embedder(name: str = "embedder") -> Manifest:
    """A Model that makes embeddings."""
    model = build_model(name)
    model["spec"]["abilities"] = ["Embeddings"]
    return model


def build_prompt(name: str = "prompt", template: str = "Help {{owner}}.") -> Manifest:
    """A Prompt."""
    return build_object("Prompt", name, {"template": template})


def build_tool(name: str = "tool", *, credential: str | None = None) -> Manifest:
    """A Tool that reads."""
    http: Manifest = {"url": "https://tools.example.com/find", "method": "GET"}
    if credential:
        http["credentialSecretRef"] = {"name": credential}
    return build_object(
        "Tool",
        name,
        {
            "description": "Finds things.",
            "type": "HTTP",
            "http": http,
            "inputSchema": {
                "type": "object",
                "properties": {"q": {"type": "string", "maxLength": 100}},
                "additionalProperties": False,
            },
            "contract": {"effect": "Read"},
        },
    )


def build_retention_policy(name: str = "retention", keep_seconds: int = 86_400) -> Manifest:
    """A RetentionPolicy with one window for all classes."""
    windows = [{"class": name, "keepSeconds": keep_seconds} for name in CLASSES]
    return build_object("RetentionPolicy", name, {"windows": windows})


def build_memory_policy(name: str = "memory", *, embedder: str | None = None) -> Manifest:
    """A MemoryPolicy of one segment."""
    spec: Manifest = {
        "segments": [{"name": "facts", "domain": "support", "sensitivity": "Internal"}]
    }
    if embedder:
        spec["recall"] = {"mode": "Hybrid", "embedderRef": {"name": embedder}}
    return build_object("MemoryPolicy", name, spec)


def build_assistant(name: str = "helper", **spec: Any) -> Manifest:
    """An Assistant that needs a Model, a Prompt and a RetentionPolicy."""
    return build_object(
        "Assistant",
        name,
        {
            "purpose": "Testing",
            "owner": "testers",
            "promptRef": {"name": "prompt"},
            "modelRefs": [{"name": "chat"}],
            "retentionPolicyRef": {"name": "retention"},
            **spec,
        },
    )


def build_needs() -> tuple[Manifest, ...]:
    """What the plain Assistant refers to."""
    return build_model(), build_prompt(), build_retention_policy()


def build_whole_set(name: str = "helper") -> tuple[Manifest, ...]:
    """An Assistant that uses every kind, and all that it refers to."""
    assistant = build_assistant(
        name, toolRefs=[{"name": "tool"}], memoryPolicyRef={"name": "memory"}
    )
    others = (build_tool(), build_memory_policy(embedder="embedder"), build_embedder())
    return (*build_needs(), *others, assistant)
