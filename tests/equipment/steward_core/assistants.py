"""Blueprints for tests: a help desk with tools under given contracts."""

from __future__ import annotations

from typing import Any

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

TICKET_SCHEMA = {
    "type": "object",
    "properties": {"ticket": {"type": "string", "pattern": "^T-[0-9]+$"}},
    "required": ["ticket"],
    "additionalProperties": False,
}
LIMITS = {
    "requests_per_minute": 600,
    "concurrent_tasks": 16,
    "queued_tasks": 64,
    "turn_deadline_seconds": 60,
    "model_calls_per_turn": 4,
    "request_bytes": 1_048_576,
}


def build_tool(
    name: str,
    effect: Effect = Effect.READ,
    *,
    url: str = "http://tickets.example.com/lookup",
    key_header: str | None = None,
    **contract: Any,
) -> BlueprintTool:
    """Return a tool that takes a ticket number; `contract` overrides members of the contract."""
    members: dict[str, Any] = {
        "declared": True,
        "effect": effect,
        "idempotency_key_header": key_header,
        "timeout_seconds": 5,
        "calls_per_turn": 4,
        "response_bytes": 65_536,
        "integrity": ResultIntegrity.UNTRUSTED,
        "sensitivity": Sensitivity.INTERNAL,
        **contract,
    }
    return BlueprintTool(
        name=name,
        digest="sha256:" + "0" * 64,
        description=f"Does {name} for a ticket.",
        type=ToolType.HTTP,
        url=url,
        method=HttpMethod.POST,
        credential=None,
        input_schema=TICKET_SCHEMA,
        output_schema=None,
        contract=BlueprintContract(**members),
    )


def build_blueprint(
    *tools: BlueprintTool,
    has_memory: bool = False,
    context_tokens: int = 8_192,
    prompt: str = "You are the help desk.",
    **limits: int,
) -> Blueprint:
    """Return a Blueprint with these tools; `limits` overrides members of the limits."""
    windows = tuple(BlueprintWindow(data_class=each, keep_seconds=3_600) for each in DataClass)
    return Blueprint(
        assistant="helpdesk",
        purpose="help",
        owner="team",
        prompt=BlueprintPrompt(
            name="desk", digest="sha256:" + "1" * 64, template=prompt, variables=()
        ),
        models=(_build_model(context_tokens),),
        tools=tools,
        memory=_build_memory() if has_memory else None,
        retention=BlueprintRetention(
            policy="short", policy_digest="sha256:" + "2" * 64, windows=windows
        ),
        bound_keys=None,
        limits=BlueprintLimits(**{**LIMITS, **limits}),
    )


def _build_model(context_tokens: int) -> BlueprintModel:
    return BlueprintModel(
        name="main",
        type=ModelType.OPENAI,
        model_name="scripted",
        base_url="http://models.example.com/v1",
        credential=None,
        tool_calling=ToolCalling.NATIVE,
        request_timeout_seconds=5,
        context_tokens=context_tokens,
        max_output_tokens=64,
    )


def _build_memory() -> BlueprintMemory:
    segment = BlueprintSegment(
        name="facts",
        domain="support",
        sensitivity=Sensitivity.CONFIDENTIAL,
        write=WriteRule.USER_MESSAGES,
        max_records=10,
        recall_records=3,
        recall_characters=1_000,
    )
    return BlueprintMemory(
        policy="facts",
        policy_digest="sha256:" + "3" * 64,
        segments=(segment,),
        recall_mode=RecallMode.LEXICAL,
        embedder=None,
    )
