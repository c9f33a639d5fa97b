"""Statements of signing keys that follow one another: made once, kept for good, handed out.

While a Pod mounts the older key beside the newest, the older one signs who follows it. When it is
gone the statement still tells whoever has pinned it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from steward_api.key_change import CHANGES_MAX, build_key_change
from steward_api.receipt import build_envelope
from steward_runtime.retention.signing import SigningKey
from steward_runtime.storage.connection import Connection


def record_changes(
    connection: Connection, keys: Sequence[SigningKey], of: tuple[str, str], now_ms: int
) -> None:
    """Let each key sign who follows it, unless it has done so. Call it inside `Database.write`.

    Args:
        connection: the writing connection.
        keys: signing keys, the oldest first.
        of: namespace and name of the assistant.
        now_ms: time of the statements' rows.
    """
    for old, new in pairwise(keys):
        payload = build_key_change(*of, old.public_key, new.public_key).render()
        envelope = build_envelope(payload, (old.sign(payload), new.sign(payload)))
        connection.execute(
            "INSERT OR IGNORE INTO signing_key_changes (old_key_id, new_key_id, at, envelope) "
            "VALUES (?, ?, ?, ?)",
            (old.key_id, new.key_id, now_ms, envelope.render()),
        )


def list_changes(connection: Connection) -> tuple[bytes, ...]:
    """Return the files of the newest statements, the oldest of them first."""
    rows = connection.execute(
        "SELECT envelope FROM signing_key_changes ORDER BY at DESC LIMIT ?", (CHANGES_MAX,)
    ).fetchall()
    return tuple(bytes(envelope) for (envelope,) in reversed(rows))
