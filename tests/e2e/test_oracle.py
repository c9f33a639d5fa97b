"""Rendered policies of all examples mean what they should, says cyclonus' offline analysis.

It needs no cluster and knows neither our enforcer nor our operator. Each denied question has an
allowed twin, since a misspelt label reads as a denial too.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from steward_lab.building import build_binaries
from steward_lab.kube_client import parse_documents
from steward_lab.toolchain import Report
from steward_netpol.binaries import build_conformance_binaries
from steward_netpol.oracle import Oracle, Party, Question
from steward_node.layout import METADATA_ADDRESS, NODE_ADDRESS, SERVICE_ADDRESS
from steward_node.showing import OVERLAYS

pytestmark = pytest.mark.e2e
Manifest = dict[str, Any]

OWN, OTHER = "10.244.0.40", "10.244.0.41"
DNS_LABELS = {"k8s-app": "kube-dns"}
OPERATOR_LABELS = {"app.kubernetes.io/name": "steward-operator"}
OPERATOR_NAMESPACE, MONITORING = "steward-system", "monitoring"
RUNTIME, PURGE = "runtime", "purge"
COMPONENT = "app.kubernetes.io/component"
OUTSIDE = "198.51.100.7"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One example as `steward render` shows it."""

    name: str
    objects: tuple[Manifest, ...]

    def of_kind(self, kind: str) -> tuple[Manifest, ...]:
        """The objects of one kind."""
        return tuple(item for item in self.objects if item["kind"] == kind)

    @property
    def namespace(self) -> str:
        """Where everything of it lives."""
        return str(self.of_kind("Deployment")[0]["metadata"]["namespace"])

    def pod(self, component: str) -> Party:
        """A Pod of the assistant."""
        for policy in self.of_kind("NetworkPolicy"):
            labels = policy["spec"]["podSelector"]["matchLabels"]
            if labels[COMPONENT] == component:
                return Party(OWN, self.namespace, labels)
        raise AssertionError(f"{self.name} has no policy for {component}")


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory, report: Report) -> tuple[Rendered, ...]:
    """All examples that have an overlay for clusters."""
    kubectl = str(build_binaries(report).kubectl)
    scratch = tmp_path_factory.mktemp("rendered")
    overlays = sorted(OVERLAYS.glob("*/kustomization.yaml"))
    return tuple(render(kubectl, path.parent, scratch) for path in overlays)


def render(kubectl: str, overlay: Path, scratch: Path) -> Rendered:
    """Kustomizes an overlay and renders what the operator would make of it."""
    name = overlay.name
    folder = scratch / name
    folder.mkdir()
    built = run(kubectl, "kustomize", str(overlay))
    (folder / "all.yaml").write_text(built, encoding="utf-8")
    shown = run(sys.executable, "-m", "steward_cli.main", "render", str(folder))
    return Rendered(name, (*parse_documents(shown), *parse_documents(built)))


def run(*command: str) -> str:
    """Runs a command and answers what it printed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def oracle(rendered: tuple[Rendered, ...], report: Report) -> Oracle:
    """Every policy of every example, in one list."""
    policies = [policy for item in rendered for policy in item.of_kind("NetworkPolicy")]
    return Oracle(build_conformance_binaries(report).cyclonus, policies)


def gather_services(item: Rendered) -> Iterator[tuple[str, int]]:
    """Namespace and port of each Service that models and tools name."""
    urls = [model["spec"].get("openAI", {}).get("baseUrl") for model in item.of_kind("Model")]
    urls += [tool["spec"].get("http", {}).get("url") for tool in item.of_kind("Tool")]
    for url in filter(None, urls):
        parts = urlsplit(url)
        labels = str(parts.hostname).split(".")
        if len(labels) > 2 and labels[2] == "svc":
            yield labels[1], parts.port or 80


def plan_egress(item: Rendered) -> list[tuple[Question, bool]]:
    """What the runtime may reach, and what it may not."""
    own = item.pod(RUNTIME)
    dns = Party(OTHER, "kube-system", DNS_LABELS)
    plan = [
        (Question(own, dns, 53, "UDP"), True),
        (Question(own, dns, 53), True),
        (Question(own, dns, 9153), False),
        (Question(own, Party(OTHER, "kube-system"), 53), False),
        (Question(own, Party(SERVICE_ADDRESS), 443), False),
        (Question(own, Party(NODE_ADDRESS), 6443), False),
        (Question(own, Party(METADATA_ADDRESS), 80), False),
        (Question(own, Party(OUTSIDE), 443), False),
        (Question(own, Party(OTHER, "elsewhere"), 8080), False),
    ]
    for namespace, port in gather_services(item):
        there = Party(OTHER, namespace)
        plan += [(Question(own, there, port), True), (Question(own, there, port + 1), False)]
    purge = item.pod(PURGE)
    plan += [
        (Question(purge, Party(own.address, own.namespace, own.labels), 8081), True),
        (Question(purge, Party(own.address, own.namespace, own.labels), 8080), False),
        (Question(purge, Party(OUTSIDE), 443), False),
    ]
    return plan


def plan_ingress(item: Rendered) -> list[tuple[Question, bool]]:
    """Who may reach the runtime, and who may not."""
    own = item.pod(RUNTIME)
    near = Party(OTHER, item.namespace)
    operator = Party(OTHER, OPERATOR_NAMESPACE, OPERATOR_LABELS)
    return [
        (Question(near, own, 8080), True),
        (Question(near, own, 8081), False),
        (Question(near, own, 9090), True),
        (Question(Party(OTHER, "elsewhere"), own, 8080), False),
        (Question(Party(OUTSIDE), own, 8080), False),
        (Question(operator, own, 8081), True),
        (Question(operator, own, 8080), False),
        (Question(Party(OTHER, OPERATOR_NAMESPACE), own, 8081), False),
        (Question(Party(OTHER, MONITORING), own, 9090), True),
        (Question(Party(OTHER, MONITORING), own, 8080), False),
    ]


def test_the_oracle_agrees_for_every_example(
    rendered: tuple[Rendered, ...], oracle: Oracle
) -> None:
    """Egress and ingress, allowed and denied, of each runtime and purge Pod."""
    assert rendered
    for item in rendered:
        for plan in (plan_egress(item), plan_ingress(item)):
            answers = oracle.ask(tuple(question for question, _ in plan))
            wrong = [
                question
                for (question, wanted), answer in zip(plan, answers, strict=True)
                if answer is not wanted
            ]
            assert not wrong, f"{item.name}: {wrong}"
