"""A user's Secret is replaced: the running Pod takes it up, without a restart."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable

import httpx
import pytest

from steward_cluster_chain.chain import Chain
from steward_cluster_chain.external_secret import load_example, render_secret
from steward_lab.kube_client import Manifest
from steward_loopback.polling import wait_until
from steward_model_server import ModelServer, Say
from steward_operator_lab.contract import Keeper
from steward_operator_lab.reading import ASSISTANT_KIND

pytest_plugins = ("steward_operator_lab.fixtures", "steward_cluster_chain.fixtures")
pytestmark = pytest.mark.cluster

SECONDS = 60.0
BOUND = "bound-keys"


@pytest.fixture(scope="module")
def porter(build: Callable[[str], Chain], keeper: Keeper) -> Chain:
    """An assistant whose model key comes from a secret store, and whose users have keys."""
    assert keeper.namespace
    chain = build("porter")
    refresh(chain, "store-token-1")
    chain.give_credential(chain.declared.tool_secret, "tool-token-1")
    bind(chain, "sk-ada-1")
    chain.apply()
    authentication = {"keysSecretRef": {"name": BOUND}}
    chain.edit(ASSISTANT_KIND, {"spec": {"authentication": authentication}})
    chain.wait_ready()
    return chain


def refresh(chain: Chain, token: str) -> None:
    """Write the Secret as the External Secrets Operator does when the store has a new value."""
    secret = render_secret(load_example(), {"token": token}, hosts="127.0.0.1\n")
    secret["metadata"]["name"] = chain.declared.model_secret
    chain.admin.apply(secret, chain.namespace, manager="externalsecrets.external-secrets.io")


def bind(chain: Chain, key: str) -> None:
    """Write the Secret of bound keys: one key, for one person."""
    entry = {"keySha256": hashlib.sha256(key.encode()).hexdigest(), "subject": "ada"}
    data = {"ada": base64.b64encode(json.dumps(entry).encode()).decode()}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": BOUND}, "data": data}
    chain.admin.apply(secret, chain.namespace, manager="kubectl")


def identify(pod: Manifest) -> tuple[str, int]:
    """Return what changes when a Pod is replaced or its container restarts."""
    return pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]


def answer_to(chain: Chain, key: str) -> int:
    """Return the status with which the assistant answers a key."""
    return httpx.get(
        f"{chain.find_endpoint().url}/v1/models",
        headers={"Authorization": f"Bearer {key}"},
        trust_env=False,
    ).status_code


def test_a_value_of_the_secret_store_reaches_the_model(porter: Chain, model: ModelServer) -> None:
    """A refresh is enough: the next call carries the new token, from the same process."""
    model.play(lambda _: Say("Good day."))
    porter.ask("Hello")
    assert model.received[-1].headers["authorization"] == "Bearer store-token-1"
    before = identify(porter.find_pod())
    refresh(porter, "store-token-2")

    def is_new() -> bool:
        porter.ask("Hello again")
        return model.received[-1].headers["authorization"] == "Bearer store-token-2"

    wait_until(is_new, "the new token", SECONDS)
    assert identify(porter.find_pod()) == before


def test_a_replaced_bound_key_lets_nobody_in(porter: Chain) -> None:
    """The new key works and the old one is refused, in the same process."""
    assert answer_to(porter, "sk-ada-1") == 200
    before = identify(porter.find_pod())
    bind(porter, "sk-ada-2")
    wait_until(lambda: answer_to(porter, "sk-ada-2") == 200, "the new key", SECONDS)
    assert answer_to(porter, "sk-ada-1") == 401
    assert identify(porter.find_pod()) == before
