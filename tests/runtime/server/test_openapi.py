"""The OpenAPI document, held against the routes and the answers that are really served."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import jsonschema
import pytest
from starlette.routing import Route

from steward_doors import Doors, Setting, build_doors, reply
from steward_runtime.labels import BOTTOM
from steward_runtime.server.openapi import OPERATIONS, build_document
from steward_runtime.server.render import ChunkWriter, ReplyHead
from steward_runtime.tasks.conversations import StoredMessage
from steward_runtime.tasks.requests import (
    ConversationView,
    StepType,
    TaskStep,
    TaskView,
)
from steward_runtime.turn.messages import Message, Role, ToolCall
from steward_runtime.turn.state import CallStatus, Outcome, TaskStatus

ALICE = {"Steward-Subject": "alice"}
DOCUMENT = build_document()
CHAT = {"model": "helpdesk", "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """Serve with usual settings."""
    async with build_doors(tmp_path, Setting()) as built:
        yield built


def check_answer(model: str, answer: object) -> None:
    """Hold an answer against a schema of the document."""
    schema = {**DOCUMENT, "$ref": f"#/components/schemas/{model}"}
    jsonschema.Draft202012Validator(schema).validate(answer)


def find_answer(path: str, method: str, status: str) -> str:
    """Return the name of the model that the document promises."""
    answer = DOCUMENT["paths"][path][method]["responses"][status]
    reference: str = answer["content"]["application/json"]["schema"]["$ref"]
    return reference.rsplit("/", 1)[1]


async def test_every_route_is_documented_and_every_operation_is_served(doors: Doors) -> None:
    """Paths and methods of the document are those of the application."""
    served = {
        (route.path, method.lower())
        for route in doors.routes
        if isinstance(route, Route)
        for method in (route.methods or {"POST"}) - {"HEAD"}
    }
    assert served == {(operation.path, operation.method) for operation in OPERATIONS}


async def test_shows_the_document_to_whoever_holds_a_key(doors: Doors) -> None:
    """What is served is the document, and nothing is shown without a key."""
    assert (await doors.client.get("/openapi.json")).json() == DOCUMENT
    refused = await doors.client.get("/openapi.json", headers={"Authorization": ""})
    assert refused.status_code == 401
    check_answer(find_answer("/openapi.json", "get", "default"), refused.json())


@pytest.mark.parametrize(
    ("method", "path", "template", "status"),
    [
        ("GET", "/v1/models", "/v1/models", "200"),
        ("GET", "/v1/models/helpdesk", "/v1/models/{id}", "200"),
        ("GET", "/v1/models/other", "/v1/models/{id}", "default"),
        ("GET", "/v1/tasks/replied", "/v1/tasks/{id}", "200"),
        ("GET", "/v1/tasks/failed", "/v1/tasks/{id}", "200"),
        ("GET", "/v1/conversations/conv_1", "/v1/conversations/{id}", "200"),
        ("POST", "/v1/chat/completions", "/v1/chat/completions", "200"),
        ("POST", "/v1/memories", "/v1/memories", "201"),
        ("GET", "/v1/memories", "/v1/memories", "200"),
        ("DELETE", "/v1/memories/mem_0", "/v1/memories/{id}", "200"),
        ("GET", "/livez", "/livez", "200"),
        ("GET", "/readyz", "/readyz", "200"),
    ],
)
async def test_answers_have_the_shape_that_the_document_promises(
    doors: Doors, method: str, path: str, template: str, status: str
) -> None:
    """Each answer validates against its schema, which knows no further members."""
    fill(doors)
    bodies = {"/v1/memories": {"segment": "facts", "text": "tea"}, "/v1/chat/completions": CHAT}
    body = bodies.get(path) if method == "POST" else None
    answer = await doors.client.request(method, path, json=body, headers=ALICE)
    assert str(answer.status_code) == status or status == "default"
    check_answer(find_answer(template, method.lower(), status), answer.json())


def test_events_have_the_shape_that_the_document_promises() -> None:
    """Opening, text, calls, reason and usage are chunks."""
    writer = ChunkWriter(ReplyHead("task_1", 1_700, "helpdesk"))
    outcome = reply("", ToolCall("c1", "t", "{}"))
    raw = writer.render_opening() + writer.render_text("hi")
    raw += writer.render_end(outcome, with_usage=True)
    *events, mark = [event.removeprefix(b"data: ") for event in raw.split(b"\n\n") if event]
    assert (mark, len(events)) == (b"[DONE]", 5)
    for event in events:
        check_answer("Chunk", json.loads(event))


def fill(doors: Doors) -> None:
    """Give the caller tasks of each kind, a conversation and a memory."""
    steps = (
        TaskStep(StepType.RECALL, CallStatus.RESOLVED, records=("mem_0",)),
        TaskStep(StepType.TOOL, CallStatus.RESOLVED, tool="t", reason="ToolTimeout"),
    )
    failed = Outcome(TaskStatus.FAILED, reason="ModelUnavailable", message="m")
    for name, outcome in (("replied", reply("Done.")), ("failed", failed)):
        view = TaskView(name, "conv_1", 1_700_000, 2_000_000, outcome, steps)
        doors.turns.tasks["subject:alice", name] = view
    messages = (
        Message(Role.USER, "hi", BOTTOM),
        Message(Role.ASSISTANT, "", BOTTOM, (ToolCall("c1", "t", "{}"),)),
        Message(Role.TOOL, "r", BOTTOM, call_id="c1"),
    )
    stored = tuple(StoredMessage(n, 1_700_000, "replied", m) for n, m in enumerate(messages, 1))
    view_of_all = ConversationView("conv_1", 1_700_000, 1_800_000, stored)
    doors.turns.conversations["subject:alice", "conv_1"] = view_of_all
