"""A small valid object of every kind, and how to change one field of it."""

from __future__ import annotations

import copy
from typing import Any, Final

from steward_api.meta import API_VERSION

Manifest = dict[str, Any]

SPECS: Final[dict[str, Manifest]] = {
    "Assistant": {
        "purpose": "support",
        "owner": "team",
        "promptRef": {"name": "p"},
        "modelRefs": [{"name": "m"}],
        "retentionPolicyRef": {"name": "r"},
    },
    "Model": {
        "type": "OpenAI",
        "modelName": "m",
        "openAI": {"baseUrl": "http://models.test/v1"},
    },
    "Tool": {
        "description": "Looks a thing up.",
        "type": "HTTP",
        "http": {"url": "http://tools.test/look"},
        "inputSchema": {"type": "object"},
        "contract": {"effect": "Read"},
    },
    "Prompt": {"template": "Be kind."},
    "MemoryPolicy": {"segments": [{"name": "s", "domain": "d", "sensitivity": "Internal"}]},
    "RetentionPolicy": {
        "windows": [
            {"class": name, "keepSeconds": 3_600}
            for name in ("Conversations", "Tasks", "Memory", "AuditDetail")
        ]
    },
    "ClusterAssistantPolicy": {},
}
"""Specs with nothing but what is required."""


def build_object(kind: str, name: str = "sample", **changes: Any) -> Manifest:
    """Return a valid object of a kind with top-level fields of its spec replaced.

    A change to None removes the field.
    """
    spec = {**copy.deepcopy(SPECS[kind]), **changes}
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name},
        "spec": {key: value for key, value in spec.items() if value is not None},
    }
