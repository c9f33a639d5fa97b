"""Models, tasks, conversations and memory over HTTP, with a scripted driver."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from steward_doors import Doors, Setting, build_doors, reply
from steward_runtime.errors import NotFound
from steward_runtime.labels import BOTTOM
from steward_runtime.server.errors import Forbidden
from steward_runtime.tasks.conversations import StoredMessage
from steward_runtime.tasks.requests import ConversationView, TaskView
from steward_runtime.turn.messages import Message, Role, ToolCall
from steward_runtime.turn.state import Outcome, TaskStatus

ALICE = {"Steward-Subject": "alice"}


@pytest.fixture
async def doors(tmp_path: Path) -> AsyncIterator[Doors]:
    """Serve with usual settings."""
    async with build_doors(tmp_path, Setting()) as built:
        yield built


async def test_lists_the_assistant_as_the_only_model(doors: Doors) -> None:
    """Name, owner and shape are OpenAI's."""
    listed = (await doors.client.get("/v1/models")).json()
    assert listed["data"] == [
        {"id": "helpdesk", "object": "model", "created": 1_700, "owned_by": "team-a"}
    ]
    assert (await doors.client.get("/v1/models/helpdesk")).json() == listed["data"][0]
    missing = await doors.client.get("/v1/models/gpt-4o")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "ModelNotFound")


@pytest.mark.parametrize(
    ("outcome", "ended", "status"),
    [
        (Outcome(TaskStatus.RUNNING), None, "Running"),
        (reply("Done."), 2_000_000, "Replied"),
        (Outcome(TaskStatus.FAILED, reason="ModelUnavailable", message="m"), 2_000_000, "Failed"),
    ],
)
async def test_shows_where_a_task_stands(
    doors: Doors, outcome: Outcome, ended: int | None, status: str
) -> None:
    """Running has neither reply nor error, a reply comes as a completion, a failure as an error."""
    view = TaskView("task_1", "conv_1", 1_700_000, ended, outcome)
    doors.turns.tasks["subject:alice", "task_1"] = view
    shown = (await doors.client.get("/v1/tasks/task_1", headers=ALICE)).json()
    assert (shown["status"], shown["conversation"]) == (status, "conv_1")
    assert (shown["completion"] is not None) is (status == "Replied")
    assert (shown["error"] is not None) is (status == "Failed")
    assert (await doors.client.get("/v1/tasks/task_1")).status_code == 404


async def test_shows_a_conversation_with_its_messages(doors: Doors) -> None:
    """Roles, calls and results in order, each with its task."""
    messages = (
        Message(Role.USER, "hi", BOTTOM),
        Message(Role.ASSISTANT, "", BOTTOM, (ToolCall("c1", "t", "{}"),)),
        Message(Role.TOOL, "r", BOTTOM, call_id="c1"),
    )
    stored = tuple(StoredMessage(n, 1_700_000, "task_1", m) for n, m in enumerate(messages, 1))
    view = ConversationView("conv_1", 1_700_000, 1_800_000, stored)
    doors.turns.conversations["subject:alice", "conv_1"] = view
    shown = (await doors.client.get("/v1/conversations/conv_1", headers=ALICE)).json()
    assert [each["role"] for each in shown["messages"]] == ["user", "assistant", "tool"]
    assert shown["messages"][1]["tool_calls"][0]["id"] == "c1"
    assert (shown["messages"][2]["tool_call_id"], shown["changed"]) == ("c1", 1_800)
    assert (await doors.client.get("/v1/conversations/conv_1")).status_code == 404


async def test_adds_lists_and_deletes_memories(doors: Doors) -> None:
    """Filters and the idempotency key reach memory; a record has segment and sensitivity."""
    added = await doors.client.post(
        "/v1/memories",
        json={"segment": "facts", "text": "tea"},
        headers={**ALICE, "Idempotency-Key": "k"},
    )
    assert (added.status_code, added.json()["sensitivity"]) == (201, "Public")
    assert doors.memories.keys == ["k"]
    listed = await doors.client.get("/v1/memories?segment=facts&domain=support", headers=ALICE)
    assert [each["text"] for each in listed.json()["data"]] == ["tea"]
    assert doors.memories.asked == [("facts", "support")]
    gone = await doors.client.delete("/v1/memories/mem_0", headers=ALICE)
    assert (gone.json()["deleted"], doors.memories.records) == (True, [])


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Forbidden("Name the subject.", reason="SubjectMissing"), 403),
        (NotFound("This assistant has no memory.", reason="MemoryNotConfigured"), 404),
    ],
)
async def test_passes_on_why_memory_is_refused(
    doors: Doors, error: Forbidden | NotFound, status: int
) -> None:
    """The code of the refusal is the body's code."""
    doors.memories.error = error
    response = await doors.client.get("/v1/memories")
    assert (response.status_code, response.json()["error"]["code"]) == (status, error.reason)


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/x", "/v1/tasks/x", "/v1/conversations/x", "/v1/memories"]
)
async def test_shows_nothing_without_a_key(doors: Doors, path: str) -> None:
    """Every view needs a key."""
    response = await doors.client.get(path, headers={"Authorization": ""})
    assert response.status_code == 401
