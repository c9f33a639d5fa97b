"""Every label and annotation on children, in one place (pure).

User labels are never copied, and a child without owner carries no `app.kubernetes.io/instance`:
a GitOps tool that tracks by that label would claim the child and delete it.
"""

from __future__ import annotations

from typing import Final

from steward_api.meta import GROUP
from steward_operator.names import Component

NAME: Final = "app.kubernetes.io/name"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"
INSTANCE: Final = "app.kubernetes.io/instance"
COMPONENT: Final = "app.kubernetes.io/component"
ASSISTANT: Final = f"{GROUP}/assistant"

NAME_VALUE: Final = "steward-assistant"
MANAGED_BY_VALUE: Final = "steward"

BLUEPRINT_DIGEST: Final = f"{GROUP}/blueprint-digest"
"""Annotation of the pod template: a new Blueprint is a new Pod."""
KEYS_ANCHOR: Final = f"{GROUP}/keys-anchor"
"""Annotation of the volume claim: the anchor whose keys encrypt what lies on the volume."""
NEXT_KEYS_ANCHOR: Final = f"{GROUP}/next-keys-anchor"
"""Annotation of the volume claim: the anchor whose keys are about to encrypt it instead."""
PURGE_INTERVAL: Final = f"{GROUP}/purge-interval-minutes"
"""Annotation of the CronJob: the interval that goes on when the RetentionPolicy is gone."""
UPGRADED_FROM: Final = f"{GROUP}/upgraded-from"
"""Annotation of a Deployment from its roll to a new runtime image until its Pod is available: the
image before."""
ANCHOR_ROLE: Final = f"{GROUP}/anchor-role"
"""Label of an anchor ConfigMap: `access` or `keys`."""
APPLIED_DIGEST: Final = f"{GROUP}/applied-digest"
"""Annotation of every child: digest of the wish that was last written (see apply/marking.py)."""
NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
"""Label that the API server puts on every namespace."""

SELECTOR_OF_CHILDREN: Final = f"{MANAGED_BY}={MANAGED_BY_VALUE},{ASSISTANT}"
"""Label selector of every list and watch of children: filtered on the server."""


def labels_of_owned_child(assistant: str, component: Component) -> dict[str, str]:
    """Return the labels of a child that the Assistant owns."""
    return {**labels_of_kept_child(assistant, component), INSTANCE: assistant}


def labels_of_kept_child(assistant: str, component: Component) -> dict[str, str]:
    """Return the labels of a child that outlives the Assistant: volume, keys and their anchor."""
    return {
        NAME: NAME_VALUE,
        MANAGED_BY: MANAGED_BY_VALUE,
        COMPONENT: component.value,
        ASSISTANT: assistant,
    }


def labels_that_select_pods(assistant: str, component: Component) -> dict[str, str]:
    """Return the labels that select an assistant's Pods; they never change (immutable field)."""
    return {ASSISTANT: assistant, COMPONENT: component.value}
