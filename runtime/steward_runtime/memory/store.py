"""Memory across conversations: writing, recalling, listing and deleting a subject's own records.

Satisfies `tasks.ports.Memory`. Every method takes a Permit, whose subject is the only one that it
can reach: another subject's record is the same as none.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from steward_api.blueprint import BlueprintMemory, BlueprintSegment
from steward_runtime.clock import Clock, Ids
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import ModelError, NotFound, RequestRefused
from steward_runtime.labels import Label
from steward_runtime.memory import rows
from steward_runtime.memory.embedder import Embedder
from steward_runtime.memory.hybrid import Vector, build_unit_vector
from steward_runtime.memory.scope import Scope, ScopeCache
from steward_runtime.memory.segments import (
    build_record_label,
    keeps_user_messages,
    raise_sensitivity,
    take_within_budget,
)
from steward_runtime.policy.decide import MEMORY_TARGET
from steward_runtime.policy.permit import Permit
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database
from steward_runtime.tasks.ports import MemoryWrite
from steward_runtime.telemetry.names import LogField
from steward_runtime.turn.commands import CommandKind
from steward_runtime.turn.messages import Recalled

TEXT_CHARACTERS_MAX: Final = 65_536
"""Characters of one record: as many as a segment may recall at most in one turn."""
RANKED_INLINE_MAX: Final = 100
"""Records that are ranked on the event loop: below a millisecond without vectors, and 2 ms with
vectors of 384 floats on Python 3.11. Larger scopes go to a thread.
"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class MemorySettings:
    """What memory is made of at present.

    Attributes:
        policy: memory of the newest Blueprint; None where the assistant has none.
        embedder: makes vectors in Hybrid mode; None in Lexical mode.
    """

    policy: BlueprintMemory | None
    embedder: Embedder | None = None


class MemoryStore:
    """The memory of one assistant.

    Args:
        database: where rows lie.
        keyring: data keys and keyed digests.
        settings: returns the newest settings.
        clock: time of records.
        ids: ids of records.
        cache: open scopes; share it with the purge, which closes them.
    """

    def __init__(  # noqa: PLR0917 # one collaborator each, given once in wiring
        self,
        database: Database,
        keyring: Keyring,
        settings: Callable[[], MemorySettings],
        clock: Clock,
        ids: Ids,
        cache: ScopeCache,
    ) -> None:
        self._database = database
        self._keyring = keyring
        self._settings = settings
        self._clock = clock
        self._ids = ids
        self._cache = cache

    async def recall(self, permit: Permit, query: str) -> tuple[Recalled, ...]:
        """Find what is worth putting before the model, within each segment's budget.

        Segments come in the order of the policy, records inside one best first. Where the embedder
        is unreachable, words alone decide.
        """
        permit.check_covers(CommandKind.RECALL, MEMORY_TARGET)
        settings = self._settings()
        if settings.policy is None or permit.subject is None:
            return ()
        wanted = [segment for segment in settings.policy.segments if segment.recall_records > 0]
        vector, model_digest = await self._embed(settings.embedder, query) if wanted else (None, "")
        found: list[Recalled] = []
        for segment in wanted:
            scope = await self._open(permit.subject, segment.name)
            rank = partial(scope.rank, query, vector=vector, model_digest=model_digest)
            ranked = rank() if len(scope) <= RANKED_INLINE_MAX else await asyncio.to_thread(rank)
            taken = take_within_budget(ranked, segment)
            found.extend(raise_sensitivity(record, segment) for record in taken)
        return tuple(found)

    async def prepare(self, permit: Permit, text: str, label: Label, *, key: str) -> MemoryWrite:
        """Prepare writing `text` to every segment that keeps user messages.

        The returned function runs inside `Database.write` and returns how many records are new;
        with the same `key` it writes nothing a second time.
        """
        permit.check_covers(CommandKind.REMEMBER, MEMORY_TARGET)
        settings = self._settings()
        if settings.policy is None or permit.subject is None or not text.strip():
            return _write_nothing
        wanted = [each for each in settings.policy.segments if keeps_user_messages(each)]
        text = text[:TEXT_CHARACTERS_MAX]
        drafts = await self._draft(permit.subject, wanted, text, label, key)
        return partial(self._write, drafts=drafts)

    async def add(
        self, permit: Permit, segment: str, text: str, label: Label, *, key: str
    ) -> Recalled:
        """Write one record that the subject gave explicitly, and return it.

        Raises:
            NotFound: if the policy has no such segment.
            RequestRefused: if the text is empty or too long.
        """
        permit.check_covers(CommandKind.REMEMBER, MEMORY_TARGET)
        subject, found = self._resolve_segment(permit, segment)
        if not text.strip() or len(text) > TEXT_CHARACTERS_MAX:
            raise RequestRefused(
                f"a memory has 1 to {TEXT_CHARACTERS_MAX} characters that are not all blank",
                param="text",
            )
        drafts = await self._draft(subject, [found], text, label, key)
        await self._database.write(partial(self._write, drafts=drafts))
        return await self._read_back(subject, drafts[0])

    async def list_records(
        self, permit: Permit, *, segment: str | None = None, domain: str | None = None
    ) -> tuple[Recalled, ...]:
        """Return the subject's own records, oldest first inside each segment."""
        permit.check_covers(CommandKind.RECALL, MEMORY_TARGET)
        policy = self._settings().policy
        if policy is None or permit.subject is None:
            return ()
        found: list[Recalled] = []
        for each in policy.segments:
            if segment in {None, each.name} and domain in {None, each.domain}:
                scope = await self._open(permit.subject, each.name)
                found.extend(raise_sensitivity(record, each) for record in scope.list_records())
        return tuple(found)

    async def delete(self, permit: Permit, memory_id: str) -> None:
        """Delete one record of the subject; its key goes with the last record under it.

        Raises:
            NotFound: if the subject has no such record.
        """
        permit.check_covers(CommandKind.REMEMBER, MEMORY_TARGET)
        subject = permit.subject or ""
        if not await self._database.write(partial(self._delete, subject, memory_id)):
            raise NotFound(f"there is no memory {memory_id} of yours")

    async def _open(self, subject: str, segment: str) -> Scope:
        scope = self._cache.find((subject, segment))
        if scope is None:
            mark = self._cache.begin()
            scope = await self._database.read(
                lambda connection: Scope(
                    rows.open_scope(connection, self._keyring, subject, segment)
                )
            )
            self._cache.keep((subject, segment), scope, mark)
        return scope

    async def _embed(self, embedder: Embedder | None, text: str) -> tuple[Vector | None, str]:
        """Return the vector of a text and the digest of its model; no vector without embedder."""
        if embedder is None:
            return None, ""
        try:
            (values,) = await embedder.embed((text,))
        except ModelError as error:
            _log.warning("EmbeddingFailed", extra={LogField.REASON.value: error.reason})
            return None, ""
        return build_unit_vector(values), embedder.model_digest

    async def _draft(
        self, subject: str, segments: list[BlueprintSegment], text: str, label: Label, key: str
    ) -> tuple[rows.Draft, ...]:
        embedder = self._settings().embedder if segments else None
        vector, model_digest = await self._embed(embedder, text)
        return tuple(
            rows.Draft(
                memory_id=self._ids.new_id("mem"),
                subject=subject,
                segment=segment,
                written_by=self._keyring.keyed_digest("memory", key.encode()),
                text=text,
                label=build_record_label(label, segment, subject),
                model_digest=model_digest if vector is not None else None,
                vector=vector,
            )
            for segment in segments
        )

    def _write(self, connection: Connection, drafts: tuple[rows.Draft, ...]) -> int:
        at_ms = self._clock.now_ms()
        written = 0
        for draft in drafts:
            if not rows.insert(connection, self._keyring, draft, at_ms):
                continue
            written += 1
            evicted = rows.evict(connection, draft.subject, draft.segment)
            connection.after_commit.append(partial(self._follow, draft, evicted, at_ms))
        return written

    def _follow(self, draft: rows.Draft, evicted: tuple[str, ...], at_ms: int) -> None:
        """Bring an open scope to what was committed."""

        def change(scope: Scope) -> None:
            scope.add(draft.opened_at(at_ms))
            for memory_id in evicted:
                scope.remove(memory_id)

        self._cache.apply((draft.subject, draft.segment.name), change)

    async def _read_back(self, subject: str, draft: rows.Draft) -> Recalled:
        """Return what lies in the store for a write, which may have been made before."""
        found = await self._database.read(
            lambda connection: connection.execute(
                "SELECT memory_id FROM memories WHERE subject = ? AND segment = ? "
                "AND written_by = ?",
                (subject, draft.segment.name, draft.written_by),
            ).fetchone()
        )
        scope = await self._open(subject, draft.segment.name)
        for record in scope.list_records():
            if found is not None and record.record_id == found[0]:
                return record
        raise NotFound(f"segment {draft.segment.name} holds no more records: raise maxRecords")

    def _delete(self, subject: str, memory_id: str, connection: Connection) -> bool:
        row = connection.execute(
            "SELECT segment, key_id FROM memories WHERE memory_id = ? AND subject = ? AND NOT "
            "EXISTS (SELECT 1 FROM frozen WHERE store = 'memory' AND record_id = memory_id)",
            (memory_id, subject),
        ).fetchone()
        if row is None:
            return False
        segment, key_id = row
        connection.execute("DELETE FROM memories WHERE memory_id = ?", (memory_id,))
        others = connection.execute(
            "SELECT 1 FROM memories WHERE subject = ? AND key_id = ? LIMIT 1", (subject, key_id)
        ).fetchone()
        if others is None:
            self._keyring.destroy(connection, key_id)
        connection.after_commit.append(
            partial(self._cache.apply, (subject, segment), lambda scope: scope.remove(memory_id))
        )
        return True

    def _resolve_segment(self, permit: Permit, name: str) -> tuple[str, BlueprintSegment]:
        policy = self._settings().policy
        if permit.subject is None or policy is None:
            raise NotFound(f"there is no memory segment {name} for this caller")
        for segment in policy.segments:
            if segment.name == name:
                return permit.subject, segment
        raise NotFound(f"there is no memory segment {name} for this caller")


def _write_nothing(_connection: Connection) -> int:
    return 0
