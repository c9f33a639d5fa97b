"""A memory on a real database for tests: permits from the real policy, an embedder of word counts.

Test equipment, never shipped.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from steward_api.blueprint import BlueprintMemory, BlueprintSegment
from steward_api.meta import Sensitivity
from steward_api.v1alpha1.memory_policy import RecallMode, WriteRule
from steward_runtime.clock import CountingIds, ManualClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import ModelUnavailable
from steward_runtime.labels import Integrity, Label
from steward_runtime.memory.embedder import Embedder
from steward_runtime.memory.scope import ScopeCache
from steward_runtime.memory.store import MemorySettings, MemoryStore
from steward_runtime.policy.decide import Allow, Judged, Situation, decide
from steward_runtime.policy.permit import Permit
from steward_runtime.storage.database import Database
from steward_runtime.turn.commands import Recall, Remember

KEK = bytes(range(32))
SAID_BY_USER = Label(Integrity.USER, purpose=frozenset({"help"}), origin=frozenset({"user"}))


def build_segment(
    name: str = "notes",
    *,
    write: WriteRule = WriteRule.USER_MESSAGES,
    max_records: int = 100,
    recall_records: int = 5,
    recall_characters: int = 2_000,
    sensitivity: Sensitivity = Sensitivity.CONFIDENTIAL,
) -> BlueprintSegment:
    """Return a segment of the domain `support`."""
    return BlueprintSegment(
        name=name,
        domain="support",
        sensitivity=sensitivity,
        write=write,
        max_records=max_records,
        recall_records=recall_records,
        recall_characters=recall_characters,
    )


def build_policy(*segments: BlueprintSegment) -> BlueprintMemory:
    """Return a memory policy; without segments it has one called `notes`."""
    return BlueprintMemory(
        policy="memory",
        policy_digest="sha256:" + "0" * 64,
        segments=segments or (build_segment(),),
        recall_mode=RecallMode.LEXICAL,
        embedder=None,
    )


def ask_permit_to_recall(subject: str | None) -> Permit:
    """Return leave to search the subject's memory."""
    return _ask(Recall("", SAID_BY_USER), subject)


def ask_permit_to_remember(subject: str | None) -> Permit:
    """Return leave to write the subject's memory."""
    return _ask(Remember("", SAID_BY_USER), subject)


def _ask(command: Judged, subject: str | None) -> Permit:
    decision = decide(command, Situation("task_1", subject, 0, 1_000, has_memory=True))
    assert isinstance(decision, Allow)
    return decision.permit


class WordEmbedder:
    """Vectors that count words by hash, and know that some words mean the same."""

    def __init__(self, dimension: int = 64, digest: str = "sha256:words") -> None:
        self.model_digest = digest
        self.synonyms: dict[str, str] = {}
        self.is_down = False
        self._dimension = dimension

    async def embed(self, texts: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        """Return one vector per text."""
        if self.is_down:
            raise ModelUnavailable("the embedder is down")
        return tuple(self._embed(text) for text in texts)

    def _embed(self, text: str) -> tuple[float, ...]:
        vector = [0.0] * self._dimension
        for word in text.casefold().split():
            meaning = self.synonyms.get(word, word)
            place = int.from_bytes(hashlib.sha256(meaning.encode()).digest()[:4], "big")
            vector[place % self._dimension] += 1.0
        return tuple(vector)


@dataclass
class MemoryBench:
    """A memory with everything around it in reach of a test."""

    directory: Path
    policy: BlueprintMemory | None = field(default_factory=build_policy)
    embedder: Embedder | None = None
    cache: ScopeCache = field(default_factory=ScopeCache)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.database = Database(self.directory)
        self.keyring = Keyring(KEK, "kek-1", self.clock)
        self.store = MemoryStore(
            self.database,
            self.keyring,
            lambda: MemorySettings(self.policy, self.embedder),
            self.clock,
            CountingIds(),
            self.cache,
        )

    async def say(self, subject: str | None, text: str, *, key: str | None = None) -> int:
        """Write what a user said, as a turn does."""
        self.clock.move(1)
        work = await self.store.prepare(
            ask_permit_to_remember(subject),
            text,
            SAID_BY_USER,
            key=key or f"{subject} {self.clock.now_ms()}",
        )
        return await self.database.write(work)

    async def recall(self, subject: str | None, query: str) -> tuple[str, ...]:
        """Return the texts that a turn would recall."""
        found = await self.store.recall(ask_permit_to_recall(subject), query)
        return tuple(record.text for record in found)
