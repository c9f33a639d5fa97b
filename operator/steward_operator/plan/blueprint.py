"""Compiles the Blueprint, by one pure function for cluster, `render`, `up` and tests."""

from __future__ import annotations

from typing import Final

from steward_api.blueprint import (
    BLUEPRINT_BYTES_MAX,
    Blueprint,
    BlueprintBackup,
    BlueprintContract,
    BlueprintHold,
    BlueprintLimits,
    BlueprintMemory,
    BlueprintModel,
    BlueprintPrompt,
    BlueprintRetention,
    BlueprintSegment,
    BlueprintTool,
    BlueprintWindow,
)
from steward_api.canonical import digest_of
from steward_api.conditions import Problem
from steward_api.meta import SecretRef
from steward_api.reasons import Reason
from steward_api.v1alpha1 import Assistant, MemoryPolicy, Model, Prompt, RetentionPolicy, Tool
from steward_api.v1alpha1.tool import Contract, Effect, HttpEndpoint
from steward_operator.plan.prompt import digest_of_prompt, resolve_variables
from steward_operator.plan.references import Resolved

SAFEST_CONTRACT: Final = Contract(effect=Effect.DESTRUCTIVE)
"""What holds for a Tool without contract: each call waits for a review."""


def compile_blueprint(assistant: Assistant, resolved: Resolved) -> Blueprint | None:
    """Compile the Blueprint, or None while a reference that it cannot do without leads nowhere."""
    if (
        resolved.fatal
        or resolved.prompt is None
        or resolved.retention_policy is None
        or not resolved.models
    ):
        return None
    spec = assistant.spec
    return Blueprint(
        assistant=assistant.metadata.name,
        purpose=spec.purpose,
        owner=spec.owner,
        prompt=_compile_prompt(resolved.prompt, assistant),
        models=tuple(_compile_model(model) for model in resolved.models),
        tools=tuple(
            _compile_tool(tool, tool.spec.http) for tool in resolved.tools if tool.spec.http
        ),
        memory=(
            _compile_memory(resolved.memory_policy, resolved.embedder)
            if resolved.memory_policy
            else None
        ),
        retention=_compile_retention(resolved.retention_policy),
        bound_keys=spec.authentication.keys_secret_ref.name if spec.authentication else None,
        limits=BlueprintLimits(**spec.limits.model_dump()),
    )


def check_size(blueprint: Blueprint) -> tuple[Problem, ...]:
    """Return a problem if a Blueprint does not fit into a ConfigMap."""
    if len(blueprint.render()) <= BLUEPRINT_BYTES_MAX:
        return ()
    message = (
        f"the Blueprint has more than {BLUEPRINT_BYTES_MAX} bytes; use fewer tools, or shorten "
        "their schemas and descriptions"
    )
    return (Problem("spec", Reason.BLUEPRINT_TOO_LARGE, message),)


def _compile_prompt(prompt: Prompt, assistant: Assistant) -> BlueprintPrompt:
    return BlueprintPrompt(
        name=prompt.metadata.name,
        digest=digest_of_prompt(prompt),
        template=prompt.spec.template,
        variables=resolve_variables(prompt, assistant),
    )


def _compile_model(model: Model) -> BlueprintModel:
    spec = model.spec
    endpoint = spec.open_ai
    return BlueprintModel(
        name=model.metadata.name,
        type=spec.type,
        model_name=spec.model_name,
        base_url=endpoint.base_url if endpoint else None,
        credential=_name_of(endpoint.credential_secret_ref) if endpoint else None,
        tool_calling=spec.tool_calling,
        request_timeout_seconds=spec.request_timeout_seconds,
        context_tokens=spec.context_tokens,
        max_output_tokens=spec.max_output_tokens,
    )


def _compile_tool(tool: Tool, endpoint: HttpEndpoint) -> BlueprintTool:
    spec = tool.spec
    return BlueprintTool(
        name=tool.metadata.name,
        digest=digest_of(spec),
        description=spec.description,
        type=spec.type,
        url=endpoint.url,
        method=endpoint.method,
        credential=_name_of(endpoint.credential_secret_ref),
        input_schema=spec.input_schema,
        output_schema=spec.output_schema,
        contract=_compile_contract(spec.contract),
    )


def _compile_contract(declared: Contract | None) -> BlueprintContract:
    contract = declared or SAFEST_CONTRACT
    return BlueprintContract(
        declared=declared is not None,
        effect=contract.effect,
        idempotency_key_header=contract.idempotency_key_header,
        timeout_seconds=contract.timeout_seconds,
        calls_per_turn=contract.calls_per_turn,
        response_bytes=contract.response_bytes,
        integrity=contract.result.integrity,
        sensitivity=contract.result.sensitivity,
    )


def _compile_memory(policy: MemoryPolicy, embedder: Model | None) -> BlueprintMemory:
    segments = (BlueprintSegment(**segment.model_dump()) for segment in policy.spec.segments)
    return BlueprintMemory(
        policy=policy.metadata.name,
        policy_digest=digest_of(policy.spec),
        segments=tuple(sorted(segments, key=lambda segment: segment.name)),
        recall_mode=policy.spec.recall.mode,
        embedder=_compile_model(embedder) if embedder else None,
    )


def _compile_retention(policy: RetentionPolicy) -> BlueprintRetention:
    spec = policy.spec
    windows = (BlueprintWindow(**window.model_dump()) for window in spec.windows)
    holds = (BlueprintHold(**hold.model_dump()) for hold in spec.holds)
    backups = (BlueprintBackup(**backup.model_dump()) for backup in spec.backups)
    return BlueprintRetention(
        policy=policy.metadata.name,
        policy_digest=digest_of(spec),
        windows=tuple(sorted(windows, key=lambda window: window.data_class)),
        holds=tuple(sorted(holds, key=lambda hold: hold.name)),
        backups=tuple(sorted(backups, key=lambda backup: backup.name)),
    )


def _name_of(reference: SecretRef | None) -> str | None:
    return reference.name if reference else None
