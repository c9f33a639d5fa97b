"""Group, version, plural and path of every kind that we touch (pure)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from steward_api.meta import GROUP, VERSION, Scope
from steward_api.v1alpha1 import KINDS, ClusterAssistantPolicy
from steward_operator.objects import Manifest


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind as the API serves it."""

    group: str
    """Empty for the core group."""
    version: str
    plural: str
    kind: str
    is_whole: bool = False
    """True for kinds that are watched, and answered after a write, with spec and status: a
    Deployment for its status, a volume claim because it has no generation, so that its binding
    would look like a change of its spec."""

    @property
    def api_version(self) -> str:
        """Return `group/version`, or the version alone for the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    def path(
        self, namespace: str | None, name: str | None = None, subresource: str | None = None
    ) -> str:
        """Return the URL path of a collection, an object or its subresource.

        Args:
            namespace: None for all namespaces.
            name: None for the collection.
            subresource: For example `status`.
        """
        prefix = f"/apis/{self.group}" if self.group else "/api"
        middle = f"/namespaces/{namespace}" if namespace else ""
        parts = [f"{prefix}/{self.version}{middle}/{self.plural}"]
        parts += [part for part in (name, subresource) if part]
        return "/".join(parts)


def _own(kind: str, plural: str) -> Resource:
    return Resource(GROUP, VERSION, plural, kind)


OWN: Final = tuple(
    _own(kind.NAMES.kind, kind.NAMES.plural)
    for kind in KINDS
    if kind.NAMES.scope is Scope.NAMESPACED
)
"""Our own kinds that live in namespaces, the Assistant first."""
CLUSTER_POLICIES: Final = _own(
    ClusterAssistantPolicy.NAMES.kind, ClusterAssistantPolicy.NAMES.plural
)

ASSISTANTS: Final = OWN[0]
CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
SECRETS: Final = Resource("", "v1", "secrets", "Secret")
SERVICES: Final = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNTS: Final = Resource("", "v1", "serviceaccounts", "ServiceAccount")
VOLUME_CLAIMS: Final = Resource(
    "", "v1", "persistentvolumeclaims", "PersistentVolumeClaim", is_whole=True
)
EVENTS: Final = Resource("", "v1", "events", "Event")
PODS: Final = Resource("", "v1", "pods", "Pod")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment", is_whole=True)
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet")
CRON_JOBS: Final = Resource("batch", "v1", "cronjobs", "CronJob")
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
NETWORK_POLICIES: Final = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
NEW_EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")

CHILDREN: Final = (
    SERVICE_ACCOUNTS,
    CONFIG_MAPS,
    VOLUME_CLAIMS,
    SERVICES,
    NETWORK_POLICIES,
    CRON_JOBS,
    DEPLOYMENTS,
)
"""Every kind of child that is watched. Secrets are children too, but the identity cannot see
them."""

_BY_KIND: Final = {
    (resource.api_version, resource.kind): resource
    for resource in (
        *OWN,
        CLUSTER_POLICIES,
        *CHILDREN,
        SECRETS,
        EVENTS,
        PODS,
        REPLICA_SETS,
        JOBS,
        NEW_EVENTS,
    )
}


def resource_by_kind(api_version: str, kind: str) -> Resource:
    """Return the resource of an apiVersion and kind.

    Raises:
        KeyError: for a kind that the operator never touches.
    """
    return _BY_KIND[api_version, kind]


def resource_of(manifest: Manifest) -> Resource:
    """Return the resource of a manifest; see `resource_by_kind`."""
    return resource_by_kind(manifest["apiVersion"], manifest["kind"])
