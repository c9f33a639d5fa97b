"""Rows of the audit chain, written in the transaction of the step that they judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from steward_runtime.audit.chain import FIRST_HEAD, SALT_BYTES, build_leaf, extend_head
from steward_runtime.clock import Ids
from steward_runtime.crypto.keyring import AUDIT_CLASS, NO_SUBJECT, Keyring
from steward_runtime.crypto.sealing import Sealed, new_locator
from steward_runtime.labels import Label, digest_label, render_label
from steward_runtime.storage.connection import Connection

AUDIT_STORE: Final = "audit_details"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One decision as it is audited.

    Attributes:
        at_ms: when it was made.
        task_id: task that asked; empty for a direct call of the memory API.
        subject: pseudonym of the person, or None.
        command: kind of the command.
        target: tool, model or memory.
        step: the tool call, or empty.
        is_allowed: the outcome.
        reason: why.
        label: label of what would be sent.
        content_digest: keyed digest of what would be sent, hex.
        blueprint_digest: digest of the Blueprint whose contracts and limits were applied.
    """

    at_ms: int
    task_id: str
    subject: str | None
    command: str
    target: str
    step: str
    is_allowed: bool
    reason: str
    label: Label
    content_digest: str
    blueprint_digest: str


def render_judgement(judgement: Judgement) -> bytes:
    """Return the canonical JSON of a judgement: the record that a leaf is made of."""
    return orjson.dumps(
        {
            "at": judgement.at_ms,
            "blueprint": judgement.blueprint_digest,
            "command": judgement.command,
            "content": judgement.content_digest,
            "decision": "Allow" if judgement.is_allowed else "Deny",
            "label": orjson.Fragment(render_label(judgement.label)),
            "reason": judgement.reason,
            "step": judgement.step,
            "subject": judgement.subject,
            "target": judgement.target,
            "task": judgement.task_id,
            "v": 1,
        },
        option=orjson.OPT_SORT_KEYS,
    )


class AuditSink:
    """Appends judgements to the chain.

    Args:
        keyring: keys of the details.
        ids: source of salts.
    """

    def __init__(self, keyring: Keyring, ids: Ids) -> None:
        self._keyring = keyring
        self._ids = ids

    def append(self, connection: Connection, judgements: Sequence[Judgement]) -> None:
        """Append judgements in order; call it inside `Database.write`."""
        if not judgements:
            return
        seq, head = read_head(connection)
        for judgement in judgements:
            seq += 1
            record = render_judgement(judgement)
            salt = self._ids.salt(SALT_BYTES)
            leaf = build_leaf(salt, record)
            head = extend_head(head, leaf)
            connection.execute(
                "INSERT INTO audit_leaves (seq, at, leaf, head) VALUES (?, ?, ?, ?)",
                (seq, judgement.at_ms, leaf, head),
            )
            self._write_detail(connection, seq, judgement, salt + record)

    def read_detail(self, connection: Connection, seq: int) -> tuple[bytes, bytes] | None:
        """Return (salt, record) of a leaf; None once its detail was purged.

        Raises:
            DataKeyDestroyed: if only its key was destroyed so far.
        """
        row = connection.execute(
            "SELECT locator, key_id, label_digest, nonce, sealed FROM audit_details WHERE seq = ?",
            (seq,),
        ).fetchone()
        if row is None:
            return None
        locator, key_id, digest, nonce, ciphertext = row
        detail = self._keyring.open(
            connection,
            Sealed(key_id, nonce, ciphertext),
            store=AUDIT_STORE,
            locator=locator,
            label_digest=digest,
        )
        return detail[:SALT_BYTES], detail[SALT_BYTES:]

    def _write_detail(
        self, connection: Connection, seq: int, judgement: Judgement, detail: bytes
    ) -> None:
        subject = judgement.subject or NO_SUBJECT
        key = self._keyring.obtain(connection, subject, AUDIT_CLASS, judgement.task_id)
        locator = new_locator()
        digest = digest_label(judgement.label)
        sealed = key.seal(detail, store=AUDIT_STORE, locator=locator, label_digest=digest)
        row: tuple[Any, ...] = (
            seq,
            judgement.subject,
            judgement.task_id,
            judgement.at_ms,
            locator,
            sealed.key_id,
            digest,
            sealed.nonce,
            sealed.ciphertext,
        )
        connection.execute(
            "INSERT INTO audit_details (seq, subject, task_id, at, locator, key_id, label_digest, "
            "nonce, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            row,
        )


def read_head(connection: Connection) -> tuple[int, bytes]:
    """Return (number of leaves, head) of the chain."""
    row = connection.execute(
        "SELECT seq, head FROM audit_leaves ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return (0, FIRST_HEAD) if row is None else (int(row[0]), bytes(row[1]))
