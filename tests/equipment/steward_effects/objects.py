"""A set of manifests around one Assistant, pointed at the scripted servers."""

from __future__ import annotations

from typing import Any

from steward_kinds.objects import Manifest, build_object

MODEL_HOST = "models.test:8000"
OTHER_MODEL_HOST = "others.test:8000"
TOOL_HOST = "tools.test:8000"
ARGUMENTS = {
    "type": "object",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}


def model(name: str = "m", host: str = MODEL_HOST, **spec: Any) -> Manifest:
    """Return a Model at a scripted server."""
    endpoint = spec.pop("openAI", {"baseUrl": f"http://{host}/v1"})
    return build_object("Model", name, openAI=endpoint, **spec)


def tool(name: str = "look", path: str = "/look", **spec: Any) -> Manifest:
    """Return a Tool at the scripted tool server."""
    defaults = {
        "http": {"url": f"http://{TOOL_HOST}{path}"},
        "inputSchema": ARGUMENTS,
        "contract": {"effect": "Read"},
    }
    return build_object("Tool", name, **{**defaults, **spec})


def memory(**segment: Any) -> Manifest:
    """Return a MemoryPolicy of one segment that keeps what users say."""
    members = {"name": "facts", "domain": "support", "sensitivity": "Internal"}
    spec = segment.pop("recall", None)
    segments = [{**members, "write": "UserMessages", **segment}]
    return build_object("MemoryPolicy", "mem", segments=segments, recall=spec)


def assistant_set(*others: Manifest, **spec: Any) -> tuple[Manifest, ...]:
    """Return an Assistant with what it needs; an object of `others` replaces one of its name."""
    needed = (
        build_object("Assistant", "desk", **spec),
        model(),
        build_object("Prompt", "p"),
        build_object("RetentionPolicy", "r"),
    )
    merged = {(each["kind"], each["metadata"]["name"]): each for each in (*needed, *others)}
    return tuple(merged.values())
