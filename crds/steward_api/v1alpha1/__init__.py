"""Version v1alpha1 of the kinds, one file per kind: spec, status, printer columns and CEL rules.

A field is offered only when it acts; `pending` keeps a field out of the generated schema until it
does.
Everybody may import from here; nothing here imports a sibling kind, so that a kind can be read
alone.
"""

from steward_api.v1alpha1.assistant import Assistant
from steward_api.v1alpha1.cluster_assistant_policy import ClusterAssistantPolicy
from steward_api.v1alpha1.memory_policy import MemoryPolicy
from steward_api.v1alpha1.model import Model
from steward_api.v1alpha1.prompt import Prompt
from steward_api.v1alpha1.retention_policy import RetentionPolicy
from steward_api.v1alpha1.tool import Tool

KINDS = (
    Assistant,
    Model,
    Tool,
    Prompt,
    MemoryPolicy,
    RetentionPolicy,
    ClusterAssistantPolicy,
)
"""Every kind that is served, in the order of the documentation."""

__all__ = [
    "KINDS",
    "Assistant",
    "ClusterAssistantPolicy",
    "MemoryPolicy",
    "Model",
    "Prompt",
    "RetentionPolicy",
    "Tool",
]
