"""The statement by which a runtime's signing key names the one that follows it.

An in-toto Statement inside a DSSE envelope, signed by both keys: by the old one, because only who
is trusted already may say who comes next, and by the new one, because it must be there. Whoever has
pinned a key takes another one for it by a chain of such statements, and by nothing else (pure).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from typing import Annotated, Final, Literal

from pydantic import Field, ValidationError

from steward_api.canonical import render_canonical
from steward_api.meta import GROUP, Frozen
from steward_api.receipt import STATEMENT_TYPE, Envelope, Signature, Subject, key_id_of
from steward_api.verification import ReceiptRefused, SignatureCheck, parse_envelope

KEY_CHANGE_TYPE: Final = f"https://{GROUP}/key-change/v1"
PUBLIC_KEY_BYTES: Final = 32
CHANGES_MAX: Final = 32
"""Changes that a runtime hands out: whoever has not looked for so long pins anew by hand."""


class KeyChangePredicate(Frozen):
    """One signing key follows another."""

    namespace: str
    assistant: str
    old_public_key: Annotated[str, Field(max_length=64)]
    """Raw Ed25519 public key in base64."""
    new_public_key: Annotated[str, Field(max_length=64)]
    """Raw Ed25519 public key in base64."""


class KeyChangeStatement(Frozen):
    """An in-toto Statement v1 about a new signing key."""

    type: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")] = (
        STATEMENT_TYPE
    )
    subject: tuple[Subject, ...]
    predicate_type: str = KEY_CHANGE_TYPE
    predicate: KeyChangePredicate

    def render(self) -> bytes:
        """Return the canonical bytes that are signed."""
        return render_canonical(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def build_key_change(namespace: str, assistant: str, old: bytes, new: bytes) -> KeyChangeStatement:
    """Build the statement that the key `new` follows the key `old` (raw public keys)."""
    digest = hashlib.sha256(new).hexdigest()
    return KeyChangeStatement(
        subject=(Subject(name=f"{namespace}/{assistant}", digest={"sha256": digest}),),
        predicate=KeyChangePredicate(
            namespace=namespace,
            assistant=assistant,
            old_public_key=base64.b64encode(old).decode(),
            new_public_key=base64.b64encode(new).decode(),
        ),
    )


def find_predecessors(
    shown: bytes, changes: Iterable[bytes], of: tuple[str, str], check_signature: SignatureCheck
) -> tuple[bytes, ...]:
    """Return the raw keys that lead to the one that is shown, the last before it first.

    Whoever has pinned one of them may pin the shown one instead.

    Args:
        shown: raw public key that a runtime signs with.
        changes: files of statements in any order; those that do not hold count for nothing.
        of: namespace and name of the assistant.
        check_signature: checks one Ed25519 signature.
    """
    pairs = [pair for raw in changes if (pair := _read_pair(raw, of, check_signature)) is not None]
    chain = [shown]
    for key in chain:
        chain += dict.fromkeys(old for old, new in pairs if new == key and old not in chain)
    return tuple(chain[1:])


def _read_pair(
    raw: bytes, of: tuple[str, str], check_signature: SignatureCheck
) -> tuple[bytes, bytes] | None:
    """Return the old and the new key of a statement, if both have signed it."""
    try:
        envelope = parse_envelope(raw)
        statement = KeyChangeStatement.model_validate_json(envelope.payload_bytes())
        old = base64.b64decode(statement.predicate.old_public_key, validate=True)
        new = base64.b64decode(statement.predicate.new_public_key, validate=True)
    except (ReceiptRefused, ValidationError, ValueError):
        return None
    if {len(old), len(new)} != {PUBLIC_KEY_BYTES} or statement != build_key_change(*of, old, new):
        return None
    keys = {key_id_of(key): key for key in (old, new)}
    held = {
        each.keyid
        for each in envelope.signatures
        if each.keyid in keys and _holds(keys[each.keyid], each, envelope, check_signature)
    }
    return (old, new) if held == set(keys) else None


def _holds(
    key: bytes, signature: Signature, envelope: Envelope, check_signature: SignatureCheck
) -> bool:
    try:
        raw = base64.b64decode(signature.sig, validate=True)
    except ValueError:
        return False
    return check_signature(key, raw, envelope.signed_bytes())
