"""Rows of the audit chain: leaves stay, details can be erased."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson
import pytest

from steward_core import KEK, open_database
from steward_core.histories import LABEL
from steward_runtime.audit.chain import build_head, verify_record
from steward_runtime.audit.sink import AuditSink, Judgement, read_head, render_judgement
from steward_runtime.clock import ManualClock, RandomIds
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.storage.database import Database

JUDGEMENT = Judgement(
    at_ms=5_000,
    task_id="task_1",
    subject="alice",
    command="CallTool",
    target="lookup",
    step="1.0",
    is_allowed=True,
    reason="WithinContract",
    label=LABEL,
    content_digest="ab" * 32,
    blueprint_digest="sha256:b",
)
DENIAL = replace(JUDGEMENT, is_allowed=False, reason="ReviewRequired")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Open an empty database."""
    with open_database(tmp_path) as opened:
        yield opened


@pytest.fixture
def sink(database: Database) -> AuditSink:
    """Write two decisions and return the sink."""
    written = AuditSink(Keyring(KEK, "kek-1", ManualClock()), RandomIds())
    database.write_now(lambda c: written.append(c, (JUDGEMENT,)))
    database.write_now(lambda c: written.append(c, (DENIAL,)))
    return written


def _leaves(database: Database) -> list[bytes]:
    return database.read_now(
        lambda c: [row[0] for row in c.execute("SELECT leaf FROM audit_leaves ORDER BY seq")]
    )


def test_the_head_follows_from_the_leaves(database: Database, sink: AuditSink) -> None:
    """Who has all leaves can check the head."""
    assert database.read_now(read_head) == (2, build_head(_leaves(database)))


def test_a_detail_proves_its_leaf(database: Database, sink: AuditSink) -> None:
    """Salt and record give the leaf, and the record says what was decided."""
    for seq, leaf in enumerate(_leaves(database), 1):
        detail = database.read_now(partial(sink.read_detail, seq=seq))
        assert detail is not None
        assert verify_record(leaf, *detail)
    document = orjson.loads(render_judgement(DENIAL))
    assert (document["decision"], document["reason"]) == ("Deny", "ReviewRequired")


def test_equal_decisions_have_unlike_leaves(database: Database, sink: AuditSink) -> None:
    """Without its salt a leaf says nothing, not even that two are equal."""
    database.write_now(lambda c: sink.append(c, (JUDGEMENT, JUDGEMENT)))
    assert len(set(_leaves(database))) == 4


def test_leaves_outlive_their_details(database: Database, sink: AuditSink) -> None:
    """After a purge the chain still checks."""
    database.write_now(lambda c: c.execute("DELETE FROM audit_details"))
    assert database.read_now(lambda c: sink.read_detail(c, 1)) is None
    assert database.read_now(read_head) == (2, build_head(_leaves(database)))


def test_an_empty_chain_has_a_head(tmp_path: Path) -> None:
    """Nothing decided yet."""
    with open_database(tmp_path) as database:
        assert database.read_now(read_head) == (0, bytes(32))
