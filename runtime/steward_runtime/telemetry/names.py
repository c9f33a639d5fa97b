"""Every name of a metric, span, attribute and log field that leaves the process.

Span and attribute names follow OpenTelemetry's semantic conventions for generative AI as of
package version 1.45; they are pinned here so that a change upstream is a change of this file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SERVICE_NAME: Final = "steward-runtime"


class SpanName(StrEnum):
    """Operation of a span; the full name is `<operation> <object>`."""

    INVOKE_AGENT = "invoke_agent"
    CHAT = "chat"
    EXECUTE_TOOL = "execute_tool"
    EMBEDDINGS = "embeddings"


class Attribute(StrEnum):
    """Attributes that a span may carry: names, counts and outcomes, never text of users."""

    OPERATION = "gen_ai.operation.name"
    PROVIDER = "gen_ai.provider.name"
    AGENT_NAME = "gen_ai.agent.name"
    AGENT_VERSION = "gen_ai.agent.version"
    """Digest of the Blueprint."""
    CONVERSATION_ID = "gen_ai.conversation.id"
    REQUEST_MODEL = "gen_ai.request.model"
    REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
    INPUT_TOKENS = "gen_ai.usage.input_tokens"
    OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
    FINISH_REASONS = "gen_ai.response.finish_reasons"
    TOOL_NAME = "gen_ai.tool.name"
    TOOL_TYPE = "gen_ai.tool.type"
    ERROR_TYPE = "error.type"
    """Reason of the failure, a CamelCase constant."""
    SERVER_ADDRESS = "server.address"
    HTTP_STATUS = "http.response.status_code"
    TASK_ID = "steward.task.id"
    BLUEPRINT_DIGEST = "steward.blueprint.digest"


class LogField(StrEnum):
    """Fields that a log line may carry besides time, level, event and logger."""

    TASK = "task"
    CONVERSATION = "conversation"
    REASON = "reason"
    ROUTE = "route"
    METHOD = "method"
    STATUS = "status"
    SECONDS = "seconds"
    MODEL = "model"
    TOOL = "tool"
    HOST = "host"
    KEY_ID = "key_id"
    COUNT = "count"
    FILE = "file"
    PORT = "port"
    ADDRESS = "address"
    BLUEPRINT = "blueprint"
    ASSISTANT = "assistant"
    VERSION = "version"
    STEP = "step"
    RUN = "run"
    STORE = "store"
    RECEIPT = "receipt"
    OUTCOME = "outcome"
    SIGNAL = "signal"


class Metric(StrEnum):
    """Names of metrics, each with its unit last."""

    REQUESTS = "steward_requests_total"
    REQUEST_SECONDS = "steward_request_duration_seconds"
    REFUSALS = "steward_refusals_total"
    TASKS = "steward_tasks_total"
    TASK_SECONDS = "steward_task_duration_seconds"
    TASKS_RUNNING = "steward_tasks_running"
    TASKS_WAITING = "steward_tasks_waiting"
    MODEL_CALLS = "steward_model_calls_total"
    MODEL_SECONDS = "steward_model_call_duration_seconds"
    MODEL_TOKENS = "steward_model_tokens_total"
    TOOL_CALLS = "steward_tool_calls_total"
    TOOL_SECONDS = "steward_tool_call_duration_seconds"
    BLUEPRINT_INFO = "steward_blueprint_info"


class MetricLabel(StrEnum):
    """Labels of metrics: names from the Blueprint and constants, so that series stay few."""

    ROUTE = "route"
    STATUS = "status"
    REASON = "reason"
    OUTCOME = "outcome"
    MODEL = "model"
    TOOL = "tool"
    DIRECTION = "direction"
    """`input` or `output` tokens."""
    ASSISTANT = "assistant"
    DIGEST = "digest"


OUTCOME_OK: Final = "Ok"
"""Outcome of a call that did what it should; a failure shows its reason instead."""
