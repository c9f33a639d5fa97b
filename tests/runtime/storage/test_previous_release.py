"""The previous release and this one take turns on one database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from steward_model_server import ModelServer, Say
from steward_previous import MIGRATIONS, PreviousRelease, find_differences, unpack_previous
from steward_serving import ServedRuntime, build_blueprint, build_memory, build_model

ALICE = {"Steward-Subject": "alice"}


@pytest.fixture(scope="module")
def previous() -> PreviousRelease:
    """The previous release."""
    return unpack_previous()


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model that takes note."""
    with ModelServer(lambda _: Say("Noted.")) as server:
        yield server


def _chat(runtime: ServedRuntime, conversation: str | None, text: str) -> str:
    headers = {"Authorization": f"Bearer {runtime.key}", **ALICE}
    if conversation is not None:
        headers["Steward-Conversation"] = conversation
    body = {"model": "helpdesk", "messages": [{"role": "user", "content": text}]}
    with httpx.Client(base_url=runtime.url, trust_env=False, timeout=20) as client:
        answer = client.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    named: str = answer.headers["Steward-Conversation"]
    return named


def _list_memories(runtime: ServedRuntime) -> list[str]:
    headers = {"Authorization": f"Bearer {runtime.key}", **ALICE}
    with httpx.Client(base_url=runtime.url, trust_env=False, timeout=20) as client:
        listed = client.get("/v1/memories", headers=headers).json()["data"]
    return [record["text"] for record in listed]


def test_the_schema_of_the_database_has_changed_since(previous: PreviousRelease) -> None:
    """Else the test below would show nothing; migrations are added, never edited."""
    added = find_differences(previous, MIGRATIONS, "*.sql")
    kept = {path.name for path in (previous.root / MIGRATIONS).glob("*.sql")}
    assert added
    assert not added & kept


def test_old_and_new_take_turns_on_one_database(
    tmp_path: Path, previous: PreviousRelease, model: ModelServer
) -> None:
    """A conversation and its memory go on through an upgrade, its rollback and the next upgrade."""
    conversation: str | None = None
    said: list[str] = []
    for turn, is_old in enumerate((True, False, True, False), 1):
        runtime = ServedRuntime(tmp_path, environment=previous.environment if is_old else {})
        if is_old:
            previous.write_config(runtime.files.root, model.base_url)
        else:
            ours = build_blueprint(build_model(model.base_url), memory=build_memory())
            runtime.files.write_all(ours)
        runtime.start()
        said.append(f"Fact number {turn}.")
        conversation = _chat(runtime, conversation, said[-1])
        shown = [message["content"] for message in model.received[-1].body["messages"]]
        assert [text for text in shown if text in said] == said
        assert sorted(_list_memories(runtime)) == said
        runtime.stop()
