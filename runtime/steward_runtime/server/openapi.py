"""The OpenAPI document of the public API, built from the models of bodies and answers (pure).

Served as `/openapi.json` to whoever holds a key, and written to docs/reference by `make docs`. A
test compares its operations with the routes that are served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from steward_runtime.server import answers
from steward_runtime.server.auth import SUBJECT_PATTERN
from steward_runtime.server.wire import ChatBody, MemoryBody

OPENAPI_VERSION: Final = "3.1.0"
"""The first version whose schemas are JSON Schema 2020-12, which is what the models give."""
API_VERSION: Final = "v1"
REFERENCE: Final = "#/components/schemas/{model}"
JSON: Final = "application/json"

_SUBJECT: Final = {
    "name": "Steward-Subject",
    "in": "header",
    "description": "For whom the key acts. Without it there is no long-term memory.",
    "schema": {"type": "string", "pattern": f"^{SUBJECT_PATTERN.pattern}$"},
}
_CONVERSATION: Final = {
    "name": "Steward-Conversation",
    "in": "header",
    "description": "Id of the conversation to go on with; a reply names it in the same header.",
    "schema": {"type": "string"},
}
_ID: Final = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
_IDEMPOTENCY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeated key writes once.",
    "schema": {"type": "string"},
}


def _query(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "string"}
    return {"name": name, "in": "query", "description": description, "schema": schema}


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    Attributes:
        path: with `{id}` where an id stands.
        method: in lower case.
        name: unique name of the operation.
        summary: one sentence.
        answer: model of a good answer; None is this document itself.
        parameters: OpenAPI parameter objects.
        body: model of the request's body.
        status: status of a good answer.
        event: model of the events, where the answer may be a stream of them.
        is_open: no key is asked for.
    """

    path: str
    method: str
    name: str
    summary: str
    answer: type[BaseModel] | None
    parameters: tuple[dict[str, Any], ...] = ()
    body: type[BaseModel] | None = None
    status: int = 200
    event: type[BaseModel] | None = None
    is_open: bool = False


OPERATIONS: Final = (
    Operation(
        "/v1/chat/completions",
        "post",
        "createChatCompletion",
        "Have the assistant reply; with `stream` as server-sent events, the last one `[DONE]`.",
        answers.Completion,
        (_SUBJECT, _CONVERSATION),
        ChatBody,
        event=answers.Chunk,
    ),
    Operation("/v1/models", "get", "listModels", "List the assistant.", answers.ModelList),
    Operation(
        "/v1/models/{id}", "get", "showModel", "Show the assistant.", answers.ModelAnswer, (_ID,)
    ),
    Operation(
        "/v1/tasks/{id}",
        "get",
        "showTask",
        "Show where a task stands, also after a crash.",
        answers.TaskAnswer,
        (_ID, _SUBJECT),
    ),
    Operation(
        "/v1/conversations/{id}",
        "get",
        "showConversation",
        "Show a conversation with its messages.",
        answers.ConversationAnswer,
        (_ID, _SUBJECT),
    ),
    Operation(
        "/v1/memories",
        "get",
        "listMemories",
        "List what is remembered of the subject.",
        answers.MemoryList,
        (
            _SUBJECT,
            _query("segment", "Only records of this segment."),
            _query("domain", "Only records of segments of this domain."),
        ),
    ),
    Operation(
        "/v1/memories",
        "post",
        "addMemory",
        "Remember a text about the subject.",
        answers.MemoryAnswer,
        (_SUBJECT, _IDEMPOTENCY),
        MemoryBody,
        status=201,
    ),
    Operation(
        "/v1/memories/{id}",
        "delete",
        "deleteMemory",
        "Forget one record.",
        answers.MemoryDeleted,
        (_ID, _SUBJECT),
    ),
    Operation("/openapi.json", "get", "showDocument", "Show this document.", None),
    *(
        Operation(path, "get", name, summary, answers.HealthAnswer, is_open=True)
        for path, name, summary in (
            ("/livez", "showLife", "Say that the process runs."),
            ("/readyz", "showReadiness", "Say whether it takes work."),
            ("/healthz", "showHealth", "Say whether it takes work."),
        )
    ),
)
"""Every operation of the public port."""


def build_document() -> dict[str, Any]:
    """Return the document: the same for every assistant."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _build_operation(operation)
    return {
        "openapi": OPENAPI_VERSION,
        "info": {
            "title": "Steward assistant",
            "version": API_VERSION,
            "description": "One assistant behind an API in OpenAI's shapes.",
        },
        "security": [{"key": []}],
        "paths": paths,
        "components": {
            "schemas": _build_schemas(),
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
    }


def _build_operation(operation: Operation) -> dict[str, Any]:
    built: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            str(operation.status): _build_answer(operation),
            "default": {
                "description": "Refused or failed; `code` says why.",
                "content": _content(answers.ErrorAnswer),
            },
        },
    }
    if operation.is_open:
        built["security"] = []
        built["responses"]["503"] = {**_build_answer(operation), "description": "Takes no work."}
    if operation.parameters:
        built["parameters"] = list(operation.parameters)
    if operation.body is not None:
        built["requestBody"] = {"required": True, "content": _content(operation.body)}
    return built


def _build_answer(operation: Operation) -> dict[str, Any]:
    if operation.answer is None:
        return {"description": "This document.", "content": {JSON: {"schema": {"type": "object"}}}}
    content = _content(operation.answer)
    if operation.event is not None:
        content["text/event-stream"] = {"schema": _refer(operation.event)}
    return {"description": operation.summary, "content": content}


def _content(model: type[BaseModel]) -> dict[str, Any]:
    return {JSON: {"schema": _refer(model)}}


def _refer(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFERENCE.format(model=model.__name__)}


def _build_schemas() -> dict[str, Any]:
    models = {
        model: None
        for operation in OPERATIONS
        for model in (operation.answer, operation.body, operation.event, answers.ErrorAnswer)
        if model is not None
    }
    wanted = [(model, "validation") for model in models]
    _, schemas = models_json_schema(wanted, ref_template=REFERENCE)  # type: ignore[arg-type] # the mode is a literal
    definitions: dict[str, Any] = schemas["$defs"]
    return dict(sorted(definitions.items()))
