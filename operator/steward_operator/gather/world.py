"""One frozen `World` around one Assistant, from the caches and as few reads as possible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from steward_api.blueprint import TrustedKey
from steward_api.v1alpha1 import (
    Assistant,
    MemoryPolicy,
    Model,
    Prompt,
    RetentionPolicy,
    Tool,
)
from steward_operator import names
from steward_operator.contract.erasures import Erasures
from steward_operator.contract.reports import Reports
from steward_operator.errors import AbsentError
from steward_operator.gather.anchors import AnchorStore
from steward_operator.gather.blueprints import BlueprintStore, BlueprintUses
from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.cluster_policies import ClusterPolicies
from steward_operator.gather.mount_failures import MountFailures
from steward_operator.gather.own_cache import OwnCache
from steward_operator.gather.pod_faults import PodFaults
from steward_operator.gather.probes import SecretProbes
from steward_operator.gather.subject import Subject
from steward_operator.gather.upgrades import Upgrades
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import ASSISTANTS
from steward_operator.plan.world import (
    Anchor,
    AnchorRole,
    Broken,
    MountFailure,
    World,
    WriteFault,
)
from steward_operator.settings import OperatorSettings

Kind = TypeVar("Kind", Model, Tool, Prompt, MemoryPolicy, RetentionPolicy)


@dataclass(frozen=True, slots=True)
class Stores:
    """Everything that is remembered about the cluster."""

    own: OwnCache
    policies: ClusterPolicies
    children: ChildCache
    anchors: AnchorStore
    probes: SecretProbes
    mounts: MountFailures
    blueprints: BlueprintStore
    uses: BlueprintUses
    reports: Reports
    erasures: Erasures
    pods: PodFaults
    upgrades: Upgrades

    def forget(self, assistant: Subject) -> None:
        """Drop what is remembered about a deleted Assistant, its children's records apart."""
        self.probes.forget(assistant)
        self.mounts.forget(assistant)
        self.blueprints.forget(assistant)
        self.reports.forget(assistant)
        self.erasures.forget(assistant)
        self.pods.forget(assistant)


@dataclass(frozen=True, slots=True)
class Sources:
    """Where time, entropy and settings come from."""

    now: Callable[[], datetime]
    entropy: Callable[[], str]
    settings: OperatorSettings
    operator_keys: tuple[TrustedKey, ...] = ()
    """Public keys whose tokens runtimes accept; none where no contract is open."""


class Gatherer:
    """Builds worlds."""

    def __init__(self, client: KubeClient, stores: Stores, sources: Sources) -> None:
        """Read from `stores`, which read what they lack from the API server, as we do."""
        self._client = client
        self._stores = stores
        self._sources = sources

    async def gather_world(
        self, subject: Subject, assistant: Assistant, faults: tuple[WriteFault, ...]
    ) -> World:
        """Build the snapshot around one Assistant.

        Raises:
            ApiError: if something that the plan needs cannot be read now.
        """
        stores, namespace = self._stores, subject.namespace
        children = stores.children.manifests_of(namespace, subject.name)
        anchors = await stores.anchors.gather(children, assistant.metadata.uid)
        newest = {anchor.role: anchor for anchor in anchors}
        generated = tuple(_generated_secrets(subject.name, anchors))
        reported = stores.mounts.of(subject)
        present = await stores.probes.gather(subject, (*generated, *reported))
        memory_policy = assistant.spec.memory_policy_ref
        policies = self._find(
            namespace, MemoryPolicy, [memory_policy.name] if memory_policy else []
        )
        models = [model.name for model in assistant.spec.model_refs]
        return World(
            assistant=assistant,
            now=self._sources.now(),
            entropy={role: self._sources.entropy() for role in AnchorRole},
            settings=self._sources.settings,
            models=self._find(namespace, Model, [*models, *_embedders(policies)]),
            tools=self._find(namespace, Tool, [tool.name for tool in assistant.spec.tool_refs]),
            prompts=self._find(namespace, Prompt, [assistant.spec.prompt_ref.name]),
            memory_policies=policies,
            retention_policies=self._find(
                namespace, RetentionPolicy, [assistant.spec.retention_policy_ref.name]
            ),
            children=children,
            blueprints_in_use=await stores.uses.gather(subject, children),
            anchors=newest,
            older_anchors=tuple(each for each in anchors if each is not newest[each.role]),
            secrets_present={name: present[name] for name in generated if name in present},
            last_blueprint=await stores.blueprints.gather(
                subject, assistant.status.blueprint_digest
            ),
            mount_failures=self._mount_failures(subject, present),
            faults=faults,
            bounds=stores.policies.bounds_of(namespace),
            operator_keys=self._sources.operator_keys,
            runtime=stores.reports.of(subject),
            pod_fault=await stores.pods.gather(subject, children),
            turn=stores.upgrades.resolve_turn(subject),
        )

    def gather_ending(self, subject: Subject, assistant: Assistant) -> World:
        """Build the snapshot around a deleted Assistant: what is left, and its erasure.

        Nothing is probed or read: in a terminating namespace nothing can be.
        """
        return World(
            assistant=assistant,
            now=self._sources.now(),
            entropy={},
            settings=self._sources.settings,
            children=self._stores.children.manifests_of(subject.namespace, subject.name),
            operator_keys=self._sources.operator_keys,
            erasure=self._stores.erasures.of(subject),
        )

    async def is_alive(self, assistant: Assistant) -> bool:
        """Ask the API server whether this very Assistant exists and is not on its way out.

        Raises:
            ApiError: if it does not say.
        """
        metadata = assistant.metadata
        try:
            found = await self._client.get(ASSISTANTS, metadata.namespace, metadata.name)
        except AbsentError:
            return False
        is_ending = bool(found["metadata"].get("deletionTimestamp"))
        return bool(found["metadata"]["uid"] == metadata.uid) and not is_ending

    async def is_gone(self, assistant: Subject) -> bool:
        """Ask the API server whether there is no Assistant of this name, not even an ending one.

        Raises:
            ApiError: if it does not say.
        """
        try:
            await self._client.get(ASSISTANTS, assistant.namespace, assistant.name)
        except AbsentError:
            return True
        return False

    def missing_references(self, subject: Subject) -> bool:
        """Say whether the Assistant names an object that is not there."""
        return any(self._stores.own.get(s) is None for s in self._stores.own.targets_of(subject))

    def _find(
        self, namespace: str, kind: type[Kind], wanted: list[str]
    ) -> Mapping[str, Kind | Broken]:
        found: dict[str, Kind | Broken] = {}
        for name in wanted:
            entry = self._stores.own.get(Subject(kind.NAMES.kind, namespace, name))
            content = entry.read() if entry is not None else None
            if isinstance(content, kind | Broken):
                found[name] = content
        return found

    def _mount_failures(
        self, subject: Subject, present: Mapping[str, bool]
    ) -> tuple[MountFailure, ...]:
        failures = []
        for secret in self._stores.mounts.of(subject):
            if present.get(secret):
                self._stores.mounts.clear(subject, secret)
            else:
                failures.append(MountFailure(secret))
        return tuple(failures)


def _generated_secrets(assistant: str, anchors: Iterable[Anchor]) -> Iterator[str]:
    for anchor in anchors:
        for role, anchor_role in names.ANCHOR_OF_SECRET.items():
            if anchor_role is anchor.role:
                yield names.secret_name(assistant, role, anchor.entropy)


def _embedders(policies: Mapping[str, MemoryPolicy | Broken]) -> Iterator[str]:
    for policy in policies.values():
        if isinstance(policy, MemoryPolicy) and policy.spec.recall.embedder_ref is not None:
            yield policy.spec.recall.embedder_ref.name
