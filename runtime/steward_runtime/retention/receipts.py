"""The log of receipts: rows in the database, files beside it, and the archive's acknowledgement.

The rows count; a file is written after its row is durable and again whenever it is missing. A
receipt never changes except that the operator's co-signature is added to it.
"""

from __future__ import annotations

import base64
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from steward_api.blueprint import TrustedKey
from steward_api.receipt import Envelope, Signature, Statement, build_envelope, key_id_of
from steward_runtime.clock import Clock
from steward_runtime.errors import NotFound
from steward_runtime.retention.errors import CosignatureRefused
from steward_runtime.retention.signing import SigningKey, check_ed25519
from steward_runtime.storage.connection import Connection
from steward_runtime.storage.database import Database

RECEIPTS_FOLDER: Final = "receipts"
LISTED_MAX: Final = 500
_COLUMNS: Final = "log_size, digest, run_id, issued_at, archived_at IS NOT NULL"


@dataclass(frozen=True, slots=True)
class ReceiptEntry:
    """One receipt in the log.

    Attributes:
        log_size: receipts before it.
        digest: `sha256:<hex>` of its statement.
        run_id: run that it is about.
        issued_at_ms: when it was signed.
        is_archived: the archive has acknowledged it with a co-signature.
    """

    log_size: int
    digest: str
    run_id: str
    issued_at_ms: int
    is_archived: bool


class ReceiptLog:
    """Receipts of one assistant, in order.

    Args:
        database: where the rows lie.
        signing_key: the runtime's key.
        operator_keys: returns the operator keys that are trusted at present.
        clock: time of acknowledgements.
    """

    def __init__(
        self,
        database: Database,
        signing_key: SigningKey,
        operator_keys: Callable[[], tuple[TrustedKey, ...]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._signing_key = signing_key
        self._operator_keys = operator_keys
        self._clock = clock
        self._folder = database.path.parent / RECEIPTS_FOLDER
        # The end of a run and an acknowledgement may write one file at the same time, each in a
        # thread of its own; no other process opens this folder.
        self._writing = threading.Lock()

    @property
    def key_id(self) -> str:
        """Id of the runtime's signing key."""
        return self._signing_key.key_id

    def read_position(self, connection: Connection) -> tuple[int, str | None]:
        """Return how many receipts there are, and the digest of the last one."""
        row = connection.execute(
            "SELECT log_size, digest FROM receipts ORDER BY log_size DESC LIMIT 1"
        ).fetchone()
        return (0, None) if row is None else (row[0] + 1, row[1])

    def append(self, connection: Connection, statement: Statement) -> str:
        """Sign a statement and append it inside the running transaction; return its digest."""
        payload = statement.render()
        envelope = build_envelope(payload, (self._signing_key.sign(payload),))
        predicate = statement.predicate
        connection.execute(
            "INSERT INTO receipts (log_size, digest, run_id, issued_at, envelope) "
            "VALUES (?, ?, ?, ?, ?)",
            (
                predicate.log_size,
                envelope.digest,
                predicate.run_id,
                self._clock.now_ms(),
                envelope.render(),
            ),
        )
        return envelope.digest

    def list_entries(self, after: int = -1) -> tuple[ReceiptEntry, ...]:
        """Return the receipts whose `log_size` is above `after`, in order, at most 500."""
        return self._database.read_now(
            lambda connection: _select(
                connection, "log_size > ? ORDER BY log_size LIMIT ?", (after, LISTED_MAX)
            )
        )

    def find(self, digest: str) -> ReceiptEntry:
        """Return the entry of one receipt.

        Raises:
            NotFound: if there is no such receipt.
        """
        found = self._database.read_now(
            lambda connection: _select(connection, "digest = ?", (digest,))
        )
        if not found:
            raise NotFound(f"there is no receipt {digest}")
        return found[0]

    def read(self, digest: str) -> bytes:
        """Return the file of a receipt, with the co-signature once there is one.

        Raises:
            NotFound: if there is no such receipt.
        """
        return self._read_envelope(digest).render()

    def acknowledge(self, digest: str, cosignature: Signature) -> None:
        """Keep the archive's co-signature. The first one stays; the same again changes nothing.

        Raises:
            NotFound: if there is no such receipt.
            CosignatureRefused: if no trusted operator key made it over this receipt.
        """
        envelope = self._read_envelope(digest)
        self._check_cosignature(envelope, cosignature)
        signature = cosignature.model_dump_json(by_alias=True).encode()
        self._database.write_now(
            lambda connection: connection.execute(
                "UPDATE receipts SET cosignature = ?, archived_at = ? "
                "WHERE digest = ? AND cosignature IS NULL",
                (signature, self._clock.now_ms(), digest),
            )
        )
        self.write_file(digest)

    def write_file(self, digest: str) -> None:
        """Write the file of a receipt atomically, replacing an older state of it."""
        self._folder.mkdir(exist_ok=True)
        path = self._folder / f"{digest.removeprefix('sha256:')}.json"
        draft = path.with_suffix(".part")
        with self._writing:
            # Read inside the lock: who writes last has seen the newest state.
            with draft.open("wb") as stream:
                stream.write(self.read(digest))
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(path)

    def write_missing_files(self) -> None:
        """Write every file that a crash kept from being written."""
        after = -1
        while entries := self.list_entries(after):
            for entry in entries:
                path = self._folder / f"{entry.digest.removeprefix('sha256:')}.json"
                if not path.exists():
                    self.write_file(entry.digest)
            after = entries[-1].log_size

    def _read_envelope(self, digest: str) -> Envelope:
        row = self._database.read_now(
            lambda connection: connection.execute(
                "SELECT envelope, cosignature FROM receipts WHERE digest = ?", (digest,)
            ).fetchone()
        )
        if row is None:
            raise NotFound(f"there is no receipt {digest}")
        envelope = Envelope.model_validate_json(row[0])
        if row[1] is None:
            return envelope
        second = Signature.model_validate_json(row[1])
        return envelope.model_copy(update={"signatures": (*envelope.signatures, second)})

    def _check_cosignature(self, envelope: Envelope, cosignature: Signature) -> None:
        for trusted in self._operator_keys():
            public_key = base64.b64decode(trusted.public_key)
            is_ours = public_key == self._signing_key.public_key
            if key_id_of(public_key) != cosignature.keyid or is_ours:
                continue
            if check_ed25519(public_key, _decode(cosignature.sig), envelope.signed_bytes()):
                return
        raise CosignatureRefused(
            f"the co-signature of key {cosignature.keyid} over receipt {envelope.digest} is not "
            "one of a trusted operator key: check trust.json"
        )


def _select(
    connection: Connection, condition: str, values: tuple[object, ...]
) -> tuple[ReceiptEntry, ...]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM receipts WHERE {condition}",  # noqa: S608 # our own text
        values,
    )
    return tuple(
        ReceiptEntry(log_size, digest, run_id, issued_at_ms, bool(is_archived))
        for log_size, digest, run_id, issued_at_ms, is_archived in rows
    )


def _decode(signature: str) -> bytes:
    try:
        return base64.b64decode(signature, validate=True)
    except ValueError:
        return b""
