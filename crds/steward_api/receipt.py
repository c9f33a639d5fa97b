"""The receipt: what was purged, by which policy, and what a scan of the bytes found afterwards.

An in-toto Statement inside a DSSE envelope. The runtime signs first; the operator's archive adds
the second signature over the same bytes. `verification.verify_receipt` reads it without cluster,
model or database, and calls it Complete only with both signatures.
"""

from __future__ import annotations

import base64
import hashlib
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

Count = Annotated[int, Field(ge=0)]
Sha256Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


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


class NeedleKind(StrEnum):
    """What a byte string was in the store before it was deleted."""

    CIPHERTEXT = "Ciphertext"
    NONCE = "Nonce"
    LOCATOR = "Locator"
    WRAPPED_KEY = "WrappedKey"


class Place(StrEnum):
    """Where the bytes of every store were searched."""

    DATABASE = "Database"
    WRITE_AHEAD_LOG = "WriteAheadLog"
    SHARED_MEMORY = "SharedMemory"
    DATA_FOLDER = "DataFolder"
    """Every other file beside the database."""
    TEMPORARY_FILES = "TemporaryFiles"
    LOGS = "Logs"


class ResidueReason(StrEnum):
    """Why something that was due is not gone, or not proven gone."""

    HELD = "Held"
    """A hold of the RetentionPolicy keeps the class."""
    DELETE_FAILED = "DeleteFailed"
    """Rows were still there after deletion."""
    BYTES_FOUND = "BytesFound"
    """The scan found needles after deletion and compaction."""
    NOT_SEEN = "NotSeen"
    """The scan before deletion did not see every needle, so its silence afterwards proves less."""
    KEY_KEPT = "KeyKept"
    """A data key of purged records could not be destroyed."""
    POSTPONED = "Postponed"
    """More records were due than one run takes; the next run takes them."""
    PLACE_UNREADABLE = "PlaceUnreadable"
    """A file could not be searched."""


class NeedleCount(Frozen):
    """How many needles of one kind were searched, and how many were seen at least once."""

    kind: NeedleKind
    searched: Count
    found_before: Count
    """Needles seen before deletion; must equal `searched`, or the scanner was blind here."""
    found_after: Count
    """Needles seen after deletion; must be 0."""


class StoreProof(Frozen):
    """What became of one store's rows, and what the scanner counted of them."""

    store: str
    """Name of the store, for example `conversations`."""
    data_class: Annotated[DataClass | None, Field(alias="class")] = None
    """Class of data that the store keeps; none for a store of all classes, such as the keyring."""
    coverage: Coverage
    rows_due: Count
    rows_deleted: Count
    rows_left: Count
    """Rows that a query still found after deletion."""
    needles: tuple[NeedleCount, ...] = ()


class PlaceScan(Frozen):
    """How much was searched in one place, and how often any needle was hit there."""

    place: Place
    coverage: Coverage = Coverage.BYTES
    files: Count
    bytes_before: Count
    hits_before: Count
    bytes_after: Count
    hits_after: Count


class ClassCount(Frozen):
    """How many records of one class were due and went."""

    data_class: Annotated[DataClass, Field(alias="class")]
    keep_seconds: Count | None = None
    """Window of the class; none where everything was due."""
    cutoff: str
    """RFC 3339 time: records last changed at or before it were due."""
    due: Count
    held: Count
    deleted: Count


class Residue(Frozen):
    """Something that was due and stayed, or is not proven gone, and why."""

    reason: ResidueReason
    data_class: Annotated[DataClass | None, Field(alias="class")] = None
    store: str | None = None
    hold: str | None = None
    count: Count


class BackupHorizon(Frozen):
    """When the last copy in a declared backup is gone."""

    name: str
    gone_after: str
    """RFC 3339 time."""


class AuditAnchor(Frozen):
    """Where the claim stands in the assistant's audit chain."""

    seq: Annotated[int, Field(ge=1)]
    """Number of its leaf, which is `SHA-256(0x00 | claim)`."""
    previous_head: Sha256Hex
    """Head of the chain before it."""
    head: Sha256Hex
    """`SHA-256(0x01 | previous head | leaf)`."""


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
    outcome: Outcome
    """What the runtime claims; the co-signature decides whether it counts."""
    classes: tuple[ClassCount, ...]
    stores: tuple[StoreProof, ...]
    places: tuple[PlaceScan, ...]
    keys_destroyed: Count
    scanner_digest: str
    """Digest of the scanner's source: the same file may be run again by an auditor."""
    exceptions: tuple[Residue, ...] = ()
    backups: tuple[BackupHorizon, ...] = ()
    log_size: Count
    """Receipts of this assistant before this one."""
    previous_digest: str | None = None
    """Digest of the receipt before this one: a missing receipt is noticed."""
    runtime_key_id: str
    """Key id of the runtime's signature, so that nobody can take the roles for each other."""
    audit: AuditAnchor | None = None
    """Where the rest of this claim stands in the audit chain."""

    def render_claim(self) -> bytes:
        """Return the canonical bytes of everything but `audit`: what the audit leaf is made of."""
        return render_canonical(
            self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"audit"})
        )


class Subject(Frozen):
    """What the statement is about, in in-toto's shape."""

    name: str
    digest: dict[str, str]
    """`sha256` over the locators of the purged rows in hex, sorted, one per line."""


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

    def signed_bytes(self) -> bytes:
        """Return the bytes that every signature of this envelope covers.

        Raises:
            ValueError: if the payload is not base64.
        """
        return pre_authentication_encoding(self.payload_type, self.payload_bytes())

    def render(self) -> bytes:
        """Return the canonical bytes of the file; no other spelling of it is accepted."""
        return render_canonical(self.model_dump(mode="json", by_alias=True))

    @property
    def digest(self) -> str:
        """`sha256:<hex>` of the signed statement: the same before and after co-signing.

        Raises:
            ValueError: if the payload is not base64.
        """
        return "sha256:" + hashlib.sha256(self.payload_bytes()).hexdigest()


def build_envelope(payload: bytes, signatures: tuple[Signature, ...]) -> Envelope:
    """Wrap the bytes of a statement and its signatures."""
    return Envelope(payload=base64.b64encode(payload).decode(), signatures=signatures)


def build_signature(public_key: bytes, signature: bytes) -> Signature:
    """Wrap one raw Ed25519 signature (64 bytes) with the id of its key (32 bytes)."""
    return Signature(keyid=key_id_of(public_key), sig=base64.b64encode(signature).decode())


def key_id_of(public_key: bytes) -> str:
    """Return the id of a raw Ed25519 public key: first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    """Return the bytes that a DSSE signature covers (DSSE protocol v1)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
