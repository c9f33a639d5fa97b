"""The volume of the embedded database."""

from __future__ import annotations

from steward_api.v1alpha1.assistant import DeletionPolicy
from steward_operator import labels, names
from steward_operator.children.context import (
    ChildContext,
    build_kept_metadata,
    build_owned_metadata,
)
from steward_operator.names import AnchorRole, Component
from steward_operator.objects import Manifest


def build_persistent_volume_claim(context: ChildContext) -> Manifest:
    """Build the claim: without owner under Retain, so that it outlives the Assistant.

    Its annotation names the anchor of the keys that encrypt the data. A claim is made after its
    keys, so one that names an anchor proves that the keys existed. While the keys are replaced, a
    second annotation does so for the newer ones.
    """
    name = names.data_claim_name(context.name)
    is_erased = context.assistant.spec.deletion_policy is DeletionPolicy.ERASE
    build_metadata = build_owned_metadata if is_erased else build_kept_metadata
    metadata = build_metadata(context, name, Component.STORAGE)
    newest = context.anchor_names[AnchorRole.KEYS]
    metadata["annotations"] = {labels.KEYS_ANCHOR: context.keys_anchor_in_use or newest}
    if context.keys_anchor_in_use not in {None, newest}:
        metadata["annotations"][labels.NEXT_KEYS_ANCHOR] = newest
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata,
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": context.assistant.spec.storage.size}},
        },
    }
