"""Fixtures of the tests of the whole chain; a test module names this one in `pytest_plugins`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from steward_cluster_chain.chain import Asked, Chain, wait_until_aged
from steward_cluster_chain.declared import Declared
from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import KubeClient, Manifest
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_model_server import ModelServer, Say
from steward_operator_lab.contract import Keeper, run_keeper
from steward_operator_lab.reading import find_condition
from steward_tool_server import Behaviour, ToolServer


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    """Run the scripted model."""
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def tools() -> Iterator[ToolServer]:
    """Run the scripted tool."""
    with ToolServer({"/tickets/T-1": Behaviour(body=b'{"state":"open"}')}) as server:
        yield server


@pytest.fixture(scope="module")
def keeper(
    control_plane: ControlPlane,
    kinds: tuple[str, ...],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Keeper]:
    """The operator, with a key that opens runtimes, and an archive."""
    assert kinds
    with run_keeper(control_plane, tmp_path_factory.mktemp("keeper")) as running:
        yield running


@pytest.fixture(scope="module")
def home(control_plane: ControlPlane, kubelet: Kubelet) -> Iterator[str]:
    """A namespace whose Pods run as processes."""
    name = control_plane.create_namespace("chain")
    kubelet.add_rule(Rule(Outcome.PROCESS, namespace=name))
    yield name
    control_plane.admin.delete("v1/Namespace", name)
    kubelet.drop_rules(name)


@pytest.fixture(scope="module")
def build(
    admin: KubeClient, kubelet: Kubelet, home: str, model: ModelServer, tools: ToolServer
) -> Any:
    """Makes the chain of an assistant by its name."""

    def build_chain(name: str) -> Chain:
        return Chain(admin, kubelet, home, Declared(name, model.base_url, tools.url))

    return build_chain


@pytest.fixture(scope="module")
def desk(build: Any, keeper: Keeper) -> Chain:
    """An assistant that is Ready."""
    assert keeper.namespace
    chain: Chain = build("desk")
    chain.give_credential(chain.declared.model_secret, "model-token-1")
    chain.give_credential(chain.declared.tool_secret, "tool-token-1")
    chain.apply()
    chain.wait_ready()
    return chain


@pytest.fixture(scope="module")
def aged(desk: Chain, model: ModelServer) -> tuple[Asked, float]:
    """A conversation that nobody goes on with, and when it had ended (monotonic seconds)."""
    model.play([Say("The crimson archive is closed.")])
    return ask_and_leave(desk, "Is the vermilion hall open?"), time.monotonic()


@pytest.fixture(scope="module")
def purged(desk: Chain, aged: tuple[Asked, float]) -> Manifest:
    """The purge Job that ran when the conversation's window had passed."""
    wait_until_aged(aged[1])
    return desk.run_purge()


@pytest.fixture(scope="module")
def neighbour(build: Any, desk: Chain) -> tuple[Chain, str]:
    """A second assistant, made before one of its Secrets; and what it said without it."""
    assert desk.name != "clerk"
    chain: Chain = build("clerk")
    chain.give_credential(chain.declared.tool_secret, "tool-token-9")
    chain.apply()
    waiting = chain.wait_condition("Ready", "False", "SecretMissing")
    chain.give_credential(chain.declared.model_secret, "model-token-9")
    chain.wait_ready()
    return chain, find_condition(waiting, "Ready")["message"]


@pytest.fixture(scope="module")
def aged_neighbour(neighbour: tuple[Chain, str], model: ModelServer) -> tuple[Asked, float]:
    """A conversation of the second assistant."""
    model.play([Say("The harbour is calm.")])
    return ask_and_leave(neighbour[0], "Is the harbour calm?"), time.monotonic()


def ask_and_leave(chain: Chain, text: str) -> Asked:
    """Ask once; the conversation is there to be looked at."""
    asked = chain.ask(text, "walter")
    assert chain.find_conversation(asked, "walter") == 200
    return asked
