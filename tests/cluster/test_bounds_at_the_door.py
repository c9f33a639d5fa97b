"""A tightened bound at the door of a running runtime: denied, then served again by the same Pod."""

from __future__ import annotations

import openai
import pytest

from steward_api.meta import API_VERSION
from steward_cluster_chain.chain import Chain
from steward_lab.kube_client import KubeClient
from steward_loopback.polling import wait_until
from steward_model_server import ModelServer, Say
from steward_operator_lab.samples import build_object

pytest_plugins = ("steward_operator_lab.fixtures", "steward_cluster_chain.fixtures")
pytestmark = pytest.mark.cluster

POLICY = f"{API_VERSION}/ClusterAssistantPolicy"
SECONDS = 30.0


def ask(chain: Chain) -> str:
    """Return the reply, or the code of the refusal."""
    with chain.open_client() as client:
        try:
            done = client.chat.completions.create(
                model="desk", messages=[{"role": "user", "content": "Hello"}]
            )
        except openai.APIStatusError as error:
            return f"{error.status_code} {error.code}"
    return str(done.choices[0].message.content)


def test_a_host_that_is_no_longer_allowed_is_not_asked(
    admin: KubeClient, home: str, desk: Chain, model: ModelServer
) -> None:
    """The policy comes while the Pod runs: clients are refused, the model hears nothing more."""
    model.play(lambda _: Say("Good day."))
    assert ask(desk) == "Good day."
    uid = desk.find_pod()["metadata"]["uid"]
    spec = {"namespaces": [home], "models": {"allowedHosts": ["models.example.com"]}}
    admin.create(build_object("ClusterAssistantPolicy", home, spec))
    try:
        wait_until(lambda: ask(desk) == "503 PolicyMissing", "the denial", SECONDS)
        desk.wait_condition("Ready", "False", "BeyondClusterPolicy")
        heard = len(model.received)
        assert ask(desk) == "503 PolicyMissing"
        assert len(model.received) == heard
    finally:
        admin.delete(POLICY, home)
    wait_until(lambda: ask(desk) == "Good day.", "the end of the denial", SECONDS)
    desk.wait_ready()
    assert desk.find_pod()["metadata"]["uid"] == uid
