"""Rotation in a cluster: the operator, which reads no Secret, and the runtime in its Pod."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from steward_cluster_chain.chain import Chain
from steward_lab.errors import ApiError
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator.archive.pins import PINS_FOLDER
from steward_operator_lab.contract import Keeper
from steward_operator_lab.reading import ASSISTANT_KIND
from steward_runtime.storage.database import DATABASE_FILE

pytest_plugins = ("steward_operator_lab.fixtures", "steward_cluster_chain.fixtures")
pytestmark = pytest.mark.cluster

SECONDS = 60.0


@pytest.fixture
def desk(build: Callable[[str], Chain], keeper: Keeper) -> Iterator[Chain]:
    """An assistant of its own for each test, Ready with keys of the first generation."""
    assert keeper.namespace
    chain = build("turner")
    chain.give_credential(chain.declared.model_secret, "model-token-1")
    chain.give_credential(chain.declared.tool_secret, "tool-token-1")
    chain.apply()
    chain.wait_ready()
    yield chain
    remove(chain, ASSISTANT_KIND, chain.name)
    wait_until(lambda: not chain.list_pods(), "no Pod", SECONDS)
    remove(chain, "v1/PersistentVolumeClaim", f"{chain.name}-data")
    for anchor in list_anchors(chain, "keys"):
        remove(chain, "v1/ConfigMap", anchor)


def remove(chain: Chain, kind: str, name: str) -> None:
    """Delete what may be gone already, and wait until it is."""
    with suppress(ApiError):
        chain.admin.delete(kind, name, chain.namespace)
    chain.admin.wait_gone(kind, name, chain.namespace)


def list_anchors(chain: Chain, role: str) -> list[str]:
    """Return the names of the anchors of a role."""
    found = (each["metadata"]["name"] for each in chain.admin.list("v1/ConfigMap", chain.namespace))
    return sorted(name for name in found if name.startswith(f"{chain.name}-{role}-anchor-"))


def read_api_key(chain: Chain, secret: str) -> str:
    """Return the key in a Secret."""
    data = chain.admin.get("v1/Secret", secret, chain.namespace)["data"]
    return base64.b64decode(data["apiKey"]).decode()


def answer_to(chain: Chain, key: str) -> int:
    """Return the status with which the assistant answers a key, or 0 while it is away."""
    try:
        answer = httpx.get(
            f"{chain.find_endpoint().url}/v1/models",
            headers={"Authorization": f"Bearer {key}"},
            trust_env=False,
        )
    except httpx.TransportError:
        return 0
    return answer.status_code


def change_keys(chain: Chain, **keys: int) -> None:
    """Edit `spec.keys`."""
    chain.edit(ASSISTANT_KIND, {"spec": {"keys": keys}})


def test_a_higher_generation_replaces_the_api_key(desk: Chain) -> None:
    """The status names a new Secret; its key works, and so does the old one for a while."""
    old = desk.read()["status"]["apiKeySecretName"]
    old_key = read_api_key(desk, old)
    change_keys(desk, apiKeyGeneration=2)
    wait_until(lambda: desk.read()["status"]["apiKeySecretName"] != old, "a new Secret", SECONDS)
    new_key = desk.read_key()
    assert new_key != old_key
    wait_until(lambda: answer_to(desk, new_key) == 200, "the new key", SECONDS)
    assert answer_to(desk, old_key) == 200
    assert answer_to(desk, "sk-steward-" + "x" * 43) == 401


def test_a_replaced_key_works_no_longer_than_its_overlap(desk: Chain) -> None:
    """Without overlap the old key is refused, and its Secret is gone from the cluster."""
    old = desk.read()["status"]["apiKeySecretName"]
    old_key = read_api_key(desk, old)
    change_keys(desk, apiKeyGeneration=2, apiKeyOverlapSeconds=0)
    wait_until(lambda: desk.read()["status"]["apiKeySecretName"] != old, "a new Secret", SECONDS)
    wait_until(lambda: answer_to(desk, desk.read_key()) == 200, "the new key", SECONDS)
    assert answer_to(desk, old_key) == 401
    wait_until(
        lambda: desk.admin.find("v1/Secret", old, desk.namespace) is None, "its end", SECONDS
    )
    assert list_anchors(desk, "access") == ["turner-access-anchor-2"]


def test_a_purge_goes_on_with_the_new_token(desk: Chain) -> None:
    """The Job's Secret is of the new generation as well, and the runtime knows it."""
    change_keys(desk, apiKeyGeneration=2, apiKeyOverlapSeconds=0)
    wait_until(lambda: list_anchors(desk, "access") == ["turner-access-anchor-2"], "it", SECONDS)
    desk.wait_ready()
    job = desk.run_purge()
    assert job["status"].get("succeeded") == 1, desk.read_purge_logs()


def remember(chain: Chain, text: str, subject: str) -> None:
    """Write one record of memory."""
    answer = httpx.post(
        f"{chain.find_endpoint().url}/v1/memories",
        json={"segment": "facts", "text": text},
        headers={"Authorization": f"Bearer {chain.read_key()}", "Steward-Subject": subject},
        trust_env=False,
    )
    assert answer.status_code == 201, answer.text


def list_memories(chain: Chain, subject: str) -> list[str]:
    """Return what is remembered of a subject."""
    answer = httpx.get(
        f"{chain.find_endpoint().url}/v1/memories",
        headers={"Authorization": f"Bearer {chain.read_key()}", "Steward-Subject": subject},
        trust_env=False,
    )
    return [str(each["text"]) for each in answer.json()["data"]]


def read_wraps(folder: Path) -> dict[bytes, str]:
    """Return every wrapped key of a database, and the name of the key that wrapped it."""
    uri = f"file:{folder / DATABASE_FILE}?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        rows = connection.execute(
            "SELECT wrapped, kek_id FROM data_keys UNION ALL SELECT wrapped, kek_id FROM root_keys"
        ).fetchall()
    return dict(rows)


def is_anywhere(folder: Path, needle: bytes) -> bool:
    """Say whether bytes occur in any file of the volume."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return any(needle in path.read_bytes() for path in files)


def list_all_secrets(chain: Chain) -> list[str]:
    """Return the names of all Secrets."""
    return [each["metadata"]["name"] for each in chain.admin.list("v1/Secret", chain.namespace)]


def list_secrets(chain: Chain, role: str) -> list[str]:
    """Return the names of the generated Secrets of a role."""
    found = list_all_secrets(chain)
    return sorted(name for name in found if name.startswith(f"{chain.name}-{role}-"))


def test_a_higher_generation_replaces_the_key_encryption_key(desk: Chain, kubelet: Kubelet) -> None:
    """What was remembered is remembered; of the old key, and of what it wrapped, nothing is left.

    The signing key changes with it: the runtime stays verified, and its receipts are archived.
    """
    remember(desk, "The lantern is green.", "ada")
    folder = kubelet.claim_directory(f"{desk.name}-data", desk.namespace)
    before = read_wraps(folder)
    pinned = desk.wait_condition("RuntimeVerified", "True")["status"]["runtimeKey"]
    old = [list_secrets(desk, role)[0] for role in ("encryption", "signing")]
    assert all(is_anywhere(folder, wrapped) for wrapped in before)

    change_keys(desk, encryptionKeyGeneration=2)
    wait_until(
        lambda: list_anchors(desk, "keys") == ["turner-keys-anchor-2"], "the change", SECONDS
    )
    desk.wait_condition("KeysCurrent", "True", "Current")
    desk.wait_ready()
    ready = desk.wait_condition("RuntimeVerified", "True", "Verified")

    assert list_memories(desk, "ada") == ["The lantern is green."]
    assert ready["status"]["runtimeKey"] != pinned
    wait_until(lambda: not set(old) & set(list_all_secrets(desk)), "the end of the old", SECONDS)
    after = read_wraps(folder)
    assert len(after) >= len(before)
    assert not set(after.values()) & set(before.values())
    assert not any(is_anywhere(folder, wrapped) for wrapped in before)
    remember(desk, "The door is blue.", "ada")
    assert len(list_memories(desk, "ada")) == 2


def test_an_erasure_is_proven_under_the_next_signing_key(desk: Chain, keeper: Keeper) -> None:
    """The archive leaves the pinned key for the one that it has named, and co-signs its receipt."""
    uid = desk.read()["metadata"]["uid"]
    pin = keeper.archive / PINS_FOLDER / uid
    keeper.process.restart()  # a start pulls at once, not half a minute later
    wait_until(pin.exists, "the pin", SECONDS)
    first = pin.read_bytes()
    desk.edit(ASSISTANT_KIND, {"spec": {"deletionPolicy": "Erase"}})
    change_keys(desk, encryptionKeyGeneration=2)
    wait_until(lambda: list_anchors(desk, "keys") == ["turner-keys-anchor-2"], "it", SECONDS)
    desk.wait_ready()
    remember(desk, "The gate is open.", "ivy")
    desk.admin.delete(ASSISTANT_KIND, desk.name, desk.namespace)
    wait_until(
        lambda: desk.admin.find(ASSISTANT_KIND, desk.name, desk.namespace) is None, "it", SECONDS
    )
    assert keeper.find_erasure(uid) is not None
    assert pin.read_bytes() != first
