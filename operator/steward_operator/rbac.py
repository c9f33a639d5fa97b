"""What the operator may do, said once: fixtures apply it and the chart is generated from it (pure).

No wildcard. Secrets can be created and nothing else: not read, not listed, not patched (apply
would need it) and not deleted (a dry-run delete answers with the data).
"""

from __future__ import annotations

from typing import Final

from steward_api.meta import GROUP
from steward_api.v1alpha1 import KINDS
from steward_operator.objects import Manifest

IDENTITY: Final = "steward-operator"
"""Name of ServiceAccount, roles and bindings."""
RBAC_API_VERSION: Final = "rbac.authorization.k8s.io/v1"

_OWN_CHILD: Final = ("create", "delete", "get", "list", "patch", "watch")


def build_rules() -> list[Manifest]:
    """Return the cluster-wide rules, sorted within each rule."""
    plurals = sorted(kind.NAMES.plural for kind in KINDS)
    return [
        # Own kinds are read; users' spec is never written, and of their metadata one finalizer.
        _rule(GROUP, plurals, ("get", "list", "watch")),
        _rule(GROUP, [f"{plural}/status" for plural in plurals], ("patch",)),
        # The finalizer of `deletionPolicy: Erase`: JSON Patch knows no narrower right.
        _rule(GROUP, ["assistants"], ("patch",)),
        # Children may name the Assistant as owner under OwnerReferencesPermissionEnforcement.
        _rule(GROUP, ["assistants/finalizers"], ("update",)),
        _rule("", ["configmaps", "serviceaccounts", "services"], _OWN_CHILD),
        # A volume is deleted under `deletionPolicy: Erase` alone, after its erasure.
        _rule("", ["persistentvolumeclaims"], _OWN_CHILD),
        _rule("apps", ["deployments"], _OWN_CHILD),
        _rule("batch", ["cronjobs"], _OWN_CHILD),
        _rule("networking.k8s.io", ["networkpolicies"], _OWN_CHILD),
        # Which Blueprints are still named by something that may run.
        _rule("", ["pods"], ("list",)),
        _rule("apps", ["replicasets"], ("list",)),
        _rule("batch", ["jobs"], ("list",)),
        _rule("", ["secrets"], ("create",)),
        # FailedMount Events of Pods say which Secret of a user is missing.
        _rule("", ["events"], ("create", "list", "watch")),
    ]


def build_cluster_role() -> Manifest:
    """Build the ClusterRole of the operator."""
    return {
        "apiVersion": RBAC_API_VERSION,
        "kind": "ClusterRole",
        "metadata": {"name": IDENTITY},
        "rules": build_rules(),
    }


def build_role(namespace: str) -> Manifest:
    """Build the Role in the operator's own namespace: the Lease of the leader."""
    return {
        "apiVersion": RBAC_API_VERSION,
        "kind": "Role",
        "metadata": {"name": IDENTITY, "namespace": namespace},
        "rules": [_rule("coordination.k8s.io", ["leases"], ("create", "get", "update"))],
    }


def build_access(namespace: str) -> tuple[Manifest, ...]:
    """Build ServiceAccount, roles and bindings of an operator that runs in `namespace`."""
    return (
        {
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": IDENTITY, "namespace": namespace},
        },
        build_cluster_role(),
        _binding("ClusterRoleBinding", "ClusterRole", {"name": IDENTITY}, namespace),
        build_role(namespace),
        _binding("RoleBinding", "Role", {"name": IDENTITY, "namespace": namespace}, namespace),
    )


def _binding(kind: str, role_kind: str, metadata: Manifest, namespace: str) -> Manifest:
    return {
        "apiVersion": RBAC_API_VERSION,
        "kind": kind,
        "metadata": metadata,
        "roleRef": {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": role_kind,
            "name": IDENTITY,
        },
        "subjects": [{"kind": "ServiceAccount", "name": IDENTITY, "namespace": namespace}],
    }


def _rule(group: str, resources: list[str], verbs: tuple[str, ...]) -> Manifest:
    return {"apiGroups": [group], "resources": resources, "verbs": list(verbs)}
