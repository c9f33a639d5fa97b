"""The ServiceAccount of an assistant's Pods: an identity without any token."""

from __future__ import annotations

from steward_operator import names
from steward_operator.children.context import ChildContext, build_owned_metadata
from steward_operator.names import Component
from steward_operator.objects import Manifest


def build_service_account(context: ChildContext) -> Manifest:
    """Build the ServiceAccount; the runtime never talks to the API server."""
    name = names.service_account_name(context.name)
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": build_owned_metadata(context, name, Component.RUNTIME),
        "automountServiceAccountToken": False,
    }
