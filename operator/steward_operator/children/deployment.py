"""The Deployment of an assistant's runtime.

One Pod at most: only the runtime opens the embedded database, so the old Pod ends before the new
one starts (`Recreate`).
"""

from __future__ import annotations

from typing import Final

from steward_api.v1alpha1.assistant import ResourceAmounts
from steward_operator import labels, names
from steward_operator.children import pod
from steward_operator.children.context import ChildContext, build_owned_metadata
from steward_operator.names import Component, SecretRole
from steward_operator.objects import Manifest

REVISIONS_KEPT: Final = 2
"""Old ReplicaSets, and with them old Blueprints, that a rollback may need."""
PROBE_SECONDS: Final = 5
STARTUP_PROBE_SECONDS: Final = 2
LIVENESS_FAILURES_MAX: Final = 6
"""30 seconds without an answer, longer than any pause that a busy event loop has shown."""


def build_deployment(context: ChildContext) -> Manifest:
    """Build the Deployment: one replica, or none while the Assistant is suspended."""
    metadata = build_owned_metadata(context, names.deployment_name(context.name), Component.RUNTIME)
    if context.upgraded_from is not None:
        metadata["annotations"] = {labels.UPGRADED_FROM: context.upgraded_from}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata,
        "spec": {
            "replicas": 0 if context.assistant.spec.suspend else 1,
            "revisionHistoryLimit": REVISIONS_KEPT,
            "strategy": {"type": "Recreate"},
            "selector": {
                "matchLabels": labels.labels_that_select_pods(context.name, Component.RUNTIME)
            },
            "template": _build_template(context),
        },
    }


def _build_template(context: ChildContext) -> Manifest:
    grace = context.blueprint.limits.turn_deadline_seconds + context.settings.drain_margin_seconds
    return {
        "metadata": {
            "labels": labels.labels_of_owned_child(context.name, Component.RUNTIME),
            "annotations": {labels.BLUEPRINT_DIGEST: context.digest},
        },
        "spec": {
            **pod.build_pod_basics(context),
            "terminationGracePeriodSeconds": grace,
            "containers": [_build_container(context)],
            "volumes": [
                *pod.build_state_volumes(context, SecretRole),
                *pod.build_credential_volumes(context),
            ],
        },
    }


def _build_container(context: ChildContext) -> Manifest:
    ports = (
        (names.HTTP_PORT_NAME, names.HTTP_PORT),
        (names.ADMIN_PORT_NAME, names.ADMIN_PORT),
        (names.METRICS_PORT_NAME, names.METRICS_PORT),
    )
    return {
        "name": names.RUNTIME_CONTAINER,
        "image": context.settings.runtime_image,
        "imagePullPolicy": context.settings.runtime_image_pull_policy,
        "command": [names.RUNTIME_COMMAND],
        "args": [
            "serve",
            "--config",
            names.CONFIG_PATH,
            "--data",
            names.DATA_PATH,
            "--host",
            "$(POD_IP)",
            *(part for name, port in ports for part in (_port_flag(name), str(port))),
        ],
        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports],
        "resources": _build_resources(context),
        "securityContext": pod.build_container_security(),
        "volumeMounts": [
            *pod.build_state_mounts(context, SecretRole),
            *pod.build_credential_mounts(context),
        ],
        **_build_probes(context),
    }


def _build_probes(context: ChildContext) -> Manifest:
    attempts = max(1, context.settings.startup_seconds // STARTUP_PROBE_SECONDS)
    return {
        "startupProbe": _probe("/livez", STARTUP_PROBE_SECONDS, attempts),
        "readinessProbe": _probe("/readyz", PROBE_SECONDS, 2),
        "livenessProbe": _probe("/livez", PROBE_SECONDS, LIVENESS_FAILURES_MAX),
    }


def _probe(path: str, period_seconds: int, failures_max: int) -> Manifest:
    return {
        "httpGet": {"path": path, "port": names.HTTP_PORT_NAME},
        "periodSeconds": period_seconds,
        "timeoutSeconds": min(period_seconds, 3),
        "failureThreshold": failures_max,
    }


def _build_resources(context: ChildContext) -> Manifest:
    resources = context.assistant.spec.pod.resources
    amounts = {
        "requests": _build_amounts(resources.requests),
        "limits": _build_amounts(resources.limits),
    }
    return {name: amount for name, amount in amounts.items() if amount}


def _build_amounts(amounts: ResourceAmounts) -> Manifest:
    return amounts.model_dump(mode="json", by_alias=True, exclude_none=True)


def _port_flag(name: str) -> str:
    return "--port" if name == names.HTTP_PORT_NAME else f"--{name}-port"
