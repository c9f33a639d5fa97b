"""Subjects are strangers to each other: labels in the journal, and what each may see."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from steward_api.v1alpha1.tool import ResultIntegrity
from steward_model_server import Answer, Call, ModelServer, Received, Say
from steward_runtime.journal.records import RecordType
from steward_runtime.labels import Integrity, Label
from steward_serving import (
    ServedRuntime,
    build_blueprint,
    build_memory,
    build_model,
    build_tool,
    read_journal,
)
from steward_tool_server import ToolServer

BOUND_KEY = "sk-bound-to-bob"


def _call_both_tools(received: Received) -> Answer:
    """Ask for both tools first, and reply once there are results."""
    if received.body["messages"][-1]["role"] == "tool":
        return Say("Done.")
    return Call((("lookup", {"id": "T-1"}), ("weather", {"id": "T-1"})))


@pytest.fixture(scope="module")
def setup(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedRuntime]:
    """Serve an assistant with two tools, memory and a bound key."""
    with ModelServer(_call_both_tools) as model, ToolServer() as tools:
        blueprint = build_blueprint(
            build_model(model.base_url),
            tools=(
                build_tool(f"{tools.url}/tickets/{{id}}", "lookup"),
                build_tool(
                    f"{tools.url}/weather/{{id}}", "weather", integrity=ResultIntegrity.TRUSTED
                ),
            ),
            memory=build_memory(),
            bound_keys="people",
        )
        folder = tmp_path_factory.mktemp("isolation")
        runtime = ServedRuntime(folder)
        runtime.files.write_all(blueprint)
        runtime.files.write_bound_key("people", "bob", BOUND_KEY, subject="bob")
        runtime.start()
        yield runtime
        if runtime.process is not None:
            runtime.stop()


def _client(runtime: ServedRuntime, subject: str | None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {runtime.key}"}
    if subject is not None:
        headers["Steward-Subject"] = subject
    return httpx.Client(base_url=f"{runtime.url}/v1", headers=headers, trust_env=False)


def _chat(client: httpx.Client, text: str = "hi", **headers: str) -> httpx.Response:
    body = {"model": "helpdesk", "messages": [{"role": "user", "content": text}]}
    return client.post("/chat/completions", json=body, headers=headers)


def _strip(response: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """Return everything of an answer that could tell foreign from absent."""
    headers = {name: value for name, value in response.headers.items() if name != "date"}
    return response.status_code, response.content, headers


@pytest.mark.parametrize("kind", ["tasks", "conversations"])
def test_answers_foreign_and_absent_alike(setup: ServedRuntime, kind: str) -> None:
    """To the byte, headers included, for another subject, another key, and no subject."""
    with _client(setup, "alice") as alice, _client(setup, "bob") as bob:
        mine = _chat(alice)
        header = {"tasks": "steward-task", "conversations": "steward-conversation"}[kind]
        own_id = mine.headers[header]
        assert alice.get(f"/{kind}/{own_id}").status_code == 200
        absent_id = own_id[:-4] + ("0000" if own_id[-4:] != "0000" else "1111")
        absent = _strip(bob.get(f"/{kind}/{absent_id}"))
        assert absent[0] == 404
        assert _strip(bob.get(f"/{kind}/{own_id}")) == absent
        bob.headers["Authorization"] = f"Bearer {BOUND_KEY}"
        assert _strip(bob.get(f"/{kind}/{own_id}")) == absent
    with _client(setup, None) as nobody:
        assert _strip(nobody.get(f"/{kind}/{own_id}")) == absent


def test_lets_nobody_go_on_with_a_foreign_conversation(setup: ServedRuntime) -> None:
    """Going on with a foreign, an absent or a made-up conversation is refused alike."""
    with _client(setup, "alice") as alice, _client(setup, "bob") as bob:
        own_id = _chat(alice).headers["steward-conversation"]
        answers = [
            _strip(_chat(bob, **{"Steward-Conversation": wanted}))
            for wanted in (own_id, own_id[:-4] + "ffff", "no such thing")
        ]
    for answer in answers:
        answer[2].pop("x-ratelimit-remaining-requests", None)
    assert [answer[0] for answer in answers] == [404] * 3
    assert answers[0] == answers[1] == answers[2]


def test_shows_memory_to_its_subject_alone(setup: ServedRuntime) -> None:
    """Listing shows one's own records; deleting a foreign record is like deleting none."""
    with _client(setup, "alice") as alice, _client(setup, "bob") as bob:
        added = alice.post("/memories", json={"segment": "facts", "text": "Alice likes tea."})
        assert added.status_code == 201
        record_id = added.json()["id"]
        assert "Alice likes tea." in alice.get("/memories?segment=facts").text
        assert "tea" not in bob.get("/memories").text
        foreign = _strip(bob.delete(f"/memories/{record_id}"))
        assert foreign == _strip(bob.delete("/memories/mem_00"))
        assert foreign[0] == 404
        assert alice.delete(f"/memories/{record_id}").json()["deleted"] is True
        assert "tea" not in alice.get("/memories").text


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_keeps_no_memory_without_a_subject(setup: ServedRuntime, method: str) -> None:
    """Memory belongs to a subject; the error says how to name one."""
    path = "/memories/mem_1" if method == "DELETE" else "/memories"
    body = {"segment": "facts", "text": "x"} if method == "POST" else None
    with _client(setup, None) as nobody:
        response = nobody.request(method, path, json=body)
    error = response.json()["error"]
    assert (response.status_code, error["code"]) == (403, "SubjectMissing")
    assert "Steward-Subject" in error["message"]


def test_takes_a_memory_once_for_one_idempotency_key(setup: ServedRuntime) -> None:
    """A repeated POST returns the record of the first one."""
    body = {"segment": "facts", "text": "Carol has a cat."}
    with _client(setup, "carol") as carol:
        first, second = (
            carol.post("/memories", json=body, headers={"Idempotency-Key": "k-1"}).json()
            for _ in range(2)
        )
        assert first == second
        assert len(carol.get("/memories").json()["data"]) == 1


def test_answers_what_the_caller_said_before_it_asks_who_is_right(setup: ServedRuntime) -> None:
    """A key that is bound to one subject speaks for no other."""
    with _client(setup, "alice") as client:
        client.headers["Authorization"] = f"Bearer {BOUND_KEY}"
        response = _chat(client)
    assert (response.status_code, response.json()["error"]["code"]) == (403, "SubjectNotAllowed")


async def test_labels_two_subjects_and_two_tools_in_four_ways(setup: ServedRuntime) -> None:
    """Every tool result carries who it is about and where it came from: four different labels."""
    for subject in ("dora", "emil"):
        with _client(setup, subject) as client:
            assert _chat(client).status_code == 200
    setup.stop()
    tasks = await read_journal(setup.data)
    setup.start()
    labels: dict[Any, set[Label]] = {}
    for entry in (entry for entries in tasks.values() for entry in entries):
        if entry.type is RecordType.TOOL_ANSWERED:
            (label,) = entry.labels
            labels.setdefault(label.subjects, set()).add(label)
    newest = [found for found in labels.values() if len(found) == 2][-2:]
    four = newest[0] | newest[1]
    assert len(four) == 4
    assert {label.integrity for label in four} == {Integrity.UNTRUSTED, Integrity.TRUSTED}
    for tool in ("lookup", "weather"):
        assert len([label for label in four if f"tool:{tool}" in label.origin]) == 2
