"""Who may do what: the operator, its archive, and people (pure).

The operator's rules come from `steward_operator.rbac` and are only sorted here by where they must
stand: a Role cannot hold what belongs to the whole cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from steward_api.meta import GROUP, Kind, Scope
from steward_api.v1alpha1 import KINDS
from steward_operator.objects import Manifest
from steward_operator.rbac import build_role, build_rules

CLUSTER_RESOURCES: Final = frozenset({"customresourcedefinitions", "namespaces", "nodes"})
"""Resources of others, outside any namespace, that a rule may name."""
EDITED_BY_TEAMS: Final = frozenset({"Assistant", "Model", "Prompt", "Tool"})
"""Kinds that whoever may edit a namespace may edit; policies have roles of their own."""

READ: Final = ("get", "list", "watch")
WRITE: Final = ("create", "delete", "deletecollection", "patch", "update")
HOME_RESOURCES: Final = frozenset({"configmaps", "events", "secrets"})
"""What a scoped operator writes in its own namespace: records of unproven erasures, Events, and
its key."""


def gather_cluster_plurals() -> frozenset[str]:
    """Return the plurals of our kinds that live outside namespaces."""
    return frozenset(kind.NAMES.plural for kind in KINDS if kind.NAMES.scope is Scope.CLUSTER)


def build_cluster_rules() -> list[Manifest]:
    """Return the operator's rules on what lives outside namespaces."""
    return _pick(build_rules(), is_cluster=True)


def build_namespaced_rules() -> list[Manifest]:
    """Return the operator's rules on what lives in namespaces."""
    return _pick(build_rules(), is_cluster=False)


def build_home_rules() -> list[Manifest]:
    """Return what the operator may do in its own namespace beyond the cluster-wide rules."""
    return list(build_role("")["rules"])


def build_scoped_home_rules() -> list[Manifest]:
    """Return what a scoped operator may do in its own namespace beside holding the Lease."""
    return [
        {**rule, "resources": wanted, "verbs": [v for v in rule["verbs"] if v in {"create", "get"}]}
        for rule in build_rules()
        if rule["apiGroups"] == [""]
        and (wanted := [name for name in rule["resources"] if name in HOME_RESOURCES])
    ]


def build_archive_rules() -> list[Manifest]:
    """Return what the archive may do: find assistants and their Pods."""
    return [
        {"apiGroups": [GROUP], "resources": ["assistants"], "verbs": ["list"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]},
    ]


def build_view_rules() -> list[Manifest]:
    """Return what a reader may do: see every kind."""
    return [_rule((kind.NAMES.plural for kind in KINDS), READ)]


def build_edit_rules() -> list[Manifest]:
    """Return what an application team may do."""
    return [_rule((k.NAMES.plural for k in KINDS if k.NAMES.kind in EDITED_BY_TEAMS), WRITE)]


def gather_kinds_with_editors() -> tuple[type[Kind], ...]:
    """Return the kinds that have an editor role of their own."""
    return tuple(kind for kind in KINDS if kind.NAMES.kind not in EDITED_BY_TEAMS)


def build_editor_rules(kind: type[Kind]) -> list[Manifest]:
    """Return what the editor of one kind may do."""
    return [_rule((kind.NAMES.plural,), tuple(sorted({*READ, *WRITE})))]


def _rule(plurals: Iterable[str], verbs: tuple[str, ...]) -> Manifest:
    return {"apiGroups": [GROUP], "resources": sorted(plurals), "verbs": list(verbs)}


def _pick(rules: Iterable[Manifest], *, is_cluster: bool) -> list[Manifest]:
    wanted = gather_cluster_plurals() | CLUSTER_RESOURCES
    picked = []
    for rule in rules:
        resources = [
            name for name in rule["resources"] if (name.split("/")[0] in wanted) is is_cluster
        ]
        if resources:
            picked.append({**rule, "resources": resources})
    return picked
