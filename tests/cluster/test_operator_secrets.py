"""The operator makes keys that it can never read, and says when one that matters is lost."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from steward_lab.control_plane import ControlPlane
from steward_lab.errors import ApiError
from steward_lab.kubelet import Kubelet
from steward_loopback.polling import wait_until
from steward_operator.names import SecretRole
from steward_operator_lab.operating import OperatorProcess
from steward_operator_lab.reading import ASSISTANT_KIND, wait_condition, wait_ready
from steward_operator_lab.samples import Manifest, build_assistant, build_needs
from steward_operator_lab.workbench import Workbench

pytest_plugins = ("steward_operator_lab.fixtures",)
pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("operator")]

FORBIDDEN = 403


@pytest.fixture(scope="module")
def operator(
    control_plane: ControlPlane, kubelet: Kubelet, kinds: tuple[str, ...]
) -> Iterator[OperatorProcess]:
    """An operator that probes for Secrets every two seconds."""
    assert kinds
    del kubelet
    home = control_plane.create_namespace("operator")
    process = OperatorProcess(control_plane, home, arguments=("--resync-seconds", "2"))
    process.start()
    yield process
    process.stop()


@pytest.fixture
def secrets(bench: Workbench) -> dict[str, Manifest]:
    """The generated Secrets of one Ready Assistant, by role."""
    bench.create(*build_needs(), build_assistant())
    wait_ready(bench.admin, bench.namespace)
    return read_secrets(bench)


def read_secrets(bench: Workbench) -> dict[str, Manifest]:
    """Return the generated Secrets by role."""
    found = bench.admin.list("v1/Secret", bench.namespace)
    return {s["metadata"]["name"].split("-")[1]: s for s in found}


def decode(secret: Manifest, key: str) -> bytes:
    """Return the content of one key of a Secret."""
    return base64.b64decode(secret["data"][key])


def test_generated_keys_have_the_shape_that_the_runtime_reads(
    secrets: dict[str, Manifest],
) -> None:
    """A chat key, a purge token, an AES-256 key with its id, and an Ed25519 key in PKCS #8."""
    assert decode(secrets["api"], "apiKey").startswith(b"sk-steward-")
    assert len(decode(secrets["purge"], "token")) == 43
    assert len(base64.b64decode(decode(secrets["encryption"], "kek"))) == 32
    assert decode(secrets["encryption"], "keyId")
    key = load_pem_private_key(decode(secrets["signing"], "signingKey"), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    assert all(secret["immutable"] for secret in secrets.values())


def test_names_hold_the_entropy_of_the_anchor_that_owns_them(
    bench: Workbench, secrets: dict[str, Manifest]
) -> None:
    """Each Secret is named after 128 random bits of the ConfigMap that owns it."""
    for secret in secrets.values():
        (owner,) = secret["metadata"]["ownerReferences"]
        anchor = bench.get("v1/ConfigMap", owner["name"])
        assert anchor["metadata"]["uid"] == owner["uid"]
        assert secret["metadata"]["name"].endswith(anchor["data"]["entropy"])


@pytest.mark.parametrize("verb", ["GET", "LIST", "WATCH", "PATCH", "APPLY", "PUT", "DELETE"])
def test_the_identity_can_do_nothing_to_a_secret_but_create_it(
    control_plane: ControlPlane,
    operator: OperatorProcess,
    bench: Workbench,
    secrets: dict[str, Manifest],
    verb: str,
) -> None:
    """Real attempts with the operator's own token are all refused."""
    collection = f"/api/v1/namespaces/{bench.namespace}/secrets"
    one = f"{collection}/{secrets['api']['metadata']['name']}"
    attempts = {
        "GET": ("GET", one, None),
        "LIST": ("GET", collection, None),
        "WATCH": ("GET", f"{collection}?watch=true&timeoutSeconds=1", None),
        "PATCH": ("PATCH", one, "application/merge-patch+json"),
        "APPLY": ("PATCH", f"{one}?fieldManager=a&force=true", "application/apply-patch+yaml"),
        "PUT": ("PUT", one, "application/json"),
        "DELETE": ("DELETE", f"{one}?dryRun=All", None),
    }
    method, path, content_type = attempts[verb]
    body = secrets["api"] if content_type else None
    shape = content_type or "application/json"
    with control_plane.client(operator.token) as client, pytest.raises(ApiError) as refusal:
        client.request(method, path, body=body, content_type=shape)
    assert refusal.value.status == FORBIDDEN


@pytest.mark.parametrize("role", [SecretRole.API, SecretRole.PURGE])
def test_a_key_for_access_is_made_again(
    bench: Workbench, secrets: dict[str, Manifest], role: SecretRole
) -> None:
    """A deleted chat key or purge token comes back with new content under the same name."""
    before = secrets[role]
    name = before["metadata"]["name"]
    bench.admin.delete("v1/Secret", name, bench.namespace)

    def is_new() -> bool:
        found = bench.find("v1/Secret", name)
        return found is not None and found["data"] != before["data"]

    wait_until(is_new, f"a new {role} Secret")
    wait_ready(bench.admin, bench.namespace)


@pytest.mark.parametrize("role", [SecretRole.ENCRYPTION, SecretRole.SIGNING])
def test_a_key_of_existing_data_is_never_made_again(
    bench: Workbench, secrets: dict[str, Manifest], role: SecretRole
) -> None:
    """A lost key is said, and nothing new is made that would hide the loss."""
    name = secrets[role]["metadata"]["name"]
    bench.admin.delete("v1/Secret", name, bench.namespace)
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False", "KeyMissing", name)
    assert role.value not in read_secrets(bench)
    restored = {**secrets[role], "metadata": {"name": name}}
    bench.create(restored)
    wait_ready(bench.admin, bench.namespace)


def test_a_deleted_access_anchor_rotates_its_keys(
    bench: Workbench, secrets: dict[str, Manifest]
) -> None:
    """The garbage collector takes the old keys, and the Pod gets new ones."""
    (owner,) = secrets["api"]["metadata"]["ownerReferences"]
    bench.admin.delete("v1/ConfigMap", owner["name"], bench.namespace)
    old = secrets["api"]["metadata"]["name"]
    wait_until(lambda: bench.find("v1/Secret", old) is None, "the garbage collection")
    wait_until(lambda: "api" in read_secrets(bench), "a new key")
    new = read_secrets(bench)["api"]["metadata"]["name"]
    assert new != old
    bench.admin.wait(
        ASSISTANT_KIND,
        "helper",
        bench.namespace,
        lambda m: m["status"]["apiKeySecretName"] == new,
    )
    wait_ready(bench.admin, bench.namespace)
    deployment = bench.get("apps/v1/Deployment", "helper")
    assert new in json.dumps(deployment["spec"])
    assert old not in json.dumps(deployment["spec"])


def test_a_planted_anchor_is_not_trusted(operator: OperatorProcess, bench: Workbench) -> None:
    """A ConfigMap that somebody else made under the anchor's name stops the Assistant aloud."""
    planted: Manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "helper-keys-anchor-1"},
        "data": {"entropy": "0" * 32, "generation": "1"},
    }
    bench.create(planted, *build_needs(), build_assistant())
    wait_condition(bench.admin, bench.namespace, "helper", "Ready", "False", "NameConflict")
    assert not bench.admin.list("v1/Secret", bench.namespace)
    assert "0" * 32 not in operator.read_log()


def test_no_key_appears_in_a_log_line(
    operator: OperatorProcess, secrets: dict[str, Manifest]
) -> None:
    """Logs name objects and reasons, never contents."""
    text = operator.read_log()
    for secret in secrets.values():
        for key in secret["data"]:
            assert decode(secret, key).decode() not in text
            assert secret["data"][key] not in text
