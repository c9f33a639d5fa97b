"""Conversations: who owns them, when they last changed, and their sealed messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from steward_runtime.crypto.keyring import CONVERSATIONS_CLASS, NO_SUBJECT, Keyring
from steward_runtime.crypto.sealing import Sealed, new_locator
from steward_runtime.errors import ConversationBusy
from steward_runtime.journal.payloads import PayloadReader, PayloadWriter
from steward_runtime.journal.records import RECORD_VERSION
from steward_runtime.labels import DataClass, digest_label
from steward_runtime.storage.connection import Connection
from steward_runtime.turn.messages import Caller, Message

MESSAGES_STORE: Final = "messages"
_COLUMNS: Final = "seq, at, task_id, locator, key_id, label_digest, nonce, sealed"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One conversation without its messages.

    Attributes:
        conversation_id: its id.
        owner: pseudonym of the subject, or of the key if there is no subject.
        subject: pseudonym of the person whose data it holds, or None.
        created_at_ms: when it began.
        changed_at_ms: when its last message came; its window counts from here.
        length: messages in it.
    """

    conversation_id: str
    owner: str
    subject: str | None
    created_at_ms: int
    changed_at_ms: int
    length: int

    @property
    def key_subject(self) -> str:
        """Subject of the data key of its messages."""
        return self.subject or NO_SUBJECT


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """One message of a conversation; `seq` counts from 1."""

    seq: int
    at_ms: int
    task_id: str
    message: Message


class Conversations:
    """Rows of conversations and messages. Each method runs inside a transaction of its caller.

    Args:
        keyring: keys of the messages; every conversation has one of its own.
    """

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def find(self, connection: Connection, conversation_id: str, owner: str) -> Conversation | None:
        """Return a conversation of this owner; None for a foreign or absent one alike.

        One that a purge run has frozen is as good as gone.
        """
        row = connection.execute(
            "SELECT conversation_id, owner, subject, created_at, changed_at, length "
            "FROM conversations WHERE conversation_id = ? AND owner = ? AND NOT EXISTS (SELECT 1 "
            "FROM frozen WHERE store = 'conversations' AND record_id = conversation_id)",
            (conversation_id, owner),
        ).fetchone()
        return None if row is None else Conversation(*row)

    def create(
        self, connection: Connection, conversation_id: str, caller: Caller, at_ms: int
    ) -> None:
        """Begin an empty conversation."""
        connection.execute(
            "INSERT INTO conversations (conversation_id, owner, subject, created_at, changed_at, "
            "length) VALUES (?, ?, ?, ?, ?, 0)",
            (conversation_id, caller.owner, caller.subject, at_ms, at_ms),
        )

    def append(
        self,
        connection: Connection,
        conversation_id: str,
        messages: Sequence[Message],
        *,
        task_id: str,
        at_ms: int,
        expected_length: int | None = None,
    ) -> None:
        """Append messages; a conversation that was erased meanwhile stays erased.

        Raises:
            ConversationBusy: if it has not `expected_length` messages any more.
        """
        row = connection.execute(
            "SELECT length, subject FROM conversations WHERE conversation_id = ?",
            (conversation_id,),
        ).fetchone()
        if expected_length is not None and (row is None or row[0] != expected_length):
            raise busy(conversation_id)
        if row is None:
            return
        length, subject = row
        key = self._keyring.obtain(
            connection, subject or NO_SUBJECT, CONVERSATIONS_CLASS, conversation_id
        )
        for seq, message in enumerate(messages, length + 1):
            payload, label = _encode_message(message)
            locator = new_locator()
            digest = digest_label(label)
            sealed = key.seal(payload, store=MESSAGES_STORE, locator=locator, label_digest=digest)
            cells: tuple[Any, ...] = (conversation_id, seq, task_id, at_ms, locator)
            connection.execute(
                "INSERT INTO messages (conversation_id, seq, task_id, at, locator, key_id, "
                "label_digest, nonce, sealed) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*cells, sealed.key_id, digest, sealed.nonce, sealed.ciphertext),
            )
        connection.execute(
            "UPDATE conversations SET length = ?, changed_at = ? WHERE conversation_id = ?",
            (length + len(messages), at_ms, conversation_id),
        )

    def read(self, connection: Connection, conversation_id: str) -> tuple[StoredMessage, ...]:
        """Read all messages in order.

        Raises:
            DataKeyDestroyed: if the conversation was erased by its key.
            SealBroken: if a row was changed.
        """
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE conversation_id = ? ORDER BY seq",  # noqa: S608 # our own names
            (conversation_id,),
        )
        return tuple(self._open_row(connection, row) for row in rows)

    def read_newest(
        self, connection: Connection, conversation_id: str, *, length: int, bytes_max: int
    ) -> tuple[StoredMessage, ...]:
        """Read the newest of the first `length` messages, in order, up to about `bytes_max` bytes.

        Raises:
            DataKeyDestroyed: if the conversation was erased by its key.
            SealBroken: if a row was changed.
        """
        rows = connection.execute(
            f"SELECT {_COLUMNS} FROM messages WHERE conversation_id = ? AND seq <= ? "  # noqa: S608 # our own names
            "ORDER BY seq DESC",
            (conversation_id, length),
        )
        newest: list[StoredMessage] = []
        for row in rows:
            newest.append(self._open_row(connection, row))
            bytes_max -= len(row[-1])
            if bytes_max < 0:
                break
        rows.close()
        return tuple(reversed(newest))

    def _open_row(self, connection: Connection, row: tuple[Any, ...]) -> StoredMessage:
        seq, at_ms, task_id, locator, key_id, digest, nonce, ciphertext = row
        payload = self._keyring.open(
            connection,
            Sealed(key_id, nonce, ciphertext),
            store=MESSAGES_STORE,
            locator=locator,
            label_digest=digest,
        )
        reader = PayloadReader(orjson.loads(payload))
        return StoredMessage(seq, at_ms, task_id, reader.message(reader.document["message"]))


def busy(conversation_id: str) -> ConversationBusy:
    """Return the error for a conversation in which another turn is under way."""
    return ConversationBusy(
        f"another turn of conversation {conversation_id} is still running: wait for its reply, "
        "then send this again",
        retry_after_seconds=1,
    )


def _encode_message(message: Message) -> tuple[bytes, Any]:
    writer = PayloadWriter()
    relabelled = Message(
        message.role,
        message.text,
        message.label.stored_as(DataClass.CONVERSATIONS),
        message.tool_calls,
        message.call_id,
    )
    return writer.finish(RECORD_VERSION, {"message": writer.message(relabelled)})
