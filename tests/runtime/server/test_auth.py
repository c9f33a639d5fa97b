"""Who is asking."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward_runtime.clock import ManualClock
from steward_runtime.errors import RequestRefused, Unauthorized
from steward_runtime.server.auth import (
    KeyEntry,
    Keys,
    Principal,
    build_generated_entry,
    gather_bound_entries,
    parse_entry,
    resolve_subject,
)
from steward_runtime.server.errors import Forbidden

GENERATED = "sk-steward-" + "g" * 43
ALICE = "sk-alice"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _bind(folder: Path, key_id: str, **members: object) -> None:
    folder.mkdir(exist_ok=True)
    (folder / key_id).write_text(json.dumps(members))


def _build(folder: Path, clock: ManualClock | None = None) -> Keys:
    (folder / "apiKey").write_text(GENERATED)
    return Keys(
        folder / "apiKey",
        folder / "bound",
        (clock or ManualClock()).monotonic_seconds,
        lambda path: build_generated_entry(path.read_text()),
    )


def _ask(keys: Keys, key: str | None, *subjects: str) -> Principal:
    headers = [(b"steward-subject", subject.encode("latin-1")) for subject in subjects]
    if key is not None:
        headers.append((b"authorization", f"Bearer {key}".encode()))
    return keys.resolve_principal(headers)


def test_lets_the_generated_key_act_for_anybody_or_nobody(tmp_path: Path) -> None:
    """The front end names the subject; without the header there is none."""
    keys = _build(tmp_path)
    assert _ask(keys, GENERATED, "alice@example.com") == Principal("generated", "alice@example.com")
    assert _ask(keys, GENERATED) == Principal("generated", None)


@pytest.mark.parametrize("key", [None, "", "wrong", GENERATED + "x", "x" * 1_000, "ü"])
def test_refuses_a_missing_or_unknown_key(tmp_path: Path, key: str | None) -> None:
    """Whatever is sent instead of a key is Unauthorized, and is not repeated."""
    with pytest.raises(Unauthorized) as refusal:
        _ask(_build(tmp_path), key)
    assert "wrong" not in refusal.value.message


def test_refuses_another_scheme_than_bearer(tmp_path: Path) -> None:
    """A key in Basic is no bearer key."""
    with pytest.raises(Unauthorized):
        _build(tmp_path).resolve_principal([(b"authorization", f"Basic {GENERATED}".encode())])


def test_binds_a_key_to_its_subject(tmp_path: Path) -> None:
    """The header may repeat the subject and may not name another."""
    _bind(tmp_path / "bound", "alice", keySha256=_digest(ALICE), subject="alice")
    keys = _build(tmp_path)
    assert _ask(keys, ALICE) == _ask(keys, ALICE, "alice") == Principal("alice", "alice")
    with pytest.raises(Forbidden, match="mayActFor"):
        _ask(keys, ALICE, "bob")


def test_lets_a_key_act_for_the_subjects_that_it_lists(tmp_path: Path) -> None:
    """A list allows its members, a star everybody."""
    folder = tmp_path / "bound"
    _bind(folder, "team", keySha256=_digest("sk-team"), mayActFor=["alice", "bob"])
    _bind(folder, "bot", keySha256=_digest("sk-bot"), mayActFor="*")
    keys = _build(tmp_path)
    assert _ask(keys, "sk-team", "bob").subject == "bob"
    assert _ask(keys, "sk-bot", "anybody").subject == "anybody"
    assert _ask(keys, "sk-team").subject is None
    with pytest.raises(Forbidden):
        _ask(keys, "sk-team", "carol")


@pytest.mark.parametrize("subjects", [("",), ("a b",), ("a\n",), ("é",), ("x" * 257,), ("a", "b")])
def test_refuses_a_misshapen_subject(tmp_path: Path, subjects: tuple[str, ...]) -> None:
    """One header of visible ASCII; anything else is a mistake to be seen."""
    with pytest.raises(RequestRefused) as refusal:
        _ask(_build(tmp_path), GENERATED, *subjects)
    assert refusal.value.param == "Steward-Subject"


def test_follows_keys_that_come_change_and_go(tmp_path: Path) -> None:
    """A mounted Secret is read again within a second; a removed key is refused."""
    clock, folder = ManualClock(), tmp_path / "bound"
    keys = _build(tmp_path, clock)
    with pytest.raises(Unauthorized):
        _ask(keys, ALICE)
    _bind(folder, "alice", keySha256=_digest(ALICE), subject="alice")
    clock.move(1)
    assert _ask(keys, ALICE).subject == "alice"
    (folder / "alice").unlink()
    clock.move(1)
    with pytest.raises(Unauthorized):
        _ask(keys, ALICE)


def test_follows_a_generated_key_that_is_replaced(tmp_path: Path) -> None:
    """After rotation the new key opens and the old one does not."""
    clock = ManualClock()
    keys = _build(tmp_path, clock)
    (tmp_path / "apiKey").write_text("sk-steward-new")
    clock.move(1)
    assert _ask(keys, "sk-steward-new").key_id == "generated"
    with pytest.raises(Unauthorized):
        _ask(keys, GENERATED)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"keySha256": "zz", "subject": "a"}',
        b'{"keySha256": 7, "subject": "a"}',
        b'{"keySha256": "%s"}' % (b"0" * 64),
        b'{"keySha256": "%s", "subject": "a", "mayActFor": "*"}' % (b"0" * 64),
        b'{"keySha256": "%s", "mayActFor": "alice"}' % (b"0" * 64),
        b'{"keySha256": "%s", "mayActFor": ["a b"]}' % (b"0" * 64),
        b'{"keySha256": "%s", "subject": ""}' % (b"0" * 64),
        b'{"keySha256": "%s", "subject": "a", "more": 1}' % (b"0" * 64),
    ],
)
def test_binds_nobody_by_a_broken_file(tmp_path: Path, content: bytes) -> None:
    """A file that is not exactly of the documented shape opens nothing, and others still work."""
    folder = tmp_path / "bound"
    _bind(folder, "alice", keySha256=_digest(ALICE), subject="alice")
    (folder / "broken").write_bytes(content)
    assert [entry.key_id for entry in gather_bound_entries(folder)] == ["alice"]


def test_keeps_no_key_in_memory(tmp_path: Path) -> None:
    """What the process holds of a key is its digest."""
    assert GENERATED not in repr(build_generated_entry(GENERATED))
    assert build_generated_entry(GENERATED).digest == hashlib.sha256(GENERATED.encode()).digest()


@given(content=st.binary(max_size=80))
def test_never_fails_on_any_file(content: bytes) -> None:
    """Whatever lies in a Secret, reading it gives an entry or None."""
    parse_entry("k", content)


@given(
    named=st.text("abc", min_size=1, max_size=2),
    allowed=st.frozensets(st.text("abc", min_size=1, max_size=2)),
)
def test_never_speaks_for_a_subject_outside_the_list(named: str, allowed: frozenset[str]) -> None:
    """A list is exact: a subject is allowed if and only if it is a member."""
    entry = KeyEntry("k", b"", may_act_for=allowed)
    if named in allowed:
        assert resolve_subject(entry, [named]) == named
    else:
        with pytest.raises(Forbidden):
            resolve_subject(entry, [named])


def test_a_replaced_key_speaks_under_the_name_of_the_one_that_replaced_it(tmp_path: Path) -> None:
    """What has no subject belongs to the key's name, so a rotation loses no conversation."""
    (tmp_path / "apiKey").write_text(GENERATED)
    old = build_generated_entry("sk-steward-" + "o" * 43)
    keys = Keys(
        tmp_path / "apiKey",
        None,
        ManualClock().monotonic_seconds,
        lambda path: build_generated_entry(path.read_text()),
        (old,),
    )
    assert _ask(keys, "sk-steward-" + "o" * 43) == _ask(keys, GENERATED)
    with pytest.raises(Unauthorized):
        _ask(keys, "sk-steward-" + "p" * 43)
