"""Where a field of a kind stands in the Blueprint, so that a runtime without kinds is reset too.

A field that only the operator acts on has no counterpart.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Final

_PLAIN: Final = {
    "Assistant.spec.purpose": "purpose",
    "Assistant.spec.owner": "owner",
    "Assistant.spec.limits.requestsPerMinute": "limits.requests_per_minute",
    "Assistant.spec.limits.concurrentTasks": "limits.concurrent_tasks",
    "Assistant.spec.limits.queuedTasks": "limits.queued_tasks",
    "Assistant.spec.limits.turnDeadlineSeconds": "limits.turn_deadline_seconds",
    "Assistant.spec.limits.modelCallsPerTurn": "limits.model_calls_per_turn",
    "Assistant.spec.limits.requestBytes": "limits.request_bytes",
    "Model.spec.modelName": "models.model_name",
    "Model.spec.openAI.baseUrl": "models.base_url",
    "Model.spec.toolCalling": "models.tool_calling",
    "Model.spec.requestTimeoutSeconds": "models.request_timeout_seconds",
    "Model.spec.contextTokens": "models.context_tokens",
    "Model.spec.maxOutputTokens": "models.max_output_tokens",
    "Tool.spec.description": "tools.description",
    "Tool.spec.http.url": "tools.url",
    "Tool.spec.http.method": "tools.method",
    "Tool.spec.inputSchema": "tools.input_schema",
    "Tool.spec.outputSchema": "tools.output_schema",
    "Tool.spec.contract.effect": "tools.contract.effect",
    "Tool.spec.contract.idempotencyKeyHeader": "tools.contract.idempotency_key_header",
    "Tool.spec.contract.timeoutSeconds": "tools.contract.timeout_seconds",
    "Tool.spec.contract.callsPerTurn": "tools.contract.calls_per_turn",
    "Tool.spec.contract.responseBytes": "tools.contract.response_bytes",
    "Tool.spec.contract.result.integrity": "tools.contract.integrity",
    "Tool.spec.contract.result.sensitivity": "tools.contract.sensitivity",
    "Prompt.spec.template": "prompt.template",
    "MemoryPolicy.spec.segments.name": "memory.segments.name",
    "MemoryPolicy.spec.segments.domain": "memory.segments.domain",
    "MemoryPolicy.spec.segments.sensitivity": "memory.segments.sensitivity",
    "MemoryPolicy.spec.segments.write": "memory.segments.write",
    "MemoryPolicy.spec.segments.maxRecords": "memory.segments.max_records",
    "MemoryPolicy.spec.segments.recallRecords": "memory.segments.recall_records",
    "MemoryPolicy.spec.segments.recallCharacters": "memory.segments.recall_characters",
    "MemoryPolicy.spec.recall.mode": "memory.recall_mode",
    "RetentionPolicy.spec.backups.keepSeconds": "retention.backups.keep_seconds",
    "RetentionPolicy.spec.backups.name": "retention.backups.name",
    "RetentionPolicy.spec.holds.name": "retention.holds.name",
    "RetentionPolicy.spec.windows.keepSeconds": "retention.windows.keep_seconds",
}
"""Same value on both sides."""

COUNTERPARTS: Final = MappingProxyType(
    {field: tuple(path.split(".")) for field, path in _PLAIN.items()}
)
ABSENT: Final[MappingProxyType[str, tuple[tuple[str, ...], Any]]] = MappingProxyType(
    {
        "Assistant.spec.toolRefs.name": (("tools",), ()),
        "Assistant.spec.memoryPolicyRef.name": (("memory",), None),
        "Assistant.spec.authentication.keysSecretRef.name": (("bound_keys",), None),
        "Model.spec.openAI.credentialSecretRef.name": (("models", "credential"), None),
        "Tool.spec.http.credentialSecretRef.name": (("tools", "credential"), None),
        "MemoryPolicy.spec.recall.embedderRef.name": (("memory", "embedder"), None),
        "RetentionPolicy.spec.holds.class": (("retention", "holds"), ()),
    }
)
"""References and lists: what the Blueprint holds when the field is reset."""
