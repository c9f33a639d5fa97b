"""Anchor ConfigMaps, and the generated Secrets that they own.

An anchor holds 128 random bits that name its Secrets, so that nobody can plant a Secret under a
name that is known beforehand; deleting the anchor lets the garbage collector remove them. The
anchor of API keys belongs to the Assistant; the anchor of keys that encrypt and sign has no owner,
like the volume.
"""

from __future__ import annotations

from steward_api.v1alpha1 import Assistant
from steward_operator import labels, names
from steward_operator.children.context import build_owner_reference
from steward_operator.names import AnchorRole, Component, SecretRole
from steward_operator.objects import Manifest


def is_keys_anchor(manifest: Manifest) -> bool:
    """Say whether an observed object is an anchor of keys that encrypt and sign."""
    found = (manifest.get("metadata") or {}).get("labels") or {}
    return found.get(labels.ANCHOR_ROLE) == AnchorRole.KEYS.value


ENTROPY_KEY = "entropy"
GENERATION_KEY = "generation"


def build_anchor(assistant: Assistant, role: AnchorRole, generation: int, entropy: str) -> Manifest:
    """Build an anchor ConfigMap."""
    name = assistant.metadata.name
    is_owned = role is AnchorRole.ACCESS
    build_labels = labels.labels_of_owned_child if is_owned else labels.labels_of_kept_child
    metadata: Manifest = {
        "name": names.anchor_name(name, role, generation),
        "namespace": assistant.metadata.namespace,
        "labels": {
            **build_labels(name, Component.ANCHOR),
            labels.ANCHOR_ROLE: role.value,
        },
    }
    if is_owned:
        metadata["ownerReferences"] = [build_owner_reference(assistant)]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": metadata,
        "immutable": True,
        "data": {ENTROPY_KEY: entropy, GENERATION_KEY: str(generation)},
    }


def build_generated_secret(assistant: Assistant, role: SecretRole, entropy: str) -> Manifest:
    """Build a generated Secret without its data and without its owner, which is the anchor."""
    name = assistant.metadata.name
    is_owned = names.ANCHOR_OF_SECRET[role] is AnchorRole.ACCESS
    build_labels = labels.labels_of_owned_child if is_owned else labels.labels_of_kept_child
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": names.secret_name(name, role, entropy),
            "namespace": assistant.metadata.namespace,
            "labels": build_labels(name, Component.SECRET),
        },
        "type": "Opaque",
        "immutable": True,
    }
