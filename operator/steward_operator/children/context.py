"""What every child is built from: one Assistant, the Blueprint it serves, and the settings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from steward_api.blueprint import Blueprint, Denial, TrustedKey
from steward_api.meta import API_VERSION
from steward_api.v1alpha1 import Assistant
from steward_api.v1alpha1.assistant import Peer
from steward_operator import labels
from steward_operator.children.destinations import Destination
from steward_operator.names import AnchorRole, Component, SecretRole
from steward_operator.objects import Manifest
from steward_operator.settings import OperatorSettings


@dataclass(frozen=True, slots=True)
class OlderSecret:
    """A generated Secret that a newer generation replaces, and that is still needed."""

    role: SecretRole
    generation: int
    name: str


@dataclass(frozen=True, slots=True)
class Guests:
    """Who may connect to the API: nobody but these."""

    pods: tuple[Peer, ...] = ()
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """A second owner, the anchor of the keys, that lets children live until an erasure ends.

    Whoever deletes an Assistant in the foreground (Argo CD's default) lets the garbage collector
    delete children at once, the erasing runtime among them. It leaves alone what another owner has.
    """

    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class ChildContext:
    """Everything that `build_…` functions read."""

    assistant: Assistant
    blueprint: Blueprint
    """The Blueprint that is served: the current one, or the last that was accepted."""
    digest: str
    """Its digest."""
    settings: OperatorSettings
    secret_names: Mapping[SecretRole, str]
    """Names of the four generated Secrets."""
    anchor_names: Mapping[AnchorRole, str]
    purge_interval_minutes: int
    is_stopped: bool
    """True when suspended and no Pod of the Deployment is left: purging opens the volume itself."""
    operator_keys: tuple[TrustedKey, ...] = ()
    denial: Denial | None = None
    destinations: tuple[Destination, ...] = ()
    """Where the runtime may connect: what the Blueprint declares and policies allow."""
    guests: Guests | None = Guests()
    """Who may connect to the API; None for every Pod of the own namespace."""
    zones: tuple[tuple[str, ...], ...] = ()
    """Sets of zones of which each must hold for a Pod; empty where any zone will do."""
    is_purging_held: bool = False
    """True while a window in force is shorter than a policy asks for."""
    keys_anchor_in_use: str | None = None
    """Anchor of the keys that the data is still encrypted by; None where that is the newest."""
    older_secrets: tuple[OlderSecret, ...] = ()
    """Secrets of older generations, to be mounted beside the newest."""
    guard: Guard | None = None
    """Set while `deletionPolicy` is Erase and the anchor exists."""
    upgraded_from: str | None = None
    """The image before, while the Pod is being rolled to another one."""

    @property
    def name(self) -> str:
        """Name of the Assistant."""
        return self.assistant.metadata.name

    @property
    def namespace(self) -> str:
        """Namespace of the Assistant and of all its children."""
        return self.assistant.metadata.namespace


def build_owned_metadata(context: ChildContext, name: str, component: Component) -> Manifest:
    """Build the metadata of a child that the garbage collector removes with the Assistant."""
    return {
        "name": name,
        "namespace": context.namespace,
        "labels": labels.labels_of_owned_child(context.name, component),
        "ownerReferences": [
            build_owner_reference(context.assistant),
            *([_build_guard_reference(context.guard)] if context.guard else []),
        ],
    }


def build_kept_metadata(context: ChildContext, name: str, component: Component) -> Manifest:
    """Build the metadata of a child that outlives the Assistant."""
    return {
        "name": name,
        "namespace": context.namespace,
        "labels": labels.labels_of_kept_child(context.name, component),
    }


def build_owner_reference(assistant: Assistant) -> Manifest:
    """Build the reference of a child to the Assistant that controls it."""
    return {
        "apiVersion": API_VERSION,
        "kind": assistant.kind,
        "name": assistant.metadata.name,
        "uid": assistant.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _build_guard_reference(guard: Guard) -> Manifest:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": guard.name, "uid": guard.uid}


def credentials_of(blueprint: Blueprint) -> tuple[str, ...]:
    """Return the names of the users' Secrets that a Blueprint needs, sorted."""
    embedder = blueprint.memory.embedder if blueprint.memory else None
    models = (*blueprint.models, embedder) if embedder else blueprint.models
    found = {model.credential for model in models}
    found |= {tool.credential for tool in blueprint.tools}
    found.add(blueprint.bound_keys)
    return tuple(sorted(name for name in found if name))


def volume_name_of_credential(secret: str) -> str:
    """Return a volume name for a user's Secret, whose own name may be longer than a label."""
    return f"credential-{hashlib.sha256(secret.encode()).hexdigest()[:10]}"
