"""Anchors and the Secrets they own: posted once, in that order, never read, changed or deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from steward_operator.apply.material import build_material, encode_data
from steward_operator.apply.outcome import NOTHING, OUTDATED, WRITTEN, Outcome, merge_outcomes
from steward_operator.apply.refusals import Refusals
from steward_operator.errors import AbsentError, AlreadyThereError, ApiError, RejectedError
from steward_operator.gather.anchors import AnchorStore, is_usable_anchor
from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.child_record import key_of_child
from steward_operator.gather.probes import SecretProbes
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import CONFIG_MAPS, SECRETS
from steward_operator.names import anchor_name
from steward_operator.objects import Manifest
from steward_operator.plan.world import GeneratedSecret, Plan, PlannedAnchor

NOT_AN_ANCHOR: Final = "a ConfigMap that Steward did not make has the anchor's name; delete it"
GARBAGE_SECONDS: Final = 2.0
"""Seconds to the next try while an earlier Assistant's anchor waits for the garbage collector."""


@dataclass(frozen=True, slots=True)
class KeyStores:
    """What is remembered about keys."""

    cache: ChildCache
    anchors: AnchorStore
    probes: SecretProbes


@dataclass(slots=True)
class _Batch:
    """The keys of one Assistant in one pass."""

    assistant: Subject
    refusals: Refusals
    uids: dict[str, str] = field(default_factory=dict)
    """Uid of each anchor made in this pass, by its entropy."""


class KeyWriter:
    """Posts anchors, then the Secrets named after their entropy."""

    def __init__(self, client: KubeClient, stores: KeyStores, clock: Callable[[], float]) -> None:
        """Write through `client`, remember in `stores`; `clock` is monotonic seconds."""
        self._client = client
        self._stores = stores
        self._clock = clock

    async def apply(self, plan: Plan, assistant: Subject, refusals: Refusals) -> Outcome:
        """Post what there is not yet of anchors and Secrets."""
        batch = _Batch(assistant, refusals)
        made = merge_outcomes(
            await asyncio.gather(*(self._post_anchor(a, batch) for a in plan.anchors_to_create))
        )
        if made.faults or made.transient or made.is_outdated:
            return made
        posted = await asyncio.gather(
            *(self._post_secret(s, batch) for s in plan.secrets_to_create)
        )
        return merge_outcomes((made, *posted))

    async def _post_anchor(self, planned: PlannedAnchor, batch: _Batch) -> Outcome:
        key = key_of_child(planned.manifest, CONFIG_MAPS)
        standing = batch.refusals.find(key, "", "", self._clock())
        if standing is not None:
            return Outcome(faults=(standing,))
        self._stores.cache.begin_write(key)
        try:
            answer = await self._client.create(CONFIG_MAPS, planned.manifest)
            self._stores.cache.note_written(answer, CONFIG_MAPS, "-")
            whole = {**planned.manifest, "metadata": answer["metadata"]}
            self._stores.anchors.note(whole)
            batch.uids[planned.anchor.entropy] = str(answer["metadata"]["uid"])
        except AlreadyThereError as error:
            return await self._meet_anchor(planned, batch, error)
        except ApiError as error:
            return batch.refusals.judge(key, planned.manifest, error, self._clock())
        finally:
            self._stores.cache.end_write(key)
        return WRITTEN

    async def _meet_anchor(
        self, planned: PlannedAnchor, batch: _Batch, error: AlreadyThereError
    ) -> Outcome:
        """Look at the ConfigMap that has the name: ours, an earlier Assistant's, or a stranger."""
        wanted = planned.manifest["metadata"]
        try:
            found = await self._client.get(CONFIG_MAPS, wanted["namespace"], wanted["name"])
        except AbsentError:
            return OUTDATED
        except ApiError as fault:
            return Outcome(transient=fault)
        owners = wanted.get("ownerReferences") or ({"uid": ""},)
        is_known = self._stores.anchors.note(found) is not None
        if is_known and is_usable_anchor(found, owners[0]["uid"]):
            self._stores.cache.observe(found, CONFIG_MAPS)
            return OUTDATED
        if is_known:
            error.retry_after_seconds = GARBAGE_SECONDS
            return Outcome(transient=error)
        refused = RejectedError(error.attempt, NOT_AN_ANCHOR, status=error.status)
        key = key_of_child(planned.manifest, CONFIG_MAPS)
        return batch.refusals.judge(key, planned.manifest, refused, self._clock())

    async def _post_secret(self, planned: GeneratedSecret, batch: _Batch) -> Outcome:
        key = key_of_child(planned.manifest, SECRETS)
        standing = batch.refusals.find(key, "", "", self._clock())
        if standing is not None:
            return Outcome(faults=(standing,))
        uid = planned.anchor.uid or batch.uids[planned.anchor.entropy]
        manifest = build_secret(planned, batch.assistant.name, uid)
        outcome = WRITTEN
        try:
            await self._client.create(SECRETS, manifest)
        except AlreadyThereError:
            outcome = NOTHING
        except ApiError as error:
            return batch.refusals.judge(key, planned.manifest, error, self._clock())
        self._stores.probes.note_present(batch.assistant, planned.name)
        return outcome


def build_secret(planned: GeneratedSecret, assistant: str, anchor_uid: str) -> Manifest:
    """Build the whole Secret, with fresh material, owned by its anchor."""
    material = build_material(planned.role, planned.anchor.generation)
    if tuple(material) != planned.keys:
        raise ValueError(f"the plan and the material of {planned.role} name different keys")
    owner = {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "name": anchor_name(assistant, planned.anchor.role, planned.anchor.generation),
        "uid": anchor_uid,
    }
    metadata = {**planned.manifest["metadata"], "ownerReferences": [owner]}
    return {**planned.manifest, "metadata": metadata, "data": encode_data(material)}
