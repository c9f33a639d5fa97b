"""Every knob of the operator that the plan depends on, with unit, default and why (pure)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatorSettings:
    """Settings of one operator process; the same for every Assistant."""

    runtime_image: str = "steward-runtime:0.1.0"
    """Image of runtime and purge containers. A placeholder: set it to where yours is."""
    upgrade_max_concurrent: int = 3
    """Assistants that may restart at a time for a changed runtime image: each is away for some
    seconds, and as many are lost to an image that does not start before the roll stops."""
    runtime_image_pull_policy: str = "IfNotPresent"
    """Pull policy of that image; a version tag does not move."""
    runtime_image_pull_secrets: tuple[str, ...] = ()
    """Secrets, in the namespace of each assistant, that pull that image."""
    operator_namespace: str = "steward-system"
    """Namespace of the operator: its Pods may reach the administration port."""
    is_local_model_allowed: bool = False
    """True for `steward render` and `steward up`; in a cluster a Local Model is not Accepted."""
    runtime_user_id: int = 65_532
    """User and group of the containers; 65532 is the `nonroot` user of distroless images."""
    drain_margin_seconds: int = 30
    """Grace of a terminating Pod beyond the turn deadline: to close streams and the database."""
    startup_seconds: int = 120
    """Seconds that a starting runtime may take, recovery of its journal included."""
    requeue_seconds: int = 600
    """Seconds to the next probe of generated Secrets when nothing else happens."""
    purge_deadline_seconds: int = 3_600
    """Seconds that one purge Job may run before the next one resumes its work."""
    dns_namespace: str = "kube-system"
    """Namespace of the cluster's DNS Pods."""
    dns_pod_labels: tuple[tuple[str, str], ...] = (("k8s-app", "kube-dns"),)
    """Labels of the cluster's DNS Pods: what kubeadm, kind and the large providers use."""
    dns_port: int = 53
    """Port on which the DNS Pods listen (policies see the Pod's port, not the Service's)."""
    monitoring_namespace: str = "monitoring"
    """Namespace whose Pods may read the metrics port."""
