"""Memory over HTTP: every access is judged and audited like one of a turn."""

from __future__ import annotations

from typing import Protocol

from steward_runtime.audit.sink import AuditSink, Judgement
from steward_runtime.clock import Clock, Ids
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import NotFound
from steward_runtime.labels import Label
from steward_runtime.policy.decide import MEMORY_TARGET, Deny, Situation, decide
from steward_runtime.policy.permit import Permit
from steward_runtime.server.errors import Forbidden
from steward_runtime.storage.database import Database
from steward_runtime.tasks.pinning import Rules
from steward_runtime.turn.commands import Recall, Remember
from steward_runtime.turn.intake import label_request
from steward_runtime.turn.messages import Caller, ClientMessage, Recalled

ACCESS_SECONDS = 30
"""How long one access may take before its permit would be refused."""


class MemoryBook(Protocol):
    """What memory offers besides a turn's recall and remember."""

    async def list_records(
        self, permit: Permit, *, segment: str | None = None, domain: str | None = None
    ) -> tuple[Recalled, ...]:
        """Return the subject's own records."""
        ...

    async def add(
        self, permit: Permit, segment: str, text: str, label: Label, *, key: str
    ) -> Recalled:
        """Write one record."""
        ...

    async def delete(self, permit: Permit, memory_id: str) -> None:
        """Delete one record."""
        ...


class MemoryAccess:
    """Asks policy for leave, writes the judgement down, and then goes to memory."""

    def __init__(  # noqa: PLR0917 - one collaborator each, given once in wiring
        self,
        book: MemoryBook,
        rules: Rules,
        database: Database,
        keyring: Keyring,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._book = book
        self._rules = rules
        self._database = database
        self._keyring = keyring
        self._audit = AuditSink(keyring, ids)
        self._clock = clock
        self._ids = ids

    async def list_records(
        self, caller: Caller, segment: str | None, domain: str | None
    ) -> tuple[Recalled, ...]:
        """Return the records of the caller's subject.

        Raises:
            Forbidden: if no subject is named.
            NotFound: if the assistant has no memory.
        """
        permit = await self._ask(Recall("", self._label(caller, "")), caller)
        return await self._book.list_records(permit, segment=segment, domain=domain)

    async def add(self, caller: Caller, segment: str, text: str, key: str | None) -> Recalled:
        """Write one record; the same key writes it once.

        Raises:
            Forbidden: if no subject is named.
            NotFound: if there is no such segment.
            RequestRefused: if the text is empty or too long.
        """
        label = self._label(caller, text)
        permit = await self._ask(Remember(text, label), caller)
        write_key = key if key is not None else self._ids.new_id("write")
        return await self._book.add(permit, segment, text, label, key=f"client:{write_key}")

    async def delete(self, caller: Caller, record_id: str) -> None:
        """Delete one record.

        Raises:
            Forbidden: if no subject is named.
            NotFound: if the subject has no such record.
        """
        permit = await self._ask(Remember("", self._label(caller, "")), caller)
        try:
            await self._book.delete(permit, record_id)
        except NotFound:
            raise NotFound("There is no such memory.", reason="MemoryNotFound") from None

    def _label(self, caller: Caller, text: str) -> Label:
        message = ClientMessage("user", text)
        return label_request((message,), caller, purpose=self._rules.purpose)[0].label

    async def _ask(self, command: Recall | Remember, caller: Caller) -> Permit:
        now_ms = self._clock.now_ms()
        situation = Situation(
            task_id="",
            subject=caller.subject,
            now_ms=now_ms,
            deadline_at_ms=now_ms + ACCESS_SECONDS * 1_000,
            has_memory=self._rules.has_memory,
        )
        decision = decide(command, situation)
        is_denied = isinstance(decision, Deny)
        text = command.query if isinstance(command, Recall) else command.text
        judgement = Judgement(
            at_ms=now_ms,
            task_id="",
            subject=caller.subject,
            command=command.kind,
            target=MEMORY_TARGET,
            step="",
            is_allowed=not is_denied,
            reason=decision.reason if isinstance(decision, Deny) else decision.permit.reason,
            label=command.label,
            content_digest=self._keyring.keyed_digest("content", text.encode()).hex(),
            blueprint_digest=self._rules.blueprint_digest,
        )
        await self._database.write(lambda connection: self._audit.append(connection, (judgement,)))
        if isinstance(decision, Deny):
            raise _refuse(decision)
        return decision.permit


def _refuse(denial: Deny) -> Forbidden | NotFound:
    if denial.reason == "MemoryNotConfigured":
        return NotFound("This assistant has no memory.", reason=denial.reason)
    return Forbidden(
        "Memory belongs to a subject. Name it in the header Steward-Subject.",
        param="Steward-Subject",
        reason=denial.reason,
    )
