"""The chart on a real API server: installed, upgraded, rolled back and taken away.

The operator's Pods run as processes, with the account, the rights and the flags that the chart
gives them. A control plane of its own, since the kinds belong to the release here.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import httpx
import pytest

from steward_api.v1alpha1 import KINDS
from steward_chart.releasing import Release
from steward_chart.rendering import NAMESPACE
from steward_lab.audit import AuditEntry, Mark
from steward_lab.control_plane import ControlPlane
from steward_lab.helm import HelmLine
from steward_lab.kubelet import Kubelet, Outcome, Rule
from steward_lab.pins import REPOSITORY
from steward_operator_lab.operating import MANIFESTS
from steward_operator_lab.reading import ASSISTANT_KIND, wait_ready
from steward_operator_lab.samples import build_assistant, build_needs

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(300)]

DEPLOYMENT = "apps/v1/Deployment"
ARCHIVE_CLAIM = "archive-steward-archive-0"


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    """A control plane that knows nothing of us."""
    with ControlPlane() as running:
        yield running


@pytest.fixture
def node(plane: ControlPlane) -> Iterator[Kubelet]:
    """A kubelet that runs the operator's Pods, and lets those of assistants be ready."""
    with Kubelet(plane) as kubelet:
        for component in ("operator", "archive"):
            labels = {"app.kubernetes.io/component": component}
            kubelet.add_rule(Rule(Outcome.PROCESS, labels=labels))
        yield kubelet


def make_assistant(plane: ControlPlane, namespace: str, name: str) -> None:
    """Make an Assistant with what it refers to."""
    for manifest in (*build_needs(), build_assistant(name)):
        plane.admin.apply(manifest, namespace, manager="kubectl")


def gather_requests(plane: ControlPlane, mark: Mark, release: Release) -> list[AuditEntry]:
    """Return every request that operator and archive of a release have made."""
    accounts = (f"{release.name}-{part}" for part in ("operator", "archive"))
    users = {f"system:serviceaccount:{release.namespace}:{account}" for account in accounts}
    return [entry for entry in plane.audit.since(mark) if entry.user in users]


def name_refused(requests: list[AuditEntry]) -> set[tuple[str, str, str]]:
    """Return what was refused and never allowed afterwards: fresh roles need a moment to count."""
    allowed = {_right_of(entry) for entry in requests if 200 <= entry.code < 300}
    return {_right_of(entry) for entry in requests if entry.code == 403} - allowed


def _right_of(entry: AuditEntry) -> tuple[str, str, str]:
    return entry.verb, entry.resource, entry.subresource


def test_a_release_serves_is_upgraded_and_leaves_what_users_made(
    plane: ControlPlane, node: Kubelet
) -> None:
    """Twice: the second line finds, and takes over, what the first one's uninstall has kept."""
    for line in HelmLine:
        run_life(plane, node, Release(plane, line))


def run_life(plane: ControlPlane, node: Kubelet, release: Release) -> None:
    """Install, upgrade, roll back and uninstall, and look at what each step leaves."""
    team = plane.create_namespace("team")
    mark = plane.audit.mark()
    release.prepare_namespace()
    assert "serves all namespaces" in release.install()
    make_assistant(plane, team, "helper")
    wait_ready(plane.admin, team)

    changed = {"operator": {"resyncSeconds": 300, "replicas": 3}, "archive": {"enabled": False}}
    release.upgrade(changed)
    assert not plane.admin.find("apps/v1/StatefulSet", "steward-archive", NAMESPACE)
    deployment = plane.admin.get(DEPLOYMENT, "steward-operator", NAMESPACE)
    assert deployment["status"]["readyReplicas"] == 3
    release.roll_back()
    deployment = plane.admin.get(DEPLOYMENT, "steward-operator", NAMESPACE)
    assert deployment["spec"]["replicas"] == 2
    archive = plane.admin.get("apps/v1/StatefulSet", "steward-archive", NAMESPACE)
    assert archive["status"]["readyReplicas"] == 1
    assert release.read_revision() == 3
    make_assistant(plane, team, "second")
    wait_ready(plane.admin, team, "second")
    metrics = node.endpoint("steward-operator-metrics", NAMESPACE, "metrics").url
    assert "steward_" in httpx.get(f"{metrics}/metrics", trust_env=False).text
    requests = gather_requests(plane, mark, release)
    assert len({entry.user for entry in requests}) == 2
    assert not name_refused(requests)

    assert "kept due to the resource policy" in release.uninstall()
    kept = plane.admin.list("apiextensions.k8s.io/v1/CustomResourceDefinition")
    assert len(kept) == len(KINDS)
    assert plane.admin.get(ASSISTANT_KIND, "helper", team)
    assert plane.admin.get("v1/PersistentVolumeClaim", ARCHIVE_CLAIM, NAMESPACE)
    assert plane.admin.get("v1/Secret", "steward-operator-keys", NAMESPACE)
    assert plane.admin.find("v1/PersistentVolumeClaim", "helper-data", team)
    assert not plane.admin.list("rbac.authorization.k8s.io/v1/RoleBinding", NAMESPACE)


def test_a_scoped_release_serves_one_namespace_with_roles(
    plane: ControlPlane, node: Kubelet
) -> None:
    """Where somebody else brings kinds, roles for people and admission policies."""
    del node
    plane.apply_crds(MANIFESTS)
    served, other = plane.create_namespace("served"), plane.create_namespace("other")
    mark = plane.audit.mark()
    release = Release(plane, HelmLine.HELM_4, name="guard", namespace="guard-system")
    release.prepare_namespace()
    release.install(
        {
            "watch": {"namespace": served},
            "crds": {"install": False},
            "roles": {"create": False},
            "admissionPolicies": {"enabled": False},
        }
    )
    make_assistant(plane, other, "helper")
    make_assistant(plane, served, "helper")
    wait_ready(plane.admin, served)
    untouched = plane.admin.get(ASSISTANT_KIND, "helper", other)
    assert not untouched.get("status")
    requests = gather_requests(plane, mark, release)
    assert len({entry.user for entry in requests}) == 2
    assert not name_refused(requests)
    release.uninstall()


def test_what_is_kept_can_be_removed_as_documented(plane: ControlPlane, node: Kubelet) -> None:
    """The commands are read from the page, and afterwards nothing of ours is in the cluster."""
    del node
    release, team = Release(plane, HelmLine.HELM_4), plane.create_namespace("team")
    release.prepare_namespace()
    release.install()
    make_assistant(plane, team, "kept")
    wait_ready(plane.admin, team, "kept")
    release.uninstall()
    for command in read_removal():
        plane.kubectl(*command)
    assert not plane.admin.list("apiextensions.k8s.io/v1/CustomResourceDefinition")
    for kind in ("v1/PersistentVolumeClaim", "v1/Secret", "coordination.k8s.io/v1/Lease"):
        assert not plane.admin.list(kind, NAMESPACE)
    assert not plane.admin.list("v1/PersistentVolumeClaim", team)


def read_removal() -> list[list[str]]:
    """Return the commands of the page that remove what an uninstall leaves."""
    page = (REPOSITORY / "docs" / "howto" / "install.md").read_text(encoding="utf-8")
    block = page.partition("remove the rest as well:")[2].split("```")[1]
    lines = [line for line in block.splitlines() if line.startswith("$ kubectl ")]
    assert len(lines) == 4
    return [shlex.split(line, comments=True)[2:] for line in lines]
