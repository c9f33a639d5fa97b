"""Brings one child to what is wished: create, compare, apply; never more than it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus

from steward_operator import labels
from steward_operator.apply.edits import build_edits
from steward_operator.apply.marking import digest_wish, mark_wish, read_mark
from steward_operator.apply.outcome import NOTHING, OUTDATED, WRITTEN, Outcome
from steward_operator.apply.refusals import Refusals
from steward_operator.compare import has_drifted
from steward_operator.errors import AbsentError, AlreadyThereError, ApiError, RejectedError
from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.child_record import ChildKey, ChildRecord
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import Resource, resource_of
from steward_operator.names import FIELD_MANAGER
from steward_operator.objects import Manifest, key_of
from steward_operator.plan.world import WriteFault

NOT_OURS = "the name belongs to an object that Steward did not make; rename or delete that object"


@dataclass(frozen=True, slots=True)
class Wish:
    """One child as it is to be, with what is needed to get there."""

    resource: Resource
    key: ChildKey
    manifest: Manifest
    """The wanted manifest, marked with its digest."""
    digest: str


def build_wish(manifest: Manifest) -> Wish:
    """Return the wish for one planned child."""
    digest, resource = digest_wish(manifest), resource_of(manifest)
    metadata = manifest["metadata"]
    key = ChildKey(resource.kind, metadata["namespace"], metadata["name"])
    return Wish(resource, key, mark_wish(manifest, digest), digest)


class ChildWriter:
    """Writes children; every fault of the API server becomes part of the outcome."""

    def __init__(self, client: KubeClient, cache: ChildCache, clock: Callable[[], float]) -> None:
        """Write through `client`, remember in `cache`; `clock` is monotonic seconds."""
        self._client = client
        self._cache = cache
        self._clock = clock

    async def apply(self, manifest: Manifest, refusals: Refusals) -> Outcome:
        """Bring one child to `manifest`; write nothing where it is so already."""
        wish = build_wish(manifest)
        record = self._cache.get(wish.key)
        if record is not None and (record.verified == wish.digest or record.is_terminating):
            return NOTHING
        version = record.version if record else ""
        standing = refusals.find(wish.key, wish.digest, version, self._clock())
        if standing is not None and not await self._is_name_free(wish, standing):
            return Outcome(faults=(standing,))
        outcome = await self._attempt(wish, record, refusals)
        if outcome.writes:
            refusals.clear(wish.key)
        return outcome

    async def _is_name_free(self, wish: Wish, standing: WriteFault) -> bool:
        """Read, which costs no write, whether somebody else's object still has the name."""
        if standing.code != HTTPStatus.CONFLICT:
            return False
        try:
            await self._client.get(wish.resource, wish.key.namespace, wish.key.name)
        except AbsentError:
            return True
        except ApiError:
            return False
        return False

    async def _attempt(self, wish: Wish, record: ChildRecord | None, refusals: Refusals) -> Outcome:
        self._cache.begin_write(wish.key)
        try:
            outcome = await (self._create(wish) if record is None else self._update(wish))
        except ApiError as error:
            version = record.version if record else ""
            outcome = refusals.judge(
                wish.key,
                wish.manifest,
                error,
                self._clock(),
                digest=wish.digest,
                version=version,
            )
        is_settled = self._cache.end_write(wish.key)
        if outcome.writes and not is_settled:
            # Somebody changed the child while we wrote it, and no event will say so again.
            return replace(outcome, is_outdated=True)
        return outcome

    async def _create(self, wish: Wish) -> Outcome:
        try:
            answer = await self._client.create(wish.resource, wish.manifest)
        except AlreadyThereError as error:
            return await self._adopt(wish, error)
        self._cache.note_written(answer, wish.resource, wish.digest)
        return WRITTEN

    async def _adopt(self, wish: Wish, error: AlreadyThereError) -> Outcome:
        """Take back a child that our watch does not show, if it is ours."""
        try:
            observed = await self._client.get(wish.resource, wish.key.namespace, wish.key.name)
        except AbsentError:
            return OUTDATED
        if not is_ours(wish.manifest, observed):
            raise RejectedError(error.attempt, NOT_OURS, status=error.status)
        if observed["metadata"].get("deletionTimestamp"):
            return Outcome(transient=error)
        return await self._compare(wish, observed)

    async def _update(self, wish: Wish) -> Outcome:
        observed = self._cache.take_whole(wish.key, wish.resource)
        # Fields can only be taken away with managedFields at hand, which the first list leaves out.
        if observed is None or read_mark(observed) != wish.digest:
            try:
                observed = await self._client.get(wish.resource, wish.key.namespace, wish.key.name)
            except AbsentError:
                self._cache.drop(wish.key)
                return await self._create(wish)
            self._cache.observe(observed, wish.resource)
        return await self._compare(wish, observed)

    async def _compare(self, wish: Wish, observed: Manifest) -> Outcome:
        if not has_drifted(wish.manifest, observed):
            self._cache.note_verified(observed, wish.resource, wish.digest)
            return NOTHING
        return await self._write(wish, observed)

    async def _write(self, wish: Wish, observed: Manifest) -> Outcome:
        key, writes = key_of(observed), 1
        edits = build_edits(wish.manifest, observed, is_new_wish=read_mark(observed) != wish.digest)
        if edits:
            answer = await self._client.edit(wish.resource, key, edits)
            key = replace(key, resource_version=answer["metadata"]["resourceVersion"])
            writes = 2
        answer = await self._client.apply(
            wish.resource,
            wish.manifest,
            uid=key.uid,
            resource_version=key.resource_version,
        )
        self._cache.note_written(answer, wish.resource, wish.digest)
        return Outcome(writes=writes)


def is_ours(desired: Manifest, observed: Manifest) -> bool:
    """Say whether an object that has the name of a child was made by us for this Assistant.

    Ours has the same owner, or our labels for the same Assistant, or was written by our field
    manager (its labels may have been stripped by hand).
    """
    wanted, found = desired["metadata"], observed["metadata"]
    owners = {owner["uid"] for owner in found.get("ownerReferences") or ()}
    if any(owner["uid"] in owners for owner in wanted.get("ownerReferences") or ()):
        return True
    has = found.get("labels") or {}
    if all(
        has.get(name) == wanted["labels"][name] for name in (labels.MANAGED_BY, labels.ASSISTANT)
    ):
        return True
    entries = found.get("managedFields") or ()
    return any(entry.get("manager") == FIELD_MANAGER for entry in entries)
