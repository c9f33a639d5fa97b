"""Every example, delivered by Argo CD out of its overlay for clusters as it lies in Git."""

from __future__ import annotations

import base64

import pytest

from steward_argo.applications import Deliver
from steward_argo.health import REPOSITORY
from steward_argo.stage import Stage
from steward_lab.kube_client import KubeClient

pytest_plugins = ("steward_argo.fixtures",)
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

EXAMPLES = REPOSITORY / "examples"
OVERLAYS = sorted(path.parent.name for path in EXAMPLES.glob("cluster/*/kustomization.yaml"))
SECRETS = {"01-helpdesk": ("helpdesk", "ticket-service-token", "tickets.helpdesk.svc:8080")}


def read_examples() -> dict[str, str]:
    """Return the text of every file below `examples`, by its path in the repository."""
    found = (path for path in EXAMPLES.rglob("*") if path.suffix in {".yaml", ".py"})
    return {str(path.relative_to(REPOSITORY)): path.read_text(encoding="utf-8") for path in found}


def give_secret(admin: KubeClient, namespace: str, name: str, hosts: str) -> None:
    """Make the namespace and the Secret that an overlay asks its user for."""
    values = {"token": "any-token", "hosts": hosts}
    data = {key: base64.b64encode(value.encode()).decode() for key, value in values.items()}
    admin.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": data}
    admin.apply(secret, namespace)


@pytest.mark.parametrize("example", OVERLAYS)
def test_an_example_is_synced_and_healthy(deliver: Deliver, stage: Stage, example: str) -> None:
    """With kustomize, namespaces of their own and no order, as it lies in the repository."""
    if stage.plane is None:
        pytest.skip("the cluster's own tests have applied the examples with kubectl")
    if example in SECRETS:
        give_secret(stage.admin, *SECRETS[example])
    team = deliver()
    team.push_files(read_examples())
    team.start(path=f"examples/cluster/{example}")
    application = team.wait_delivered("Healthy")
    found = application["status"]["resources"]
    (namespace,) = (item["name"] for item in found if item["kind"] == "Namespace")
    stage.admin.delete("v1/Namespace", namespace)
