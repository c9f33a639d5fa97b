"""Pins: a key is left only for one that it has named itself."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.key_change import build_key_change
from steward_api.receipt import (
    PAYLOAD_TYPE,
    build_envelope,
    build_signature,
    pre_authentication_encoding,
)
from steward_operator.archive.check import Issuer, select_keys
from steward_operator.archive.errors import ReceiptForeign, ShelfBroken
from steward_operator.archive.pins import PINS_FOLDER, Pins
from steward_receipts import RUNTIME, build_receipt, raw_public

OF = ("default", "helpdesk")
UID = "uid-1"
FIRST, SECOND, THIRD = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (1, 2, 3))


def state(old: Ed25519PrivateKey, new: Ed25519PrivateKey) -> bytes:
    """Return the statement by which a key names the next one."""
    payload = build_key_change(*OF, raw_public(old), raw_public(new)).render()
    message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    signatures = tuple(build_signature(raw_public(k), k.sign(message)) for k in (old, new))
    return build_envelope(payload, signatures).render()


def test_the_first_key_is_pinned_and_stays(tmp_path: Path) -> None:
    """Whoever comes second needs a statement."""
    pins = Pins(tmp_path)
    assert pins.take(OF, UID, raw_public(FIRST), ()) == (raw_public(FIRST),)
    with pytest.raises(ReceiptForeign, match="successor"):
        pins.take(OF, UID, raw_public(SECOND), (state(THIRD, SECOND),))
    assert pins.list_keys(OF, UID) == (raw_public(FIRST),)


def test_a_named_successor_takes_its_place(tmp_path: Path) -> None:
    """Both count from then on: older receipts were signed by the older key."""
    Pins(tmp_path).take(OF, UID, raw_public(FIRST), ())
    changes = (state(FIRST, SECOND), state(SECOND, THIRD))
    expected = (raw_public(THIRD), raw_public(SECOND), raw_public(FIRST))
    assert Pins(tmp_path).take(OF, UID, raw_public(THIRD), changes) == expected
    assert Pins(tmp_path).list_keys(OF, UID) == expected
    with pytest.raises(ReceiptForeign):
        Pins(tmp_path).take(OF, UID, raw_public(FIRST), changes)


def test_pins_of_other_assistants_are_theirs(tmp_path: Path) -> None:
    """A statement of one assistant moves nobody else's pin."""
    pins = Pins(tmp_path)
    pins.take(("default", "other"), "uid-2", raw_public(FIRST), ())
    with pytest.raises(ReceiptForeign):
        pins.take(("default", "other"), "uid-2", raw_public(SECOND), (state(FIRST, SECOND),))


def test_a_broken_pin_is_said(tmp_path: Path) -> None:
    """Nothing is pinned over what cannot be read."""
    (tmp_path / PINS_FOLDER).mkdir()
    (tmp_path / PINS_FOLDER / UID).write_bytes(b"short")
    with pytest.raises(ShelfBroken):
        Pins(tmp_path).take(OF, UID, raw_public(FIRST), ())


def test_two_keys_of_one_runtime_never_count_as_two_signers() -> None:
    """A receipt is checked with the one runtime key that it names, and with ours."""
    issuer = Issuer(*OF, UID, raw_public(SECOND), (raw_public(RUNTIME),))
    raw = build_receipt(RUNTIME)
    assert select_keys(raw, issuer, (b"o",)) == (raw_public(RUNTIME), b"o")
