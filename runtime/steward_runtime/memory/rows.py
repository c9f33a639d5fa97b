"""Rows of memory: sealing a record into the table `memories` and opening it again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from steward_api.blueprint import BlueprintSegment
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.crypto.sealing import Sealed, new_locator
from steward_runtime.errors import SealBroken
from steward_runtime.labels import Label, digest_label, parse_label, render_label
from steward_runtime.memory.hybrid import Vector, parse_vector, render_vector
from steward_runtime.memory.scope import Opened
from steward_runtime.memory.segments import resolve_key_class
from steward_runtime.storage.connection import Connection
from steward_runtime.turn.messages import Recalled

STORE: Final = "memories"
VECTOR_STORE: Final = "memories.vector"
"""Vectors are bound to a place of their own, so that a text can't be passed off as a vector."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A record that is to be written.

    Attributes:
        memory_id: its id.
        subject: pseudonym of its subject.
        segment: segment that it goes to.
        written_by: keyed digest that makes the write happen once.
        text: the content.
        label: label of the record.
        model_digest: model of the vector.
        vector: unit vector of the text.
    """

    memory_id: str
    subject: str
    segment: BlueprintSegment
    written_by: bytes
    text: str
    label: Label
    model_digest: str | None = None
    vector: Vector | None = None

    def opened_at(self, at_ms: int) -> Opened:
        """Return the record as it lies in an open scope once it is written."""
        record = Recalled(self.memory_id, self.segment.name, self.text, self.label, at_ms)
        return Opened(record, self.model_digest, self.vector)


def insert(connection: Connection, keyring: Keyring, draft: Draft, at_ms: int) -> bool:
    """Seal and insert a record; False where the same write was made before."""
    key = keyring.obtain(connection, draft.subject, resolve_key_class(draft.segment))
    locator = new_locator()
    label_digest = digest_label(draft.label)
    sealed = key.seal(
        _render_content(draft.text, draft.label),
        store=STORE,
        locator=locator,
        label_digest=label_digest,
    )
    vector = None
    if draft.vector is not None:
        vector = key.seal(
            render_vector(draft.vector),
            store=VECTOR_STORE,
            locator=locator,
            label_digest=label_digest,
        )
    inserted = connection.execute(
        "INSERT INTO memories (memory_id, subject, segment, domain, sensitivity, created_at, "
        "changed_at, written_by, locator, key_id, label_digest, model_digest, dimension, nonce, "
        "sealed, vector_nonce, vector_sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
        "?, ?) ON CONFLICT (subject, segment, written_by) DO NOTHING",
        (
            draft.memory_id,
            draft.subject,
            draft.segment.name,
            draft.segment.domain,
            draft.segment.sensitivity.value,
            at_ms,
            at_ms,
            draft.written_by,
            locator,
            key.key_id,
            label_digest,
            draft.model_digest if vector is not None else None,
            None if draft.vector is None else len(draft.vector),
            sealed.nonce,
            sealed.ciphertext,
            None if vector is None else vector.nonce,
            None if vector is None else vector.ciphertext,
        ),
    )
    return inserted.rowcount > 0


def evict(connection: Connection, subject: str, segment: BlueprintSegment) -> tuple[str, ...]:
    """Delete the oldest records beyond the segment's capacity and return their ids.

    Records that a purge run has frozen are left to it, so that its counts stay true.
    """
    (count,) = connection.execute(
        "SELECT count(*) FROM memories WHERE subject = ? AND segment = ?", (subject, segment.name)
    ).fetchone()
    excess = count - segment.max_records
    if excess <= 0:
        return ()
    oldest = connection.execute(
        "SELECT memory_id FROM memories WHERE subject = ? AND segment = ? AND NOT EXISTS (SELECT 1 "
        "FROM frozen WHERE store = 'memory' AND record_id = memory_id) "
        "ORDER BY created_at, rowid LIMIT ?",
        (subject, segment.name, excess),
    ).fetchall()
    connection.executemany("DELETE FROM memories WHERE memory_id = ?", oldest)
    return tuple(memory_id for (memory_id,) in oldest)


def open_scope(
    connection: Connection, keyring: Keyring, subject: str, segment: str
) -> tuple[Opened, ...]:
    """Open every record of a scope that no purge run has frozen, oldest first.

    Raises:
        SealBroken: if a row was changed.
    """
    rows = connection.execute(
        "SELECT memory_id, created_at, locator, key_id, label_digest, nonce, sealed, model_digest, "
        "vector_nonce, vector_sealed FROM memories WHERE subject = ? AND segment = ? AND NOT "
        "EXISTS (SELECT 1 FROM frozen WHERE record_id = memory_id AND store = 'memory') "
        "ORDER BY created_at, rowid",
        (subject, segment),
    ).fetchall()
    return tuple(_open_row(connection, keyring, segment, row) for row in rows)


def _open_row(
    connection: Connection, keyring: Keyring, segment: str, row: tuple[Any, ...]
) -> Opened:
    memory_id, at_ms, locator, key_id, label_digest, nonce, ciphertext = row[:7]
    model_digest, vector_nonce, vector_sealed = row[7:]
    content = keyring.open(
        connection,
        Sealed(key_id, nonce, ciphertext),
        store=STORE,
        locator=locator,
        label_digest=label_digest,
    )
    text, label = _parse_content(content, memory_id)
    vector = None
    if vector_sealed is not None:
        raw = keyring.open(
            connection,
            Sealed(key_id, vector_nonce, vector_sealed),
            store=VECTOR_STORE,
            locator=locator,
            label_digest=label_digest,
        )
        vector = parse_vector(raw)
    return Opened(Recalled(memory_id, segment, text, label, at_ms), model_digest, vector)


def _render_content(text: str, label: Label) -> bytes:
    return orjson.dumps({"label": orjson.Fragment(render_label(label)), "text": text})


def _parse_content(content: bytes, memory_id: str) -> tuple[str, Label]:
    try:
        document = orjson.loads(content)
        return str(document["text"]), parse_label(document["label"])
    except (KeyError, TypeError, ValueError) as fault:
        raise SealBroken(
            f"memory {memory_id} was opened but is no record of this version: restore the volume "
            "from a backup"
        ) from fault
