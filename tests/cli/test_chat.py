"""`steward chat`: streaming, conversations, and errors as one line."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_children.assistant import Script, serve_assistant
from steward_cli.local.chat import Conversation, open_client, run_chat
from steward_cli.local.errors import ChatFailed, NotRunning
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord, RunState, apply_record, hold_lock


def record_of(state: StateFolder, endpoint: str) -> RunRecord:
    """Return the record of a supervisor that serves `endpoint`, and write its key."""
    key = state.root / "apiKey"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text("sk-steward-test")
    return RunRecord(
        assistant=state.name,
        state=RunState.READY,
        pid=os.getpid(),
        folder="here",
        endpoint=endpoint,
        admin_url="",
        metrics_url="",
        key_file=str(key),
        blueprint_digest="sha256:0",
        model="fake",
    )


@pytest.fixture
def script() -> Script:
    """What the fake assistant says."""
    return Script()


@pytest.fixture
def state(tmp_path: Path, script: Script) -> Iterator[StateFolder]:
    """A state folder whose supervisor seems to run."""
    folder = StateFolder(tmp_path / "helpdesk")
    with serve_assistant(script) as endpoint, hold_lock(folder):
        apply_record(folder, record_of(folder, endpoint))
        yield folder


def test_one_message_is_streamed_and_ends(
    state: StateFolder, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    """`-m` prints the reply and nothing else."""
    assert run_chat(state, "Hello?", "local:me") == 0
    assert capsys.readouterr().out == "Hello\n"
    assert script.requests[0]["stream"] is True
    assert script.requests[0]["messages"] == [{"role": "user", "content": "Hello?"}]


def test_sends_key_and_subject_as_headers(state: StateFolder, script: Script) -> None:
    """The generated key acts for the subject that the front end names."""
    run_chat(state, "Hello?", "local:me")
    assert script.headers[0]["Authorization"] == "Bearer sk-steward-test"
    assert script.headers[0]["Steward-Subject"] == "local:me"


def test_names_the_login_as_subject_by_default(
    state: StateFolder, script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without --subject it is `local:<login>`."""
    monkeypatch.setenv("LOGNAME", "paula")
    run_chat(state, "Hello?")
    assert script.headers[0]["Steward-Subject"] == "local:paula"


def test_lines_of_a_pipe_are_one_conversation_until_new(
    state: StateFolder,
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The second line continues, the one after /new does not; empty lines are passed over."""
    monkeypatch.setattr("sys.stdin", io.StringIO("one\n\ntwo\n/new\nthree\n/exit\nfour\n"))
    assert run_chat(state, None, "local:me") == 0
    sent = [headers.get("Steward-Conversation") for headers in script.headers]
    assert sent == [None, "conversation-1", None]
    assert capsys.readouterr().out == "Hello\n" * 3


def test_a_conversation_purged_meanwhile_is_begun_anew(
    state: StateFolder,
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever pauses longer than the window is told, and answered."""
    script.purged.add("conversation-1")
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    assert run_chat(state, None, "local:me") == 0
    sent = [headers.get("Steward-Conversation") for headers in script.headers]
    assert sent == [None, "conversation-1", None]
    seen = capsys.readouterr()
    assert seen.out == "Hello\n" * 2
    assert "purged" in seen.err


def test_a_refusal_is_one_line_with_its_code(state: StateFolder, script: Script) -> None:
    """The OpenAI error body becomes the message."""
    script.status, script.error = 429, {"code": "RateLimited", "message": "try again later"}
    with pytest.raises(ChatFailed, match=r"^RateLimited: try again later$"):
        run_chat(state, "Hello?")


def test_an_error_inside_the_stream_is_an_error(state: StateFolder, script: Script) -> None:
    """What was said before it stays visible."""
    script.error = {"code": "ModelUnavailable", "message": "no model answered"}
    with pytest.raises(ChatFailed, match="ModelUnavailable"):
        run_chat(state, "Hello?")


def test_an_event_that_is_not_json_is_an_error(state: StateFolder, script: Script) -> None:
    """A broken stream is not shown as a reply."""
    script.broken_event = True
    with pytest.raises(ChatFailed, match="not JSON"):
        run_chat(state, "Hello?")


def test_a_failed_line_of_a_pipe_shows_and_fails_at_the_end(
    state: StateFolder,
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The others are still sent."""
    script.status, script.error = 503, {"code": "QueueFull", "message": "come back"}
    monkeypatch.setattr("sys.stdin", io.StringIO("one\ntwo\n"))
    assert run_chat(state, None) == 1
    assert len(script.requests) == 2
    assert capsys.readouterr().err == "QueueFull: come back\n" * 2


def test_says_so_when_nothing_runs(tmp_path: Path) -> None:
    """The message names what to do."""
    with pytest.raises(NotRunning, match="start it with `steward up"):
        run_chat(StateFolder(tmp_path / "helpdesk"), "Hello?")


def test_says_so_when_the_assistant_is_out_of_reach(tmp_path: Path) -> None:
    """A connection error is no stack trace."""
    record = record_of(StateFolder(tmp_path / "helpdesk"), "http://127.0.0.1:1/v1")
    with open_client(record) as client, pytest.raises(ChatFailed, match="cannot be reached"):
        Conversation(client, "helpdesk", "local:me").send("Hello?", print)


def test_a_body_that_is_not_openais_still_explains(state: StateFolder, script: Script) -> None:
    """The status is named when there is nothing else."""
    script.status, script.error = 502, None
    with pytest.raises(ChatFailed, match=r"502|without saying why"):
        run_chat(state, "Hello?")


def test_the_client_ignores_proxies_of_the_environment(
    state: StateFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Loopback is never asked of a proxy."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert run_chat(state, "Hello?") == 0
