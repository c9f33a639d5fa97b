"""Key material has the shape that the runtime reads, and is never the same twice."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from steward_operator.apply.keys import build_secret
from steward_operator.apply.material import build_material, encode_data
from steward_operator.names import (
    ANCHOR_OF_SECRET,
    SECRET_KEYS,
    AnchorRole,
    SecretRole,
    secret_keys,
)
from steward_operator.plan.world import Anchor, GeneratedSecret


@pytest.mark.parametrize("role", list(SecretRole))
def test_names_its_files_as_the_plan_does(role: SecretRole) -> None:
    """One list of keys for plan, operator and runtime, and fresh content each time."""
    first, second = build_material(role), build_material(role)
    assert tuple(first) == SECRET_KEYS[role]
    assert all(first[name] != second[name] for name in first)


def test_the_signing_key_is_an_ed25519_key_of_its_own_seed() -> None:
    """The hand-made PKCS #8 is what cryptography reads."""
    pem = build_material(SecretRole.SIGNING)["signingKey"]
    key = load_pem_private_key(pem, password=None)
    assert isinstance(key, Ed25519PrivateKey)
    seed = key.private_bytes_raw()
    encoded = b"".join(pem.splitlines()[1:-1])
    assert base64.b64decode(encoded).endswith(seed)


@pytest.mark.parametrize("role", list(SecretRole))
def test_a_secret_is_owned_by_its_anchor(role: SecretRole) -> None:
    """Deleting the anchor lets the garbage collector take its Secrets."""
    anchor, keys = Anchor(ANCHOR_OF_SECRET[role], 2, "e" * 32), secret_keys(role, 2)
    planned = GeneratedSecret(
        role, "s", anchor, {"metadata": {"name": "s"}, "immutable": True}, keys
    )
    secret = build_secret(planned, "helper", "uid-1")
    (owner,) = secret["metadata"]["ownerReferences"]
    assert owner["uid"] == "uid-1"
    assert owner["name"] == f"helper-{anchor.role}-anchor-2"
    assert set(secret["data"]) == set(keys)


def test_a_key_encryption_key_beyond_the_first_says_its_generation() -> None:
    """The runtime has no other way to know it; the first Secrets stay as they were."""
    assert "generation" not in build_material(SecretRole.ENCRYPTION)
    assert build_material(SecretRole.ENCRYPTION, 12)["generation"] == b"12"


def test_a_plan_that_names_other_keys_is_refused() -> None:
    """A Secret without a key that the runtime needs would be found out too late."""
    anchor = Anchor(AnchorRole.ACCESS, 1, "e" * 32)
    planned = GeneratedSecret(SecretRole.API, "s", anchor, {"metadata": {}}, ("other",))
    with pytest.raises(ValueError, match="different keys"):
        build_secret(planned, "helper", "uid-1")


def test_data_is_base64() -> None:
    """As the API wants it."""
    assert encode_data({"a": b"b"}) == {"a": "Yg=="}
