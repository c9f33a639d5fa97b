"""The operator's Ed25519 key: read from a file, made once as a Secret of the operator's namespace.

The operator cannot read Secrets. It POSTs the Secret where the file is absent (409: the other
replica did), and the kubelet shows it in the optional volume. Further files of the folder hold keys
that are trusted beside it, so that the key can be replaced without a moment in which a runtime
knows the wrong one.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from steward_api.blueprint import TrustedKey
from steward_api.receipt import key_id_of
from steward_operator.archive.errors import KeyUnreadable
from steward_operator.archive.keys import parse_public_key
from steward_operator.errors import AlreadyThereError, ConfigurationError
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import SECRETS
from steward_operator.objects import Manifest

SECRET_NAME: Final = "steward-operator-keys"  # noqa: S105 - the name of a Secret
KEY_FILE: Final = "operatorKey"
"""Key of the Secret, and so the name of the file."""
WAIT_SECONDS: Final = 180.0
"""The kubelet shows a new Secret in an optional volume after one to two minutes."""
POLL_SECONDS: Final = 0.5


def read_operator_key(path: Path) -> Ed25519PrivateKey:
    """Read the key from a PEM file, or from the file `operatorKey` of a folder.

    Raises:
        FileNotFoundError: if there is no such file.
        ConfigurationError: if it holds no Ed25519 key.
    """
    file = path / KEY_FILE if path.is_dir() else path
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as fault:
        raise ConfigurationError(
            f"{file} holds no private key in PEM ({type(fault).__name__}); restore Secret "
            f"{SECRET_NAME}"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(f"{file} is not an Ed25519 key; restore Secret {SECRET_NAME}")
    return key


def read_further_keys(path: Path) -> tuple[bytes, ...]:
    """Read the raw public keys that are trusted beside the operator's own, by name of their file.

    A file holds a private or a public key in PEM; of a private one the public half counts.

    Raises:
        ConfigurationError: if a file holds neither.
    """
    if not path.is_dir():
        return ()
    files = sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")
    return tuple(_read_public(file) for file in files if file.name != KEY_FILE)


def _read_public(file: Path) -> bytes:
    content = file.read_bytes()
    try:
        if b"PRIVATE KEY" in content:
            return read_operator_key(file).public_key().public_bytes_raw()
        return parse_public_key(content, str(file))
    except KeyUnreadable as fault:
        raise ConfigurationError(f"{fault}; or take it out of Secret {SECRET_NAME}") from None


def build_trusted_key(key: Ed25519PrivateKey | bytes) -> TrustedKey:
    """Return the public half as `trust.json` names it; bytes are a raw public key."""
    raw = key if isinstance(key, bytes) else key.public_key().public_bytes_raw()
    return TrustedKey(key_id=key_id_of(raw), public_key=base64.b64encode(raw).decode())


def build_key_secret(namespace: str, key: Ed25519PrivateKey) -> Manifest:
    """Build the immutable Secret of a fresh key."""
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SECRET_NAME, "namespace": namespace},
        "type": "Opaque",
        "immutable": True,
        "data": {KEY_FILE: base64.b64encode(pem).decode()},
    }


async def obtain_operator_key(
    path: Path,
    client: KubeClient,
    namespace: str,
    clock: Callable[[], float],
    wait_seconds: float = WAIT_SECONDS,
) -> Ed25519PrivateKey:
    """Read the key; where the file is absent make the Secret and wait until its file shows.

    Args:
        path: the file, or the folder of the mounted Secret.
        client: makes the Secret.
        namespace: the operator's namespace.
        clock: monotonic seconds.
        wait_seconds: how long the kubelet is waited for.

    Raises:
        ConfigurationError: if the file holds no key, or does not show in time.
        ApiError: if the Secret can neither be made nor is there.
    """
    deadline, is_made = clock() + wait_seconds, False
    while True:
        try:
            return await asyncio.to_thread(read_operator_key, path)
        except FileNotFoundError:
            pass
        if not is_made:
            await _make_secret(client, namespace)
            is_made = True
        if clock() >= deadline:
            raise ConfigurationError(
                f"{path} does not show; mount Secret {SECRET_NAME} of namespace {namespace} there, "
                "as an optional volume"
            )
        await asyncio.sleep(POLL_SECONDS)


async def _make_secret(client: KubeClient, namespace: str) -> None:
    try:
        await client.create(SECRETS, build_key_secret(namespace, Ed25519PrivateKey.generate()))
    except AlreadyThereError:
        return
