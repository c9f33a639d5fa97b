"""The operator's key: read from a file, made once as a Secret where there is none."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from steward_operator.contract import keys
from steward_operator.contract.keys import (
    KEY_FILE,
    SECRET_NAME,
    build_key_secret,
    obtain_operator_key,
    read_further_keys,
    read_operator_key,
)
from steward_operator.errors import AlreadyThereError, ConfigurationError
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import Resource
from steward_operator.objects import Manifest

KEY = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)


def pem_of(key: Ed25519PrivateKey) -> bytes:
    """Return what the Secret's file holds."""
    return base64.b64decode(build_key_secret("steward-system", key)["data"][KEY_FILE])


class Api:
    """Takes one create, and shows the file as a kubelet would."""

    def __init__(self, show: Callable[[Manifest], None], *, is_there: bool = False) -> None:
        self.created: list[Manifest] = []
        self._show = show
        self._is_there = is_there

    async def create(self, resource: Resource, manifest: Manifest) -> Manifest:
        """Create the Secret, or say that it is there."""
        assert resource.kind == "Secret"
        self.created.append(manifest)
        self._show(manifest)
        if self._is_there:
            raise AlreadyThereError("create Secret", "exists", status=409)
        return manifest


def as_client(api: Api) -> KubeClient:
    """Return the double as what the function takes."""
    return cast("KubeClient", api)


def test_reads_a_file_or_the_folder_of_a_secret(tmp_path: Path) -> None:
    """Both lead to the same key."""
    (tmp_path / KEY_FILE).write_bytes(pem_of(KEY))
    for path in (tmp_path, tmp_path / KEY_FILE):
        assert read_operator_key(path).private_bytes_raw() == KEY.private_bytes_raw()


@pytest.mark.parametrize("content", [b"", b"no key", b"\xff\xfe"])
def test_refuses_a_file_that_holds_no_key(tmp_path: Path, content: bytes) -> None:
    """The message names the file and the Secret, and not what it holds."""
    (tmp_path / KEY_FILE).write_bytes(content)
    with pytest.raises(ConfigurationError, match=SECRET_NAME):
        read_operator_key(tmp_path)


async def test_a_key_that_is_there_makes_no_request(tmp_path: Path) -> None:
    """A restart writes nothing."""
    (tmp_path / KEY_FILE).write_bytes(pem_of(KEY))
    api = Api(lambda _: None)
    await obtain_operator_key(tmp_path, as_client(api), "steward-system", lambda: 0.0)
    assert api.created == []


async def test_makes_the_secret_once_and_waits_for_its_file(tmp_path: Path) -> None:
    """What the file shows is used, immutable in the operator's namespace."""

    def show(manifest: Manifest) -> None:
        (tmp_path / KEY_FILE).write_bytes(base64.b64decode(manifest["data"][KEY_FILE]))

    api = Api(show)
    key = await obtain_operator_key(tmp_path, as_client(api), "steward-system", lambda: 0.0)
    (made,) = api.created
    assert pem_of(key) == base64.b64decode(made["data"][KEY_FILE])
    assert (made["metadata"]["namespace"], made["immutable"]) == ("steward-system", True)


async def test_uses_the_key_of_the_other_replica(tmp_path: Path) -> None:
    """409 means that it exists: its file counts, not the key that was just made."""

    def show(_: Manifest) -> None:
        (tmp_path / KEY_FILE).write_bytes(pem_of(KEY))

    api = Api(show, is_there=True)
    key = await obtain_operator_key(tmp_path, as_client(api), "steward-system", lambda: 0.0)
    assert key.private_bytes_raw() == KEY.private_bytes_raw()


async def test_says_what_to_mount_when_the_file_never_shows(tmp_path: Path) -> None:
    """One request, then an error that names Secret and path."""
    ticks = iter([0.0, 1.0, keys.WAIT_SECONDS])
    api = Api(lambda _: None)
    with pytest.raises(ConfigurationError, match=SECRET_NAME):
        await obtain_operator_key(
            tmp_path / "none", as_client(api), "steward-system", lambda: next(ticks)
        )
    assert len(api.created) == 1


def test_further_files_are_trusted_beside_the_key(tmp_path: Path) -> None:
    """Old and new overlap: a private key counts by its public half, a public one as it is."""
    old, new = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (8, 9))
    (tmp_path / KEY_FILE).write_bytes(pem_of(KEY))
    (tmp_path / "next.pem").write_bytes(pem_of(new))
    (tmp_path / "before.pem").write_bytes(
        old.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "..data").mkdir()
    found = read_further_keys(tmp_path)
    assert found == (old.public_key().public_bytes_raw(), new.public_key().public_bytes_raw())
    assert read_further_keys(tmp_path / KEY_FILE) == ()


def test_a_further_file_without_a_key_is_refused(tmp_path: Path) -> None:
    """A typing error in the Secret is said at start, not found out by a refused token."""
    (tmp_path / KEY_FILE).write_bytes(pem_of(KEY))
    (tmp_path / "next.pem").write_bytes(b"not a key")
    with pytest.raises(ConfigurationError, match=SECRET_NAME):
        read_further_keys(tmp_path)
