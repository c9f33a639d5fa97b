"""Every value of the chart, with type, default and what it does: the one source (pure).

`values.yaml`, `values.schema.json` and the table of the README are generated from these models. An
absent text is the empty string, since `null` removes a key from a chart's values.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from steward_api.meta import DNS_LABEL_PATTERN, DNS_SUBDOMAIN_PATTERN, Frozen
from steward_operator.settings import OperatorSettings

_SETTINGS = OperatorSettings()
_NAME = DNS_SUBDOMAIN_PATTERN.removeprefix("^").removesuffix("$")
_LABEL = DNS_LABEL_PATTERN.removeprefix("^").removesuffix("$")

OptionalName = Annotated[str, StringConstraints(max_length=253, pattern=f"^({_NAME})?$")]
"""Name of an object, or the empty string."""
OptionalNamespace = Annotated[str, StringConstraints(max_length=63, pattern=f"^({_LABEL})?$")]
Namespace = Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=f"^{_LABEL}$")]
Digest = Annotated[str, StringConstraints(pattern="^(sha256:[0-9a-f]{64})?$")]
Quantity = Annotated[str, StringConstraints(pattern="^([0-9]+([.][0-9]+)?(m|Ki|Mi|Gi|Ti)?)?$")]
"""An amount, or the empty string."""
Size = Annotated[str, StringConstraints(pattern="^[1-9][0-9]*(Mi|Gi|Ti)$")]
Duration = Annotated[str, StringConstraints(pattern="^[1-9][0-9]*(s|m)$")]
Port = Annotated[int, Field(ge=1, le=65_535)]
Texts = Annotated[dict[str, str], Field(default_factory=dict)]
"""Labels, annotations: empty where nothing is said."""


class PullPolicy(StrEnum):
    """When an image is pulled."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


class LogLevel(StrEnum):
    """Least level of a log line."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"


class Spread(StrEnum):
    """How replicas are spread over nodes."""

    PREFERRED = "Preferred"
    REQUIRED = "Required"
    NONE = "None"


class ObjectName(Frozen):
    """An object of a fixed kind."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    """Its name."""


class Image(Frozen):
    """Where an image is."""

    registry: str = ""
    """Registry host, with port if need be; empty leaves the choice to the nodes."""
    repository: Annotated[str, StringConstraints(min_length=1)]
    """Repository of the image."""
    tag: str = ""
    """Tag; empty means the version of the chart's application."""
    digest: Digest = ""
    """Digest (`sha256:…`) instead of a tag."""
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    """When the image is pulled."""


class Amounts(Frozen):
    """An amount of each resource; an empty one is left out."""

    cpu: Quantity = ""
    """Processor time, for example 100m."""
    memory: Quantity = ""
    """Memory, for example 128Mi."""


class Resources(Frozen):
    """Compute resources of a container."""

    requests: Amounts
    """What scheduling reserves."""
    limits: Amounts
    """What the container may not exceed."""


class Placement(Frozen):
    """Where Pods may run, and before which others."""

    priority_class_name: OptionalName = ""
    """PriorityClass of the Pods."""
    node_selector: Texts
    """Labels that a node must have."""
    tolerations: tuple[dict[str, Any], ...] = ()
    """Taints that the Pods tolerate."""
    affinity: Annotated[dict[str, Any], Field(default_factory=dict)]
    """Affinity of the Pods."""


class Operator(Placement):
    """The operator's Deployment."""

    image: Image = Image(repository="steward-operator")
    """Image of the operator, and of the archive."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 2
    """Replicas. One leads by a Lease and writes; another takes over when it goes."""
    log_level: LogLevel = LogLevel.INFO
    """Least level of log lines."""
    resync_seconds: Annotated[int, Field(ge=30, le=86_400)] = _SETTINGS.requeue_seconds
    """Seconds between two looks at an object of which nothing was heard."""
    resources: Resources = Resources(
        requests=Amounts(cpu="50m", memory="128Mi"), limits=Amounts(memory="512Mi")
    )
    """Resources of the container."""
    spread: Spread = Spread.PREFERRED
    """How replicas are spread over nodes: Preferred, Required or None."""
    pod_labels: Texts
    """Further labels of the Pods."""
    pod_annotations: Texts
    """Annotations of the Pods."""
    extra_env: tuple[dict[str, Any], ...] = ()
    """Further environment variables of the container, for example a proxy."""


class ServiceAccount(Frozen):
    """The identity of the operator."""

    create: bool = True
    """Make the ServiceAccount."""
    name: OptionalName = ""
    """Its name; empty means the name of the release's Deployment."""
    annotations: Texts
    """Its annotations."""


class Create(Frozen):
    """Objects that are made, or left to somebody else."""

    create: bool = True
    """Make them."""


class Enabled(Frozen):
    """A part that can be switched off."""

    enabled: bool = True
    """Switch it on."""


class Runtime(Frozen):
    """The runtime of every assistant."""

    image: Image = Image(repository="steward-runtime")
    """Image of the runtime. Changing it rolls the Pods of every Assistant, by turns."""
    pull_secrets: tuple[ObjectName, ...] = ()
    """Secrets, in the namespace of each Assistant, that pull the image."""


class Upgrade(Frozen):
    """How a changed image of the runtime reaches the Pods of Assistants."""

    max_concurrent: Annotated[int, Field(ge=1, le=1_000)] = _SETTINGS.upgrade_max_concurrent
    """Assistants that restart at a time. One that does not start with the image stops the rest."""


class Watch(Frozen):
    """What the operator serves."""

    namespace: OptionalNamespace = ""
    """The one namespace to serve, with Roles in it; empty means all, with a ClusterRole."""


class Dns(Frozen):
    """The cluster's DNS, which NetworkPolicies must name."""

    namespace: Namespace = _SETTINGS.dns_namespace
    """Namespace of its Pods."""
    pod_labels: Annotated[
        dict[str, str],
        Field(min_length=1, default_factory=lambda: dict(_SETTINGS.dns_pod_labels)),
    ]
    """Labels of its Pods."""
    port: Port = _SETTINGS.dns_port
    """Port on which its Pods listen (the Pods', not the Service's)."""


class Cluster(Frozen):
    """What differs between clusters."""

    dns: Dns = Dns()
    """The cluster's DNS."""
    monitoring_namespace: Namespace = _SETTINGS.monitoring_namespace
    """Namespace whose Pods may read metrics of operator and assistants."""


class Archive(Frozen):
    """The archive of receipts: one Pod with a volume, apart from the operator's replicas."""

    enabled: bool = True
    """Pull, co-sign and keep the receipts of every Assistant."""
    size: Size = "1Gi"
    """Size of the volume when it is made. A receipt of a run that deleted something has 5 KiB."""
    storage_class_name: OptionalName = ""
    """StorageClass of the volume; empty means the cluster's default."""
    existing_claim: OptionalName = ""
    """PersistentVolumeClaim to use instead of one of the chart's own."""
    resources: Resources = Resources(
        requests=Amounts(cpu="10m", memory="96Mi"), limits=Amounts(memory="256Mi")
    )
    """Resources of the container."""


class Crds(Frozen):
    """The kinds."""

    install: bool = True
    """Install and upgrade the CustomResourceDefinitions with the release."""
    keep: bool = True
    """Leave them when the release is uninstalled; without them every object of theirs is gone."""


class NetworkPolicy(Frozen):
    """NetworkPolicies of the operator's own Pods."""

    enabled: bool = True
    """Deny what operator, archive and demo model don't need."""
    api_server_cidrs: tuple[
        Annotated[str, StringConstraints(pattern="^[0-9a-fA-F.:]+/[0-9]+$")], ...
    ] = ()
    """Networks of the API server; empty means any address, on the ports below."""
    api_server_ports: Annotated[tuple[Port, ...], Field(min_length=1)] = (443, 6443)
    """Ports of the API server: its Service's and, behind it, its own."""


class ServiceMonitor(Frozen):
    """Scraping by the Prometheus operator."""

    enabled: bool = False
    """Make a ServiceMonitor; the cluster must know that kind."""
    interval: Duration = "30s"
    """Time between two scrapes."""
    labels: Texts
    """Labels by which a Prometheus picks it."""


class PrometheusRule(Frozen):
    """Alerts by the Prometheus operator."""

    enabled: bool = False
    """Make a PrometheusRule with the operator's alerts; the cluster must know that kind."""
    labels: Texts
    """Labels by which a Prometheus picks it."""


class Metrics(Frozen):
    """Metrics of the operator."""

    enabled: bool = True
    """Serve metrics on port 9090, behind a Service."""
    service_monitor: ServiceMonitor = ServiceMonitor()
    """Scraping by the Prometheus operator."""
    prometheus_rule: PrometheusRule = PrometheusRule()
    """Alerts: no operator is scraped, the API server refuses, or work piles up."""


class DemoModel(Placement):
    """A small model that answers in the cluster, so that the examples run. For trials only."""

    enabled: bool = False
    """Run it, as Service steward-demo-model on port 8080 of the release's namespace."""
    image: Image = Image(repository="steward-demo-model")
    """Image of the model server."""
    resources: Resources = Resources(
        requests=Amounts(cpu="500m", memory="1Gi"), limits=Amounts(memory="2Gi")
    )
    """Resources of the container."""


class Values(Frozen):
    """All values of the chart."""

    fullname_override: OptionalNamespace = ""
    """Name of the Deployment and prefix of what belongs to it; empty means RELEASE-operator."""
    common_labels: Texts
    """Further labels of every object."""
    image_pull_secrets: tuple[ObjectName, ...] = ()
    """Secrets, in the release's namespace, that pull the images of the chart's own Pods."""
    operator: Operator = Operator()
    """The operator."""
    service_account: ServiceAccount = ServiceAccount()
    """The operator's identity."""
    rbac: Create = Create()
    """Roles and bindings of the operator and the archive."""
    runtime: Runtime = Runtime()
    """The runtime of every assistant."""
    upgrade: Upgrade = Upgrade()
    """How a changed image of the runtime reaches the Pods of Assistants."""
    watch: Watch = Watch()
    """What the operator serves."""
    cluster: Cluster = Cluster()
    """What differs between clusters."""
    keys: Enabled = Enabled()
    """The operator's key: with it runtimes are asked, erasure is ordered and receipts co-signed."""
    archive: Archive = Archive()
    """The archive of receipts."""
    crds: Crds = Crds()
    """The kinds."""
    roles: Create = Create()
    """ClusterRoles for people: view and edit by aggregation, and one editor per other kind."""
    admission_policies: Enabled = Enabled()
    """ValidatingAdmissionPolicies beside the rules of the kinds."""
    pod_disruption_budget: Enabled = Enabled()
    """Keep all replicas but one while nodes are drained; made with more than one replica."""
    network_policy: NetworkPolicy = NetworkPolicy()
    """NetworkPolicies of the chart's own Pods."""
    metrics: Metrics = Metrics()
    """Metrics of the operator."""
    demo_model: DemoModel = DemoModel()
    """A small model for trials."""
    extra_objects: tuple[dict[str, Any], ...] = ()
    """Further objects of the release, for example a ClusterAssistantPolicy when the kinds exist."""
