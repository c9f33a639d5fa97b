"""Provenance: it holds for exactly the files that were released, under exactly one key."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward_release.errors import KeyRefused, ProvenanceRefused
from steward_release.provenance import (
    Source,
    build_statement,
    read_signing_key,
    sign_statement,
    verify_provenance,
)
from steward_release.wheels import digest_file

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SOURCE = Source("c0ffee", "0.1.0", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z", {"lock": "ab"})


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with two released files."""
    (tmp_path / "one.whl").write_bytes(b"wheel")
    (tmp_path / "two.tar").write_bytes(b"image")
    return tmp_path


@pytest.fixture
def signed(release: Path) -> bytes:
    """The signed statement over both."""
    files = {path.name: digest_file(path) for path in release.iterdir()}
    return sign_statement(build_statement(files, SOURCE), KEY)


def test_a_release_holds_and_names_its_commit(release: Path, signed: bytes) -> None:
    """What was signed is what is read back, in SLSA's shape."""
    statement = verify_provenance(signed, KEY.public_key(), release)
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    definition = statement["predicate"]["buildDefinition"]
    assert definition["resolvedDependencies"][0]["digest"] == {"gitCommit": "c0ffee"}
    assert [each["name"] for each in statement["subject"]] == ["one.whl", "two.tar"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_byte_of_the_statement_can_be_flipped(
    release: Path, signed: bytes, data: st.DataObject
) -> None:
    """Any changed bit of the file is refused."""
    at = data.draw(st.integers(0, len(signed) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = bytearray(signed)
    changed[at] ^= 1 << bit
    with pytest.raises(ProvenanceRefused):
        verify_provenance(bytes(changed), KEY.public_key(), release)


def test_a_changed_file_is_refused_by_name(release: Path, signed: bytes) -> None:
    """One flipped byte in a released file shows."""
    (release / "two.tar").write_bytes(b"imagf")
    with pytest.raises(ProvenanceRefused, match=r"two\.tar is not the file"):
        verify_provenance(signed, KEY.public_key(), release)


def test_a_missing_file_is_refused_by_name(release: Path, signed: bytes) -> None:
    """A release with a part left out is not the release."""
    (release / "one.whl").unlink()
    with pytest.raises(ProvenanceRefused, match=r"one\.whl is missing"):
        verify_provenance(signed, KEY.public_key(), release)


def test_another_key_is_refused(release: Path, signed: bytes) -> None:
    """The key that the reader trusts decides, not the one that the file names."""
    other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    with pytest.raises(ProvenanceRefused, match=r"not signed by"):
        verify_provenance(signed, other, release)


def test_the_same_release_is_signed_the_same(release: Path, signed: bytes) -> None:
    """The statement depends on its inputs alone."""
    files = {path.name: digest_file(path) for path in sorted(release.iterdir(), reverse=True)}
    assert sign_statement(build_statement(files, SOURCE), KEY) == signed


def test_only_an_ed25519_key_signs(tmp_path: Path) -> None:
    """A key of another kind, or none, is refused with the way to make one."""
    path = tmp_path / "key.pem"
    with pytest.raises(KeyRefused, match=r"openssl genpkey"):
        read_signing_key(path)
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyRefused, match=r"no Ed25519 key"):
        read_signing_key(path)
