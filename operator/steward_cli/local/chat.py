"""`steward chat NAME`: a conversation with a running local assistant, streamed as it comes."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from steward_cli.local.errors import ChatFailed
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord, gather_running

SUBJECT_HEADER: Final = "Steward-Subject"
CONVERSATION_HEADER: Final = "Steward-Conversation"
TASK_HEADER: Final = "Steward-Task"
CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 600.0
"""Longer than any turn deadline (3,600 s at most apart): the server says when it gives up."""
GONE_CODE: Final = "ConversationNotFound"
NEW_WORD: Final = "/new"
EXIT_WORDS: Final = frozenset({"/exit", "/quit"})
PROMPT: Final = "you> "
DATA_PREFIX: Final = "data:"
END_MARK: Final = "[DONE]"

Write = Callable[[str], None]
"""Shows a piece of text at once, without a line break of its own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back besides the text."""

    text: str
    conversation: str | None
    task: str | None
    finish_reason: str | None


class Conversation:
    """One conversation after another with one assistant, as one subject or as nobody."""

    def __init__(self, client: httpx.Client, model: str, subject: str | None) -> None:
        self.id: str | None = None
        self.task: str | None = None
        self._client = client
        self._model = model
        self._subject = subject

    def start_new(self) -> None:
        """Let the next message begin a new conversation."""
        self.id = None

    def send(self, text: str, write: Write) -> Answer:
        """Send one message and stream the reply into `write`.

        Raises:
            ChatFailed: if the assistant refuses, fails or cannot be reached.
        """
        headers = {} if self._subject is None else {SUBJECT_HEADER: self._subject}
        if self.id is not None:
            headers[CONVERSATION_HEADER] = self.id
        body = {
            "model": self._model,
            "stream": True,
            "messages": [{"role": "user", "content": text}],
        }
        try:
            with self._client.stream(
                "POST", "chat/completions", json=body, headers=headers
            ) as response:
                if response.is_error:
                    response.read()
                    raise build_failure(response.status_code, response.content)
                return self._receive(response, write)
        except httpx.HTTPError as fault:
            raise ChatFailed(
                f"{self._model} cannot be reached at {self._client.base_url} "
                f"({type(fault).__name__}); is `steward up` still running?"
            ) from fault

    def _receive(self, response: httpx.Response, write: Write) -> Answer:
        self.id = response.headers.get(CONVERSATION_HEADER, self.id)
        self.task = response.headers.get(TASK_HEADER)
        said: list[str] = []
        finish: str | None = None
        for event in parse_events(response.iter_lines()):
            if "error" in event:
                raise build_problem(event["error"])
            for choice in event.get("choices", ()):
                piece = (choice.get("delta") or {}).get("content")
                if piece:
                    said.append(piece)
                    write(piece)
                finish = choice.get("finish_reason") or finish
        return Answer("".join(said), self.id, self.task, finish)


def parse_events(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    """Yield the JSON documents of a stream of server-sent events, up to its end mark.

    Raises:
        ChatFailed: if an event is not JSON.
    """
    for line in lines:
        if not line.startswith(DATA_PREFIX):
            continue
        data = line.removeprefix(DATA_PREFIX).strip()
        if data == END_MARK:
            return
        try:
            yield json.loads(data)
        except ValueError:
            raise ChatFailed("the assistant sent an event that is not JSON") from None


def build_failure(status: int, body: bytes) -> ChatFailed:
    """Read a refusal: code and message of OpenAI's error body, or at least its status."""
    try:
        problem = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ChatFailed(f"the assistant answered with HTTP status {status}")
    return build_problem(problem)


def build_problem(problem: Any) -> ChatFailed:
    """Read one OpenAI error."""
    if not isinstance(problem, dict):
        return ChatFailed("the assistant failed without saying why")
    code = str(problem.get("code") or problem.get("type") or "error")
    return ChatFailed(f"{code}: {problem.get('message', '')}".strip(), code)


def open_client(record: RunRecord) -> httpx.Client:
    """Open a client to a running assistant, with its generated key.

    Raises:
        ChatFailed: if the key cannot be read.
    """
    try:
        key = Path(record.key_file).read_text(encoding="utf-8").strip()
    except OSError as fault:
        raise ChatFailed(f"the key {record.key_file} cannot be read: {fault.strerror}") from fault
    return httpx.Client(
        base_url=record.endpoint,
        headers={"Authorization": f"Bearer {key}"},
        timeout=httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
        trust_env=False,
    )


def run_chat(state: StateFolder, message: str | None, subject: str | None = None) -> int:
    """Send one message, or hold a conversation over standard input; return the exit code.

    Raises:
        NotRunning: if no supervisor runs this assistant.
        ChatFailed: if a single message fails; in a conversation the error is shown and it goes on.
    """
    record = gather_running(state)
    with open_client(record) as client:
        talk = Conversation(client, record.assistant, subject or f"local:{getpass.getuser()}")
        if message is not None:
            talk.send(message, _show)
            _show("\n")
            return 0
        return _converse(talk, is_terminal=sys.stdin.isatty())


def _converse(talk: Conversation, *, is_terminal: bool) -> int:
    if is_terminal:
        _show(f"{NEW_WORD} starts a new conversation, /exit or Ctrl-D ends.\n")
    failures = 0
    for line in _read_lines(is_terminal=is_terminal):
        text = line.strip()
        if text in EXIT_WORDS:
            break
        if text == NEW_WORD:
            talk.start_new()
        elif text:
            try:
                _send(talk, text)
            except ChatFailed as failed:
                failures += 1
                sys.stderr.write(f"{failed}\n")
    return 1 if failures and not is_terminal else 0


def _send(talk: Conversation, text: str) -> None:
    """Send one message; a conversation that was purged meanwhile is begun anew, and said so."""
    try:
        talk.send(text, _show)
    except ChatFailed as failed:
        if talk.id is None or failed.code != GONE_CODE:
            raise
        sys.stderr.write("(that conversation has been purged; this is a new one)\n")
        talk.start_new()
        talk.send(text, _show)
    _show("\n")


def _read_lines(*, is_terminal: bool) -> Iterator[str]:
    if not is_terminal:
        yield from sys.stdin
        return
    while True:
        try:
            yield input(PROMPT)
        except (EOFError, KeyboardInterrupt):
            _show("\n")
            return


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
