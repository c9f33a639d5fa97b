"""The receipt: what was purged, by which policy, and what a scan of the bytes found afterwards.

An in-toto Statement inside a DSSE envelope. The runtime signs first; the operator's archive adds
the second signature.
`verify_receipt` needs neither cluster nor model, and calls a receipt `Complete` only with both.
"""

from __future__ import annotations

import base64
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import Field

from steward_api.canonical import render_canonical
from steward_api.meta import GROUP, Frozen
from steward_api.v1alpha1.retention_policy import DataClass

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = f"https://{GROUP}/receipt/v1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
"""DSSE payload type of an in-toto Statement (in-toto attestation specification v1)."""


class Outcome(StrEnum):
    """What a receipt may claim. `Partial` can never be shown as `Complete`."""

    COMPLETE = "Complete"
    PARTIAL = "Partial"


class Coverage(StrEnum):
    """How a store was searched after deletion."""

    BYTES = "Bytes"
    QUERY = "Query"
    KEY = "Key"


class Trigger(StrEnum):
    """Why the run happened."""

    WINDOW = "Window"
    ASSISTANT_DELETED = "AssistantDeleted"


class StoreScan(Frozen):
    """What the residual scanner counted in one store."""

    store: str
    """Name of the store, for example `database` or `write-ahead-log`."""
    coverage: Coverage
    rows_deleted: int
    keys_destroyed: int
    needles: int
    """Byte strings searched for: ciphertexts, nonces, locators, wrapped keys."""
    found_before: int
    """Needles found before deletion; fewer than `needles` means that the scanner could not see
    this store.
    """
    found_after: int
    """Needles found after deletion; must be 0."""
    bytes_scanned: int


class ClassCount(Frozen):
    """How many records of one class were due and went."""

    data_class: Annotated[DataClass, Field(alias="class")]
    due: int
    deleted: int
    keep_seconds: int


class Residue(Frozen):
    """Something that was due and stayed, and why."""

    data_class: Annotated[DataClass, Field(alias="class")]
    reason: str
    """PascalCase constant, for example Held or DeleteFailed."""
    hold: str | None = None
    records: int


class BackupHorizon(Frozen):
    """When the last copy in a declared backup is gone."""

    name: str
    gone_after: str
    """RFC 3339 time."""


class ReceiptPredicate(Frozen):
    """The claim: a purge run and its proof."""

    run_id: str
    trigger: Trigger
    namespace: str
    assistant: str
    assistant_uid: str
    blueprint_digest: str
    policy: str
    policy_digest: str
    started_at: str
    finished_at: str
    cutoffs: dict[str, str]
    """Class of data to the RFC 3339 time before which records were due."""
    outcome: Outcome
    """What the runtime claims; the co-signature decides whether it counts."""
    classes: tuple[ClassCount, ...]
    stores: tuple[StoreScan, ...]
    exceptions: tuple[Residue, ...] = ()
    backups: tuple[BackupHorizon, ...] = ()
    log_size: int
    """Receipts of this assistant before this one."""
    previous_digest: str | None
    """Digest of the receipt before this one: a missing receipt is noticed."""


class Subject(Frozen):
    """What the statement is about, in in-toto's shape."""

    name: str
    digest: dict[str, str]


class Statement(Frozen):
    """An in-toto Statement v1."""

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")] = (
        STATEMENT_TYPE
    )
    subject: tuple[Subject, ...]
    predicate_type: str = PREDICATE_TYPE
    predicate: ReceiptPredicate

    def render(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return render_canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))


class Signature(Frozen):
    """One DSSE signature."""

    keyid: str
    sig: str
    """Ed25519 signature over the pre-authentication encoding, base64."""


class Envelope(Frozen):
    """A DSSE envelope: the file an auditor gets."""

    payload_type: str = PAYLOAD_TYPE
    payload: str
    """Base64 of the statement's bytes."""
    signatures: tuple[Signature, ...]

    def payload_bytes(self) -> bytes:
        """Decode the signed statement.

        Raises:
            ValueError: if the payload is not base64.
        """
        return base64.b64decode(self.payload, validate=True)


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature covers (DSSE protocol v1)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
