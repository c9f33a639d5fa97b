"""One visit to a running assistant: runs the steps of `expect.yaml` and says what it saw."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from steward_cli.demo.expectations import (
    REPLY,
    Chat,
    Ledger,
    Memories,
    Purged,
    Question,
    Questions,
    Request,
)
from steward_cli.local.chat import SUBJECT_HEADER, Conversation, open_client
from steward_cli.local.errors import ChatFailed
from steward_cli.local.layout import StateFolder
from steward_cli.local.record import RunRecord

TOOL: Final = "Tool"
RECALL: Final = "Recall"
RESOLVED: Final = "Resolved"
REPLIED: Final = "Replied"
UNUSABLE: Final = "unusable"
"""What a question got whose answer was neither a tool nor a reply."""
POLL_SECONDS: Final = 1.0

Tell = Callable[[str], None]
"""Shows a piece of the transcript at once."""


class StepFailed(Exception):
    """What was expected did not happen; the text says what was seen instead."""


@dataclass(slots=True)
class Visit:
    """What is known so far: conversations by label, and what each of them wrote to memory."""

    record: RunRecord
    state: StateFolder
    tell: Tell
    conversations: dict[str, str] = field(default_factory=dict)
    written: dict[str, set[str]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)

    def open(self) -> httpx.Client:
        """Open a client with the generated key."""
        return open_client(self.record)


def check_chat(visit: Visit, chat: Chat) -> None:
    """Send one message and look at the journal of its task.

    Raises:
        StepFailed: if it failed, or the journal shows something else than expected.
    """
    with visit.open() as client:
        known = _list_memory_ids(client, chat.subject) if chat.subject else set()
        task = _say(visit, client, chat)
        if chat.subject:
            fresh = _list_memory_ids(client, chat.subject) - known
            visit.written.setdefault(chat.conversation, set()).update(fresh)
    if chat.tools is not None and list_tools(task) != list(chat.tools):
        raise StepFailed(f"the journal shows the tools {list_tools(task)}, not {list(chat.tools)}")
    if chat.recalls is not None:
        _check_recalled(visit, task, chat.recalls)


def check_questions(visit: Visit, questions: Questions) -> None:
    """Ask every question in a conversation of its own, and count the choices that fit.

    Raises:
        StepFailed: if too few fit, a tool was never done, or journal and ledger disagree.
    """
    before = _count_ledger(visit, questions.ledger)
    chosen = [(question, *_ask(visit, questions, question)) for question in questions.ask]
    counted = _count_ledger(visit, questions.ledger) - before
    hits = _tell_hits(visit, [(question, choice) for question, choice, _ in chosen])
    done = Counter(tool for *_, task in chosen for tool in list_tools(task))
    visit.tell(f"    done, says the journal: {dict(sorted(done.items()))}\n")
    if questions.ledger:
        tool = questions.ledger.tool
        visit.tell(f"    {tool}, says the service's own ledger: {counted}\n")
        if done[tool] != counted:
            raise StepFailed(f"the journal shows {done[tool]} calls and the ledger {counted}")
    never = [tool for tool in questions.done if not done[tool]]
    if never:
        raise StepFailed(f"never done: {', '.join(never)}")
    if hits < questions.hits:
        raise StepFailed(f"{hits} of {len(chosen)} first choices fit, {questions.hits} are wanted")


def _tell_hits(visit: Visit, chosen: list[tuple[Question, str]]) -> int:
    """Show how often the first choice fitted, by what was wanted; return the sum."""
    asked = Counter(question.wants for question, _ in chosen)
    right = Counter(question.wants for question, choice in chosen if question.wants == choice)
    for wanted in sorted(asked):
        visit.tell(f"    {wanted:<12} {right[wanted]} of {asked[wanted]}\n")
    visit.tell(f"    hit rate     {right.total()} of {len(chosen)}\n")
    return right.total()


def check_memories(visit: Visit, memories: Memories) -> None:
    """Count what is remembered of a subject.

    Raises:
        StepFailed: if it is not the number wanted.
    """
    deadline = time.monotonic() + memories.within_seconds
    with visit.open() as client:
        found = _list_memories(client, memories.subject, memories.segment)
        while not _is_wanted(memories, len(found)) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            found = _list_memories(client, memories.subject, memories.segment)
    visit.tell(f"    {len(found)} records of {memories.subject or 'nobody'}\n")
    if not _is_wanted(memories, len(found)):
        wanted = "at least one" if memories.records is None else memories.records
        raise StepFailed(f"{len(found)} records are remembered, not {wanted}")


def _is_wanted(memories: Memories, count: int) -> bool:
    return count > 0 if memories.records is None else count == memories.records


def check_request(visit: Visit, request: Request) -> None:
    """Send one request and look at status and error code.

    Raises:
        StepFailed: if they are others than expected.
    """
    path = request.path
    for label, conversation in visit.conversations.items():
        path = path.replace(f"{{{label}}}", conversation)
    url = visit.record.endpoint.removesuffix("/v1") + path
    headers = {SUBJECT_HEADER: request.subject} if request.subject else {}
    with visit.open() as client:
        if not request.key:
            del client.headers["Authorization"]
        answer = client.request(request.method, url, headers=headers, json=request.body)
    code = _code_of(answer)
    visit.tell(f"    {request.method} {request.path}: {answer.status_code} {code or ''}\n")
    if answer.status_code != request.status:
        raise StepFailed(f"the status is {answer.status_code}, not {request.status}")
    if request.code is not None and code != request.code:
        raise StepFailed(f"the code is {code}, not {request.code}")


def check_purged(visit: Visit, purged: Purged) -> None:
    """Wait until a conversation is gone.

    Raises:
        StepFailed: if it was never there, or is still there when the time is over.
    """
    begun = time.monotonic()
    was_there = False
    with visit.open() as client:
        headers = {SUBJECT_HEADER: purged.subject} if purged.subject else {}
        path = f"conversations/{visit.conversations[purged.conversation]}"
        while time.monotonic() - begun < purged.within_seconds:
            status = client.get(path, headers=headers).status_code
            if status == httpx.codes.NOT_FOUND:
                seconds = round(time.monotonic() - begun)
                visit.tell(f"    gone after {seconds} s; {_describe_before(was_there=was_there)}\n")
                return
            was_there = True
            time.sleep(POLL_SECONDS)
    raise StepFailed(f"the conversation is still there after {purged.within_seconds} s")


def _describe_before(*, was_there: bool) -> str:
    return "it was there before" if was_there else "the schedule had purged it already"


def list_tools(task: dict[str, Any]) -> list[str]:
    """Return the assistant's own tools that a task's journal shows as done, in order."""
    return [
        step["tool"]
        for step in task["steps"]
        if step["type"] == TOOL and step["status"] == RESOLVED and not step["reason"]
    ]


def choice_of(task: dict[str, Any]) -> str:
    """Return the first choice of the model: a tool, done or refused, a reply, or none at all."""
    tools = [step["tool"] for step in task["steps"] if step["type"] == TOOL]
    if tools:
        return str(tools[0])
    return REPLY if task["status"] == REPLIED else UNUSABLE


def _ask(visit: Visit, questions: Questions, question: Question) -> tuple[str, dict[str, Any]]:
    with visit.open() as client:
        talk = Conversation(client, visit.record.assistant, questions.subject)
        note = ""
        try:
            talk.send(question.say, lambda _: None)
        except ChatFailed as failed:
            note = f"  ({str(failed).partition(':')[0]})"
        task = _read_task(visit, client, talk.task, questions.subject)
    choice = choice_of(task)
    mark = "+" if choice == question.wants else "-"
    visit.tell(f"    {mark} {question.say}  ->  {choice}{note}\n")
    return choice, task


def _say(visit: Visit, client: httpx.Client, chat: Chat) -> dict[str, Any]:
    """Send one message, show the reply as it comes, and return its task."""
    visit.tell(f"    {chat.subject or 'nobody'}: {chat.say}\n    assistant: ")
    talk = Conversation(client, visit.record.assistant, chat.subject)
    talk.id = visit.conversations.get(chat.conversation)
    try:
        talk.send(chat.say, visit.tell)
    except ChatFailed as failed:
        raise StepFailed(str(failed)) from failed
    visit.tell("\n")
    if talk.id is not None:
        visit.conversations[chat.conversation] = talk.id
    return _read_task(visit, client, talk.task, chat.subject)


def _read_task(
    visit: Visit, client: httpx.Client, task_id: str | None, subject: str | None
) -> dict[str, Any]:
    """Return a task as the journal tells it.

    Raises:
        StepFailed: if there is none, or it cannot be read.
    """
    if task_id is None:
        raise StepFailed("the message was refused before it became a task")
    headers = {SUBJECT_HEADER: subject} if subject else {}
    reply = client.get(f"tasks/{task_id}", headers=headers)
    if reply.is_error:
        raise StepFailed(f"task {task_id} cannot be read: status {reply.status_code}")
    task: dict[str, Any] = reply.json()
    visit.tasks.append(task)
    return task


def _check_recalled(visit: Visit, task: dict[str, Any], label: str) -> None:
    recalled = {
        record for step in task["steps"] if step["type"] == RECALL for record in step["records"]
    }
    found = recalled & visit.written.get(label, set())
    visit.tell(f"    recalled {len(recalled)} records, {len(found)} of them from '{label}'\n")
    if not found:
        raise StepFailed(f"nothing was recalled that the conversation '{label}' wrote")


def _list_memories(
    client: httpx.Client, subject: str | None, segment: str | None = None
) -> list[dict[str, Any]]:
    headers = {SUBJECT_HEADER: subject} if subject else {}
    answer = client.get("memories", headers=headers, params={"segment": segment} if segment else {})
    if answer.is_error:
        raise StepFailed(f"memories cannot be read: {answer.status_code} {_code_of(answer)}")
    records: list[dict[str, Any]] = answer.json()["data"]
    return records


def _list_memory_ids(client: httpx.Client, subject: str) -> set[str]:
    return {str(record["id"]) for record in _list_memories(client, subject)}


def _count_ledger(visit: Visit, ledger: Ledger | None) -> int:
    if ledger is None:
        return 0
    token = (visit.state.config / "credentials" / ledger.secret / "token").read_text().strip()
    answer = httpx.get(
        f"http://{visit.record.services[ledger.host]}{ledger.path}",
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    answer.raise_for_status()
    return len(answer.json()[ledger.member])


def _code_of(answer: httpx.Response) -> str | None:
    if not answer.is_error:
        return None
    try:
        code = answer.json()["error"]["code"]
    except (ValueError, KeyError, TypeError):
        return None
    return None if code is None else str(code)
