"""Carries out one `Plan`: keys first, then what needs them, everything else beside; then prune."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from steward_operator.apply.children import ChildWriter
from steward_operator.apply.keys import KeyWriter
from steward_operator.apply.outcome import NOTHING, OUTDATED, WRITTEN, Outcome, merge_outcomes
from steward_operator.apply.refusals import Refusals
from steward_operator.errors import AbsentError, ApiError, OutdatedError
from steward_operator.gather.child_cache import ChildCache
from steward_operator.gather.child_record import ChildKey
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import resource_by_kind
from steward_operator.objects import Manifest, ObjectKey
from steward_operator.plan.world import HELD_UNTIL_SECRETS, Plan


class Effects:
    """Applies everything of a plan but its status."""

    def __init__(
        self, client: KubeClient, cache: ChildCache, keys: KeyWriter, children: ChildWriter
    ) -> None:
        """Write through `client` and the two writers; forget in `cache` what was deleted."""
        self._client = client
        self._cache = cache
        self._keys = keys
        self._children = children

    async def apply(self, plan: Plan, assistant: Subject, refusals: Refusals) -> Outcome:
        """Bring the cluster to the plan; one refused child never stops another."""
        held = [child for child in plan.children if child["kind"] in HELD_UNTIL_SECRETS]
        free = [child for child in plan.children if child["kind"] not in HELD_UNTIL_SECRETS]
        outcomes = await asyncio.gather(
            self._apply_held(plan, held, assistant, refusals),
            *(self._children.apply(child, refusals) for child in free),
        )
        outcome = merge_outcomes(outcomes)
        if outcome.faults or outcome.transient or outcome.is_outdated:
            return outcome
        pruned = await asyncio.gather(*(self._prune(key) for key in plan.prune))
        return merge_outcomes((outcome, *pruned))

    async def _apply_held(
        self, plan: Plan, held: Iterable[Manifest], assistant: Subject, refusals: Refusals
    ) -> Outcome:
        keys = await self._keys.apply(plan, assistant, refusals)
        if keys.faults or keys.transient or keys.is_outdated:
            return keys
        applied = await asyncio.gather(*(self._children.apply(child, refusals) for child in held))
        return merge_outcomes((keys, *applied))

    async def _prune(self, key: ObjectKey) -> Outcome:
        child = ChildKey(key.kind, key.namespace, key.name)
        self._cache.begin_write(child)
        try:
            await self._client.delete(resource_by_kind(key.api_version, key.kind), key)
        except AbsentError:
            self._cache.drop(child)
            return NOTHING
        except OutdatedError:
            return OUTDATED
        except ApiError as error:
            return Outcome(transient=error)
        finally:
            self._cache.end_write(child)
        return WRITTEN
