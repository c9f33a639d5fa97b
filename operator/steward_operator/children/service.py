"""The two Services: the public API, and the administration port for purging and the operator."""

from __future__ import annotations

from steward_operator import labels, names
from steward_operator.children.context import ChildContext, build_owned_metadata
from steward_operator.names import Component
from steward_operator.objects import Manifest


def build_service(context: ChildContext) -> Manifest:
    """Build the Service of the OpenAI-compatible API."""
    name = names.service_name(context.name)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": build_owned_metadata(context, name, Component.RUNTIME),
        "spec": {
            "type": "ClusterIP",
            "selector": labels.labels_that_select_pods(context.name, Component.RUNTIME),
            "ports": [_port(names.HTTP_PORT_NAME, names.HTTP_PORT)],
        },
    }


def build_admin_service(context: ChildContext) -> Manifest:
    """Build the Service of the administration port.

    Headless, since it needs no address of its own (allocating one is the slowest part of making a
    child), and it lists a Pod that is not ready too: purging does not wait for readiness.
    """
    name = names.admin_service_name(context.name)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": build_owned_metadata(context, name, Component.RUNTIME),
        "spec": {
            "type": "ClusterIP",
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": labels.labels_that_select_pods(context.name, Component.RUNTIME),
            "ports": [_port(names.ADMIN_PORT_NAME, names.ADMIN_PORT)],
        },
    }


def _port(name: str, number: int) -> Manifest:
    return {"name": name, "port": number, "protocol": "TCP", "targetPort": name}
