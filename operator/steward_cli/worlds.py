"""Makes the operator's `World` from files instead of a cluster, for `render` and `up` (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, TypeVar

from steward_api.blueprint import TrustedKey
from steward_api.v1alpha1 import (
    Assistant,
    ClusterAssistantPolicy,
    MemoryPolicy,
    Model,
    Prompt,
    RetentionPolicy,
    Tool,
)
from steward_operator.names import ENTROPY_LENGTH, AnchorRole
from steward_operator.plan.bounds import Bounds, select_bounds
from steward_operator.plan.parsing import OwnObject
from steward_operator.plan.world import Anchor, World
from steward_operator.settings import OperatorSettings

PLACEHOLDER_UID: Final = "00000000-0000-0000-0000-000000000000"
"""Uid of an Assistant that no API server has seen."""
PLACEHOLDER_ENTROPY: Final = "0" * ENTROPY_LENGTH
"""Stands where a cluster puts 128 random bits into the names of generated Secrets."""
PLACEHOLDER_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)

Object = TypeVar("Object", bound=OwnObject)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a cluster would know besides the files; the defaults are `render`'s placeholders."""

    now: datetime = PLACEHOLDER_TIME
    uid: str = PLACEHOLDER_UID
    entropy: Mapping[AnchorRole, str] = field(
        default_factory=lambda: MappingProxyType(dict.fromkeys(AnchorRole, PLACEHOLDER_ENTROPY))
    )
    anchors: Mapping[AnchorRole, Anchor] = field(default_factory=dict)
    secrets_present: Mapping[str, bool] = field(default_factory=dict)
    operator_keys: tuple[TrustedKey, ...] = ()
    settings: OperatorSettings = field(
        default_factory=lambda: OperatorSettings(is_local_model_allowed=True)
    )


def build_worlds(
    objects: Iterable[OwnObject], surroundings: Surroundings | None = None
) -> tuple[World, ...]:
    """Build one World per Assistant among `objects`, sorted by namespace and name."""
    known = tuple(objects)
    around = surroundings or Surroundings()
    assistants = [object_ for object_ in known if isinstance(object_, Assistant)]
    assistants.sort(key=lambda found: (found.metadata.namespace, found.metadata.name))
    return tuple(_build_world(assistant, known, around) for assistant in assistants)


def _build_world(
    assistant: Assistant, objects: tuple[OwnObject, ...], around: Surroundings
) -> World:
    namespace = assistant.metadata.namespace
    if not assistant.metadata.uid:
        metadata = assistant.metadata.model_copy(update={"uid": around.uid})
        assistant = assistant.model_copy(update={"metadata": metadata})
    world = World(assistant=assistant, now=around.now, entropy=around.entropy)
    return replace(
        world,
        settings=around.settings,
        models=_select(Model, objects, namespace),
        tools=_select(Tool, objects, namespace),
        prompts=_select(Prompt, objects, namespace),
        memory_policies=_select(MemoryPolicy, objects, namespace),
        retention_policies=_select(RetentionPolicy, objects, namespace),
        anchors=around.anchors,
        secrets_present=around.secrets_present,
        operator_keys=around.operator_keys,
        bounds=build_bounds(objects, namespace),
    )


def build_bounds(objects: Iterable[OwnObject], namespace: str) -> Bounds:
    """Return what the ClusterAssistantPolicies among `objects` allow in a namespace."""
    policies = (found for found in objects if isinstance(found, ClusterAssistantPolicy))
    return select_bounds(policies, namespace)


def _select(
    kind: type[Object], objects: tuple[OwnObject, ...], namespace: str
) -> Mapping[str, Object]:
    return {
        object_.metadata.name: object_
        for object_ in objects
        if isinstance(object_, kind) and object_.metadata.namespace == namespace
    }
