"""Blueprints for tests, with every member that a test does not care for filled in."""

from __future__ import annotations

from typing import Any, Final

from steward_api.blueprint import (
    Blueprint,
    BlueprintContract,
    BlueprintLimits,
    BlueprintMemory,
    BlueprintModel,
    BlueprintPrompt,
    BlueprintRetention,
    BlueprintSegment,
    BlueprintTool,
    BlueprintWindow,
)
from steward_api.meta import Sensitivity
from steward_api.v1alpha1.memory_policy import RecallMode, WriteRule
from steward_api.v1alpha1.model import ModelType, ToolCalling
from steward_api.v1alpha1.retention_policy import DataClass
from steward_api.v1alpha1.tool import Effect, HttpMethod, ResultIntegrity, ToolType

ZERO_DIGEST: Final = "sha256:" + "0" * 64
LOOKUP_SCHEMA: Final = {
    "type": "object",
    "properties": {"id": {"type": "string"}},
    "required": ["id"],
    "additionalProperties": False,
}
KEEP_SECONDS: Final = 86_400


def build_model(base_url: str, **changes: Any) -> BlueprintModel:
    """Return a model at an endpoint."""
    members = {
        "name": "main",
        "type": ModelType.OPENAI,
        "model_name": "scripted",
        "base_url": base_url,
        "credential": None,
        "tool_calling": ToolCalling.NATIVE,
        "request_timeout_seconds": 5,
        "context_tokens": 8_192,
        "max_output_tokens": 256,
    }
    return BlueprintModel(**{**members, **changes})


def build_tool(url: str, name: str = "lookup", **changes: Any) -> BlueprintTool:
    """Return a tool that reads by GET; contract members are given beside the others."""
    contract = {
        "declared": True,
        "effect": Effect.READ,
        "idempotency_key_header": None,
        "timeout_seconds": 5,
        "calls_per_turn": 4,
        "response_bytes": 4_096,
        "integrity": ResultIntegrity.UNTRUSTED,
        "sensitivity": Sensitivity.INTERNAL,
    }
    members = {
        "name": name,
        "digest": ZERO_DIGEST,
        "description": f"Does {name}.",
        "type": ToolType.HTTP,
        "url": url,
        "method": HttpMethod.GET,
        "credential": None,
        "input_schema": LOOKUP_SCHEMA,
        "output_schema": None,
    }
    contract.update({key: changes.pop(key) for key in list(changes) if key in contract})
    return BlueprintTool(**{**members, **changes}, contract=BlueprintContract(**contract))


def build_segment(name: str = "facts", **changes: Any) -> BlueprintSegment:
    """Return a segment of memory that keeps what users say."""
    members = {
        "name": name,
        "domain": "support",
        "sensitivity": Sensitivity.CONFIDENTIAL,
        "write": WriteRule.USER_MESSAGES,
        "max_records": 100,
        "recall_records": 5,
        "recall_characters": 2_000,
    }
    return BlueprintSegment(**{**members, **changes})


def build_memory(*segments: BlueprintSegment) -> BlueprintMemory:
    """Return memory with lexical recall."""
    return BlueprintMemory(
        policy="memory",
        policy_digest=ZERO_DIGEST,
        segments=segments or (build_segment(),),
        recall_mode=RecallMode.LEXICAL,
        embedder=None,
    )


def build_blueprint(model: BlueprintModel, **changes: Any) -> Blueprint:
    """Return the Blueprint of `helpdesk`; limits are given beside the other members."""
    limits = {
        "requests_per_minute": 60_000,
        "concurrent_tasks": 16,
        "queued_tasks": 16,
        "turn_deadline_seconds": 20,
        "model_calls_per_turn": 6,
        "request_bytes": 65_536,
    }
    limits.update({key: changes.pop(key) for key in list(changes) if key in limits})
    windows = [{"class": each, "keepSeconds": KEEP_SECONDS} for each in DataClass]
    members = {
        "assistant": "helpdesk",
        "purpose": "help",
        "owner": "team-a",
        "prompt": BlueprintPrompt(
            name="helper",
            digest=ZERO_DIGEST,
            template="You are {{assistant}}.",
            variables=(("assistant", "helpdesk"),),
        ),
        "models": (model,),
        "tools": (),
        "memory": None,
        "retention": BlueprintRetention(
            policy="week",
            policy_digest=ZERO_DIGEST,
            windows=tuple(BlueprintWindow.model_validate(each) for each in windows),
        ),
        "bound_keys": None,
    }
    return Blueprint(**{**members, **changes}, limits=BlueprintLimits(**limits))
