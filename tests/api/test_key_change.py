"""Who follows whom: a pinned key is left only by a statement that it signed itself."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from steward_api.key_change import build_key_change, find_predecessors
from steward_api.receipt import (
    PAYLOAD_TYPE,
    build_envelope,
    build_signature,
    pre_authentication_encoding,
)
from steward_operator.archive.keys import check_ed25519

OF = ("team", "desk")
KEYS = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in range(1, 7)]


def raw(number: int) -> bytes:
    """Return a raw public key."""
    return KEYS[number].public_key().public_bytes_raw()


def state(
    old: int, new: int, *, signers: tuple[int, ...] | None = None, of: tuple[str, str] = OF
) -> bytes:
    """Return the file of a statement, signed by both keys or by others."""
    payload = build_key_change(*of, raw(old), raw(new)).render()
    message = pre_authentication_encoding(PAYLOAD_TYPE, payload)
    chosen = (old, new) if signers is None else signers
    signatures = tuple(build_signature(raw(n), KEYS[n].sign(message)) for n in chosen)
    return build_envelope(payload, signatures).render()


def find(shown: int, *changes: bytes) -> list[int]:
    """Return the numbers of the keys that lead to one."""
    found = find_predecessors(raw(shown), changes, OF, check_ed25519)
    return [next(n for n in range(len(KEYS)) if raw(n) == key) for key in found]


@given(st.permutations([(0, 1), (1, 2), (2, 3)]), st.integers(0, 3))
def test_follows_a_chain_in_any_order(pairs: list[tuple[int, int]], shown: int) -> None:
    """Who pinned any earlier key of the chain gets to its end."""
    assert find(shown, *(state(*pair) for pair in pairs)) == list(range(shown))[::-1]


@pytest.mark.parametrize(
    "change",
    [
        state(0, 1, signers=(1,)),
        state(0, 1, signers=(0,)),
        state(0, 1, signers=(2, 1)),
        state(0, 1, of=("team", "other")),
        state(0, 1)[:-20],
        state(0, 1).replace(b"payload", b"pay1oad"),
        b"",
    ],
    ids=["new-alone", "old-alone", "stranger", "assistant", "cut", "name", "empty"],
)
def test_takes_nothing_that_does_not_hold(change: bytes) -> None:
    """Signed by one key alone, by strangers, about another assistant, or changed."""
    assert find(1, change) == []


@given(st.integers(0, 2_000), st.integers(0, 255))
def test_no_changed_byte_leads_elsewhere(at: int, value: int) -> None:
    """A statement with one byte changed names no other key."""
    text = bytearray(state(0, 1))
    text[at % len(text)] = value
    assert find(1, bytes(text)) in ([], [0])


def test_a_ring_of_statements_ends() -> None:
    """Keys that name each other do not keep anybody walking."""
    assert find(1, state(0, 1), state(1, 0)) == [0]
