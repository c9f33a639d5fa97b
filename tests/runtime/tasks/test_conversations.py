"""Conversations: owners, order, keys of their own, and what erasure leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_core import ALICE, BOB, KEK, NOBODY, open_database
from steward_core.histories import LABEL
from steward_runtime.clock import ManualClock
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.errors import ConversationBusy, DataKeyDestroyed
from steward_runtime.labels import DataClass
from steward_runtime.storage.database import Database
from steward_runtime.tasks.conversations import Conversations
from steward_runtime.turn.messages import Caller, Message, Role, ToolCall

MARKER = "marker-41ac-said-by-alice"
SAID = Message(Role.USER, MARKER, LABEL)
ASKED = Message(Role.ASSISTANT, "", LABEL, (ToolCall("c1", "show", "{}"),))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    with open_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def conversations() -> Conversations:
    """Return conversations with a keyring."""
    return Conversations(Keyring(KEK, "kek-1", ManualClock()))


def _begin(
    database: Database, conversations: Conversations, name: str, caller: Caller = ALICE
) -> None:
    database.write_now(lambda c: conversations.create(c, name, caller, 1_000))
    database.write_now(
        lambda c: conversations.append(c, name, (SAID, ASKED), task_id="t", at_ms=2_000)
    )


def test_messages_come_back_in_order(database: Database, conversations: Conversations) -> None:
    """Text, calls, times and numbers are as written, stored as Conversations."""
    _begin(database, conversations, "conv_1")
    first, second = database.read_now(lambda c: conversations.read(c, "conv_1"))
    assert (first.seq, first.at_ms, first.task_id, first.message.text) == (1, 2_000, "t", MARKER)
    assert second.message.tool_calls == ASKED.tool_calls
    assert first.message.label == LABEL.stored_as(DataClass.CONVERSATIONS)


@pytest.mark.parametrize(
    ("length", "bytes_max", "expected"),
    [(9, 10_000, [2, 3, 4]), (2, 10_000, [1, 2]), (9, 4_000, [3, 4]), (9, 0, [4]), (0, 9_999, [])],
)
def test_only_as_many_messages_are_read_as_can_be_of_use(
    database: Database,
    conversations: Conversations,
    length: int,
    bytes_max: int,
    expected: list[int],
) -> None:
    """A long conversation costs a turn no more than its context."""
    _begin(database, conversations, "conv_1")
    large = (Message(Role.USER, "x" * 4_000, LABEL), SAID)
    database.write_now(lambda c: conversations.append(c, "conv_1", large, task_id="t", at_ms=1))
    found = database.read_now(
        lambda c: conversations.read_newest(c, "conv_1", length=length, bytes_max=bytes_max)
    )
    assert [entry.seq for entry in found][-3:] == expected


def test_the_last_change_is_the_last_message(
    database: Database, conversations: Conversations
) -> None:
    """The window of a conversation counts from here."""
    _begin(database, conversations, "conv_1")
    found = database.read_now(lambda c: conversations.find(c, "conv_1", ALICE.owner))
    assert found is not None
    assert (found.created_at_ms, found.changed_at_ms, found.length) == (1_000, 2_000, 2)


@pytest.mark.parametrize("caller", [BOB, NOBODY])
def test_another_owner_finds_nothing(
    database: Database, conversations: Conversations, caller: Caller
) -> None:
    """Foreign is absent."""
    _begin(database, conversations, "conv_1")
    assert database.read_now(lambda c: conversations.find(c, "conv_1", caller.owner)) is None


def test_the_key_owns_what_is_about_nobody(
    database: Database, conversations: Conversations
) -> None:
    """Without subject the conversation belongs to the holder of the key."""
    _begin(database, conversations, "conv_1", NOBODY)
    found = database.read_now(lambda c: conversations.find(c, "conv_1", NOBODY.owner))
    assert found is not None
    assert (found.subject, found.key_subject) == (None, "-")


def test_no_message_is_on_disk_in_clear(database: Database, conversations: Conversations) -> None:
    """Neither database nor log holds what was said."""
    _begin(database, conversations, "conv_1")
    for file in database.path.parent.glob(database.path.name + "*"):
        assert MARKER.encode() not in file.read_bytes()


def test_one_conversation_can_be_destroyed_by_its_key(
    database: Database, conversations: Conversations
) -> None:
    """Another one of the same person stays readable."""
    keyring = Keyring(KEK, "kek-1", ManualClock())
    _begin(database, conversations, "conv_1")
    _begin(database, conversations, "conv_2")
    (key_id,) = database.read_now(
        lambda c: c.execute(
            "SELECT DISTINCT key_id FROM messages WHERE conversation_id = 'conv_1'"
        ).fetchone()
    )
    database.write_now(lambda c: keyring.destroy(c, key_id))
    fresh = Conversations(keyring)
    with pytest.raises(DataKeyDestroyed):
        database.read_now(lambda c: fresh.read(c, "conv_1"))
    assert len(database.read_now(lambda c: fresh.read(c, "conv_2"))) == 2


def test_a_turn_that_was_overtaken_is_refused(
    database: Database, conversations: Conversations
) -> None:
    """Its history is not the newest any more."""
    _begin(database, conversations, "conv_1")
    with pytest.raises(ConversationBusy, match="conv_1"):
        database.write_now(
            lambda c: conversations.append(
                c, "conv_1", (SAID,), task_id="t", at_ms=3_000, expected_length=1
            )
        )


def test_an_erased_conversation_is_not_brought_back(
    database: Database, conversations: Conversations
) -> None:
    """A late reply to it goes nowhere."""
    database.write_now(
        lambda c: conversations.append(c, "conv_1", (SAID,), task_id="t", at_ms=1_000)
    )
    assert database.read_now(lambda c: conversations.read(c, "conv_1")) == ()
