"""Rotation in a cluster: the operator, which reads no Secret, and the runtime in its Pod."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator

import httpx
import pytest

from steward_cluster_chain.chain import Chain
from steward_loopback.polling import wait_until
from steward_operator_lab.contract import Keeper
from steward_operator_lab.reading import ASSISTANT_KIND

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
    chain.admin.delete(ASSISTANT_KIND, chain.name, chain.namespace)
    wait_until(lambda: not chain.list_pods(), "no Pod", SECONDS)
    chain.admin.delete("v1/PersistentVolumeClaim", f"{chain.name}-data", chain.namespace)
    for anchor in list_anchors(chain, "keys"):
        chain.admin.delete("v1/ConfigMap", anchor, chain.namespace)


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
