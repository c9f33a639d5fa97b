"""The operator's rights one by one: each can be taken away, and given back."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from steward_lab.control_plane import ControlPlane
from steward_lab.kube_client import Manifest
from steward_operator.rbac import build_cluster_role, build_role


@dataclass(frozen=True, slots=True, order=True)
class Right:
    """One verb on one resource, by the role that grants it."""

    role: str
    """ClusterRole, or Role of the operator's own namespace."""
    group: str
    resource: str
    """Plural, with its subresource."""
    verb: str

    def __str__(self) -> str:
        """As the operator's log names it, for example `patch assistants.example.dev/status`."""
        plural, slash, subresource = self.resource.partition("/")
        return f"{self.verb} {plural}{'.' if self.group else ''}{self.group}{slash}{subresource}"


def gather_rights() -> tuple[Right, ...]:
    """Return every right of `rbac.py`, sorted."""
    return tuple(
        sorted(
            Right(role["kind"], group, resource, verb)
            for role in (build_cluster_role(), build_role("any"))
            for rule in role["rules"]
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        )
    )


def build_role_without(right: Right, namespace: str) -> Manifest:
    """Return the role that grants a right, without it."""
    role = build_cluster_role() if right.role == "ClusterRole" else build_role(namespace)
    rules = []
    for rule in role["rules"]:
        for group in rule["apiGroups"]:
            for resource in rule["resources"]:
                lost = right.verb if (group, resource) == (right.group, right.resource) else ""
                verbs = [verb for verb in rule["verbs"] if verb != lost]
                if verbs:
                    rules.append({"apiGroups": [group], "resources": [resource], "verbs": verbs})
    return {**role, "rules": rules}


@contextlib.contextmanager
def taken_away(plane: ControlPlane, right: Right, namespace: str) -> Iterator[None]:
    """Take a right from the operator until the block ends.

    Roles are replaced, since two rules for the same resource would otherwise stay.
    """
    kind = f"rbac.authorization.k8s.io/v1/{right.role}"
    home = namespace if right.role == "Role" else None
    reduced = build_role_without(right, namespace)
    whole = plane.admin.get(kind, reduced["metadata"]["name"], home)["rules"]
    edit = [{"op": "replace", "path": "/rules", "value": reduced["rules"]}]
    plane.admin.patch(kind, reduced["metadata"]["name"], home, body=edit, patch_type="json")
    try:
        yield
    finally:
        edit = [{"op": "replace", "path": "/rules", "value": whole}]
        plane.admin.patch(kind, reduced["metadata"]["name"], home, body=edit, patch_type="json")
