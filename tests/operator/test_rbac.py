"""rbac: the operator may do what it does, and nothing more."""

from __future__ import annotations

from steward_api.meta import GROUP
from steward_api.v1alpha1 import KINDS
from steward_operator.plan.assistant import plan_assistant
from steward_operator.rbac import build_access, build_cluster_role, build_role, build_rules
from steward_plans.objects import make_world

PLURALS = {
    "ConfigMap": ("", "configmaps"),
    "CronJob": ("batch", "cronjobs"),
    "Deployment": ("apps", "deployments"),
    "NetworkPolicy": ("networking.k8s.io", "networkpolicies"),
    "PersistentVolumeClaim": ("", "persistentvolumeclaims"),
    "Service": ("", "services"),
    "ServiceAccount": ("", "serviceaccounts"),
}


def verbs_on(group: str, resource: str) -> set[str]:
    """Return the verbs that any rule allows on a resource."""
    return {
        verb
        for rule in build_rules()
        if group in rule["apiGroups"] and resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_has_no_wildcard() -> None:
    """Every group, resource and verb is named."""
    text = str([build_cluster_role(), build_role("steward-system")])
    assert "*" not in text


def test_can_create_secrets_and_nothing_else() -> None:
    """Not get, list, watch, patch or delete."""
    assert verbs_on("", "secrets") == {"create"}


def test_never_writes_spec_or_metadata_of_users() -> None:
    """Own kinds are read; only their status is written, and the finalizer of Assistants."""
    for kind in KINDS:
        extra = {"patch"} if kind.NAMES.kind == "Assistant" else set()
        assert verbs_on(GROUP, kind.NAMES.plural) == {"get", "list", "watch"} | extra
        assert verbs_on(GROUP, f"{kind.NAMES.plural}/status") == {"patch"}


def test_can_do_to_children_what_the_plan_asks() -> None:
    """Each planned kind can be created, read, applied and watched."""
    for child in plan_assistant(make_world()).children:
        needed = {"create", "get", "list", "patch", "watch"}
        assert needed <= verbs_on(*PLURALS[child["kind"]])


def test_grants_nothing_beyond_the_known_resources() -> None:
    """Roles, Nodes, Pods' logs and exec are not among them."""
    resources = {resource for rule in build_rules() for resource in rule["resources"]}
    assert not resources & {"nodes", "pods/exec", "pods/log", "roles", "clusterroles"}
    assert verbs_on("", "pods") == {"list"}


def test_binds_everything_to_one_identity() -> None:
    """ServiceAccount, both roles and both bindings belong together."""
    kinds = [manifest["kind"] for manifest in build_access("steward-system")]
    assert kinds == [
        "ServiceAccount",
        "ClusterRole",
        "ClusterRoleBinding",
        "Role",
        "RoleBinding",
    ]
    for manifest in build_access("steward-system"):
        for subject in manifest.get("subjects", []):
            assert subject["namespace"] == "steward-system"
