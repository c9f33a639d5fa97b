"""`steward up` as real processes: runtime, ticket service and schedule; a scripted model server."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from steward_api.blueprint import Blueprint
from steward_children.waiting import wait_until
from steward_cli.demo.expectations import Chat, Request
from steward_cli.demo.stage import build_up_command, serve_example, stop
from steward_cli.demo.visit import Visit, check_chat, check_request, list_tools
from steward_cli.local.chat import Conversation, open_client
from steward_cli.local.identity import gather_identity
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord, gather_record, is_held, measure_start
from steward_cli.render import render_directory
from steward_model_server import Answer, Call, ModelServer, Received, Say
from steward_operator.archive.tokens import build_token

KEY = "sk-of-the-user-0123456789"
SUBJECT = "local:paula"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "01-helpdesk"


def play(received: Received) -> Answer:
    """Call find-ticket where the user says `find`, then answer; else repeat what was said."""
    last = received.body["messages"][-1]
    if last["role"] == "user" and "find" in str(last["content"]):
        return Call((("find-ticket", {"number": 1001}),))
    return Say("It is done.")


@dataclass(frozen=True, slots=True)
class Running:
    """One assistant that several tests share."""

    model: ModelServer
    state: StateFolder
    record: RunRecord


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """The user's own endpoint, named by the three variables."""
    with ModelServer(play) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        patch.setenv("OPENAI_BASE_URL", server.base_url)
        patch.setenv("MODEL", "scripted")
        yield server


@pytest.fixture(scope="module")
def running(model: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An assistant that runs while its tests only look."""
    state = StateFolder(tmp_path_factory.mktemp("shared") / "helpdesk")
    with serve_example(EXAMPLE, state) as record:
        yield Running(model, state, record)


@pytest.fixture
def state(tmp_path: Path, model: ModelServer) -> StateFolder:
    """Where the state of a run of its own goes."""
    del model
    return StateFolder(tmp_path / "state" / "helpdesk")


@contextmanager
def talk_to(record: RunRecord) -> Iterator[Conversation]:
    """Open a conversation as Paula."""
    with open_client(record) as client:
        yield Conversation(client, record.assistant, SUBJECT)


def read_conversation(record: RunRecord, conversation: str) -> httpx.Response:
    """Ask for a conversation as Paula."""
    with open_client(record) as client:
        return client.get(f"conversations/{conversation}", headers={"Steward-Subject": SUBJECT})


def pids_of(state: StateFolder) -> dict[str, int]:
    """Return the children that run now, by name."""
    record = gather_record(state)
    assert record is not None
    return {process.name: process.pid for process in record.processes}


def test_serves_the_blueprint_that_render_shows(running: Running) -> None:
    """The runtime itself says the digest of the cluster's Blueprint; the operator's token opens."""
    items = json.loads(render_directory(EXAMPLE, "json"))["items"]
    (text,) = [
        item["data"]["blueprint.json"]
        for item in items
        if item["kind"] == "ConfigMap" and "blueprint.json" in item["data"]
    ]
    identity = gather_identity(running.state)
    token = build_token(identity.key, identity.uid, "status", time.time_ns() // 10**9)
    answer = httpx.get(
        f"{running.record.admin_url}/internal/v1/status",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    digest = Blueprint.model_validate_json(text).digest
    assert running.record.blueprint_digest == digest
    assert digest in answer.text


def test_a_tool_acts_on_the_examples_service(running: Running) -> None:
    """The logical host leads to loopback, the token opens it, the journal shows the call."""
    with talk_to(running.record) as talk, open_client(running.record) as client:
        assert talk.send("Please find it.", lambda _: None).text == "It is done."
        task = client.get(f"tasks/{talk.task}", headers={"Steward-Subject": SUBJECT}).json()
    assert list_tools(task) == ["find-ticket"]
    messages = running.model.received[-1].body["messages"]
    assert "Printer on floor 2" in next(m["content"] for m in messages if m["role"] == "tool")


def test_the_users_key_reaches_its_endpoint_and_nothing_else(running: Running) -> None:
    """The key goes to its host alone; no log, record or child's environment holds it."""
    with talk_to(running.record) as talk:
        talk.send("Good evening", lambda _: None)
    received = running.model.received[-1]
    assert received.headers["authorization"] == f"Bearer {KEY}"
    assert received.body["model"] == "scripted"
    pids = pids_of(running.state)
    assert set(pids) == {"tickets", "runtime"}
    texts = [Path(f"/proc/{pid}/environ").read_bytes() for pid in pids.values()]
    texts += [running.state.record.read_bytes(), *read_logs(running.state)]
    assert not [text for text in texts if KEY.encode() in text]


def test_what_is_said_is_in_no_log(running: Running) -> None:
    """Neither the runtime nor the example's service writes content."""
    with talk_to(running.record) as talk:
        talk.send("please find zebra-marker", lambda _: None)
    for log in read_logs(running.state):
        assert b"zebra-marker" not in log
        assert b"Printer on floor" not in log


def test_a_second_up_of_the_same_assistant_is_refused(running: Running) -> None:
    """One line, no stack trace, and the first one goes on."""
    second = subprocess.run(
        build_up_command(EXAMPLE, running.state),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert second.returncode == 1
    assert second.stderr.startswith("steward: helpdesk is already running by process")
    assert second.stderr.count("\n") == 1
    with talk_to(running.record) as talk:
        assert talk.send("Good evening", lambda _: None).text == "It is done."


def test_a_visit_sees_what_the_journal_says(running: Running) -> None:
    """The runner of `expect.yaml` works against any model."""
    said: list[str] = []
    visit = Visit(running.record, running.state, said.append)
    chat = Chat(subject="local:rosa", say="My desk is in room 12.", conversation="first")
    check_chat(visit, chat)
    again = chat.model_copy(
        update={"conversation": "later", "say": "Which room is my desk in?", "recalls": "first"}
    )
    check_chat(visit, again)
    check_request(visit, Request(path="/v1/models", key=False, status=401))
    assert "recalled 1 records, 1 of them from 'first'" in "".join(said)


def read_logs(state: StateFolder) -> list[bytes]:
    """Return every log of a run, what `steward up` said included."""
    return [log.read_bytes() for log in (*state.logs.iterdir(), *state.root.parent.glob("*.log"))]


def test_survives_its_own_sudden_end(state: StateFolder) -> None:
    """Killed, it leaves no child behind; started again, keys, port and data are the same."""
    first = subprocess.Popen(
        build_up_command(EXAMPLE, state), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: state.record.exists() and '"Ready"' in state.record.read_text())
        record = gather_record(state)
        assert record is not None
        with talk_to(record) as talk:
            talk.send("Good evening", lambda _: None)
            conversation = talk.id
        pids = pids_of(state)
    finally:
        first.kill()
        first.wait()
    wait_until(lambda: not [pid for pid in pids.values() if measure_start(pid) is not None])
    assert set(pids) == {"tickets", "runtime"}
    with serve_example(EXAMPLE, state) as again:
        answer = read_conversation(again, str(conversation))
    assert again.endpoint == record.endpoint
    assert answer.status_code == 200
    assert [message["content"] for message in answer.json()["messages"]] == [
        "Good evening",
        "It is done.",
    ]


def test_a_crashed_runtime_is_started_again(state: StateFolder) -> None:
    """The conversation goes on where it was."""
    with serve_example(EXAMPLE, state) as record, talk_to(record) as talk:
        talk.send("Good evening", lambda _: None)
        before = pids_of(state)["runtime"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: pids_of(state).get("runtime", before) != before)
        wait_until(lambda: read_conversation_quietly(record, str(talk.id)) == 200)
        assert talk.send("Are you back?", lambda _: None).text == "It is done."
    said = (state.root.parent / "helpdesk-up.log").read_text()
    assert "runtime ended (signal SIGKILL); starting it again in 1 s" in said


def read_conversation_quietly(record: RunRecord, conversation: str) -> int:
    """Return the status of a conversation, 0 while nothing listens."""
    try:
        return read_conversation(record, conversation).status_code
    except httpx.HTTPError:
        return 0


def test_interrupted_it_drains_and_ends_with_success(state: StateFolder) -> None:
    """Ctrl-C is a normal end: exit code 0, no child left, state kept."""
    process = subprocess.Popen(
        build_up_command(EXAMPLE, state),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        wait_until(lambda: state.record.exists() and '"Ready"' in state.record.read_text())
        pids = pids_of(state)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0, said
    assert "draining" in said
    assert not [pid for pid in pids.values() if measure_start(pid) is not None]
    assert not is_held(state)
    assert (state.data / "steward.db").exists()


def test_interrupted_while_starting_it_leaves_nothing(state: StateFolder) -> None:
    """Before it is ready, too."""
    process = subprocess.Popen(
        build_up_command(EXAMPLE, state), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(state.record.exists)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
    finally:
        process.kill()
    assert process.returncode in {0, 130}
    assert not [pid for pid in pids_of(state).values() if measure_start(pid) is not None]


def test_a_service_that_does_not_start_is_named_with_its_log(
    state: StateFolder, tmp_path: Path
) -> None:
    """Nothing else is left running."""
    broken = tmp_path / "broken"
    broken.mkdir()
    for file in EXAMPLE.glob("*.yaml"):
        (broken / file.name).write_text(file.read_text())
    done = subprocess.run(
        build_up_command(broken, state), capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert "tickets ended while starting (exit code 2)" in done.stderr
    assert str(state.logs / "tickets.log") in done.stderr
    assert "Traceback" not in done.stderr
    assert not is_held(state)


def test_down_erases_what_it_lists(state: StateFolder) -> None:
    """`steward down --erase` ends the supervisor and removes the state."""
    process = subprocess.Popen(
        build_up_command(EXAMPLE, state), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_until(lambda: state.record.exists() and '"Ready"' in state.record.read_text())
        words = ("down", "helpdesk", "--erase", "--state", str(state.root.parent))
        done = subprocess.run(
            (sys.executable, "-m", "steward_cli.main", *words),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert process.wait(60) == 0
    finally:
        stop(process)
    assert done.returncode == 0, done.stderr
    assert f"removed  {state.data}" in done.stdout
    kept = {path.name for path in state.root.iterdir()} if state.root.exists() else set()
    assert kept <= {"archive"}


def test_a_suspended_assistant_is_not_served_and_says_so(
    state: StateFolder, tmp_path: Path
) -> None:
    """No process is started; the schedule goes on, and purging opens the database itself."""
    suspended = tmp_path / "suspended"
    suspended.mkdir()
    for file in EXAMPLE.glob("0*.yaml"):
        text = file.read_text()
        suffix = "  suspend: true\n" if "kind: Assistant" in text else ""
        (suspended / file.name).write_text(text + suffix)
    (suspended / "local.yaml").write_text((EXAMPLE / "local.yaml").read_text())
    with serve_example(suspended, state) as record:
        assert record.processes == ()
        assert record.purge is not None
        assert "--data" in record.purge.arguments
    said = (state.root.parent / "helpdesk-up.log").read_text()
    assert "helpdesk is suspended: it is not served, and purging goes on." in said
