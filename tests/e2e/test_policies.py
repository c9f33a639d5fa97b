"""Rendered NetworkPolicies, enforced: declared destinations answer and nothing else does.

Every look is taken twice: without enforcement everything must answer (else a denial would prove
nothing), then with it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from steward_lab.processes import ChildProcess
from steward_lab.waiting import wait_until
from steward_node.cluster import Cluster, Enforcement
from steward_node.installing import Installation
from steward_node.layout import METADATA_ADDRESS, NODE_ADDRESS, OUTSIDE_ADDRESSES, SERVICE_ADDRESS
from steward_node.showing import Example, wait_example
from steward_node.traffic import Answer, Viewpoint, look_from
from steward_node.visiting import place_client

pytestmark = pytest.mark.e2e

DECLARED, UNDECLARED = OUTSIDE_ADDRESSES
PORT, OTHER_PORT = 9000, 9001
STRANGERS, GUESTS = "strangers", "guests"


@dataclass(frozen=True, slots=True)
class Looks:
    """What the assistant's Pod sees, by what should answer."""

    allowed: tuple[str, ...]
    denied: tuple[str, ...]


@pytest.fixture(scope="module")
def outside(cluster: Cluster) -> Iterator[None]:
    """Servers on the node that stand for hosts outside the cluster and the metadata service."""
    if cluster.node is None:
        pytest.skip("needs the node: addresses outside the cluster are stood for by its own")
    addresses = [
        f"{DECLARED}:{PORT}",
        f"{DECLARED}:{OTHER_PORT}",
        f"{UNDECLARED}:{PORT}",
        f"{METADATA_ADDRESS}:80",
    ]
    tool = str(cluster.node.binaries.directory / "podtool")
    command = (*cluster.node.enter(), tool, "serve", "outside", *addresses)
    servers = ChildProcess("outside", command, cluster.node.place.logs)
    servers.start()
    yield
    servers.stop()


@pytest.fixture(scope="module")
def shown(cluster: Cluster, examples: tuple[Example, ...], outside: None) -> tuple[Example, ...]:
    """The examples, each with a second model at an address outside the cluster."""
    for example in examples:
        declare_address(cluster, example)
    for example in examples:
        wait_example(cluster, example)
    return examples


@pytest.fixture(scope="module")
def stranger(cluster: Cluster, steward: Installation) -> Viewpoint:
    """A Pod in a namespace that no assistant lets in."""
    cluster.create_namespace(STRANGERS)
    return place_client(cluster, STRANGERS, steward.runtime_image)


@pytest.fixture(scope="module")
def neighbours(
    cluster: Cluster, steward: Installation, shown: tuple[Example, ...]
) -> dict[str, Viewpoint]:
    """A client Pod beside each assistant."""
    image = steward.runtime_image
    return {item.name: place_client(cluster, item.namespace, image) for item in shown}


def declare_address(cluster: Cluster, example: Example) -> None:
    """Gives the assistant a further model at an address, so that a CIDR is declared."""
    inside = f"--namespace={example.namespace}"
    model = cluster.read("models", inside)["items"][0]
    spec = {
        "type": "OpenAI",
        "modelName": "outside",
        "abilities": ["Chat"],
        "openAI": {"baseUrl": f"http://{DECLARED}:{PORT}/v1"},
    }
    metadata = {"name": "outside", "namespace": example.namespace}
    cluster.apply(
        {"apiVersion": model["apiVersion"], "kind": "Model", "metadata": metadata, "spec": spec}
    )
    references = example.read(cluster)["spec"]["modelRefs"]
    if {"name": "outside"} not in references:
        change = {"spec": {"modelRefs": [*references, {"name": "outside"}]}}
        patch = ("--type=merge", f"--patch={json.dumps(change)}")
        cluster.kubectl("patch", f"assistant/{example.assistant}", inside, *patch)


def gather_declared(cluster: Cluster, example: Example) -> tuple[str, ...]:
    """The hosts and ports that the example's models and tools name."""
    inside = f"--namespace={example.namespace}"
    urls = [
        item["spec"].get("openAI", {}).get("baseUrl")
        for item in cluster.read("models", inside)["items"]
    ]
    urls += [
        item["spec"].get("http", {}).get("url") for item in cluster.read("tools", inside)["items"]
    ]
    parts = [urlsplit(url) for url in urls if url]
    return tuple(sorted({f"{part.hostname}:{part.port or 80}" for part in parts}))


def plan_looks(cluster: Cluster, example: Example, all_examples: tuple[Example, ...]) -> Looks:
    """What must and must not answer the assistant's Pod."""
    siblings = [item for item in all_examples if item != example]
    return Looks(
        allowed=gather_declared(cluster, example),
        denied=(
            f"{DECLARED}:{OTHER_PORT}",
            f"{UNDECLARED}:{PORT}",
            f"{METADATA_ADDRESS}:80",
            f"{SERVICE_ADDRESS}:443",
            f"{NODE_ADDRESS}:6443",
            f"{NODE_ADDRESS}:10250",
            *(f"{item.assistant}.{item.namespace}.svc:8080" for item in siblings),
        ),
    )


def plan_visits(cluster: Cluster, example: Example) -> dict[str, str]:
    """The assistant's ports by the Pod's own address."""
    inside = f"--namespace={example.namespace}"
    policy = cluster.read(f"networkpolicy/{example.assistant}-runtime", inside)
    labels = policy["spec"]["podSelector"]["matchLabels"]
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    pods = cluster.read("pods", inside, f"--selector={selector}")["items"]
    running = next(pod for pod in pods if pod["status"]["phase"] == "Running")
    address = running["status"]["podIP"]
    ports = {"http": 8080, "admin": 8081, "metrics": 9090}
    return {port: f"{address}:{number}" for port, number in ports.items()}


def test_declared_destinations_answer_and_nothing_else(
    cluster: Cluster,
    steward: Installation,
    shown: tuple[Example, ...],
    neighbours: dict[str, Viewpoint],
    stranger: Viewpoint,
) -> None:
    """For every example, from its Pod and into it, without enforcement and with it."""
    assert cluster.node is not None
    looks = {item.name: plan_looks(cluster, item, shown) for item in shown}
    visits = {item.name: plan_visits(cluster, item) for item in shown}

    def look(item: Example) -> dict[str, Answer]:
        own = Viewpoint(item.namespace, f"deployment/{item.assistant}", "runtime")
        wanted = looks[item.name]
        return look_from(cluster, own, (*wanted.allowed, *wanted.denied))

    def visit(item: Example) -> dict[str, Answer]:
        ports = visits[item.name]
        near = look_from(cluster, neighbours[item.name], ports.values())
        far = look_from(cluster, stranger, ports.values())
        seen = {f"near {port}": near[place] for port, place in ports.items()}
        return seen | {f"far {port}": far[place] for port, place in ports.items()}

    free = {item.name: (look(item), visit(item)) for item in shown}
    for name, (seen, entered) in free.items():
        closed = {place for place, answer in (seen | entered).items() if answer is not Answer.OPEN}
        assert not closed, f"{name}: not even open without enforcement: {closed}"
    enforcement = Enforcement(cluster.node)
    enforcement.start()
    try:
        held = {item.name: (look(item), visit(item)) for item in shown}
    finally:
        enforcement.stop()
    for name, (seen, entered) in held.items():
        wanted = looks[name]
        assert {place: seen[place] for place in wanted.allowed} == dict.fromkeys(
            wanted.allowed, Answer.OPEN
        ), name
        assert {place: seen[place] for place in wanted.denied} == dict.fromkeys(
            wanted.denied, Answer.CLOSED
        ), name
        opened = {place for place, answer in entered.items() if answer is Answer.OPEN}
        assert opened == {"near http", "near metrics"}, name


def test_only_declared_guests_get_in(
    cluster: Cluster,
    steward: Installation,
    shown: tuple[Example, ...],
    neighbours: dict[str, Viewpoint],
    stranger: Viewpoint,
) -> None:
    """With `exposure.allowedFrom`, exactly who is named: not even the own namespace."""
    assert cluster.node is not None
    example = shown[0]
    cluster.create_namespace(GUESTS)
    guest = place_client(cluster, GUESTS, steward.runtime_image)
    place = plan_visits(cluster, example)["http"]
    visitors = {"guest": guest, "stranger": stranger, "near": neighbours[example.name]}

    def look() -> dict[str, Answer]:
        return {
            name: look_from(cluster, viewpoint, (place,))[place]
            for name, viewpoint in visitors.items()
        }

    assert set(look().values()) == {Answer.OPEN}
    expose(cluster, example, {"allowedFrom": [{"namespace": GUESTS}]})
    enforcement = Enforcement(cluster.node)
    enforcement.start()
    try:
        seen = look()
    finally:
        enforcement.stop()
        expose(cluster, example, None)
    closed = Answer.CLOSED
    assert seen == {"guest": Answer.OPEN, "stranger": closed, "near": closed}


def expose(cluster: Cluster, example: Example, exposure: dict[str, object] | None) -> None:
    """Changes who may connect, and waits until the NetworkPolicy says so."""
    inside = f"--namespace={example.namespace}"
    patch = json.dumps({"spec": {"exposure": exposure}})
    cluster.kubectl("patch", f"assistant/{example.assistant}", inside, "--type=merge", "-p", patch)

    def is_rendered() -> bool:
        policy = cluster.read(f"networkpolicy/{example.assistant}-runtime", inside)
        return (GUESTS in json.dumps(policy["spec"])) is (exposure is not None)

    wait_until(is_rendered, "the NetworkPolicy to follow", deadline_seconds=60)
