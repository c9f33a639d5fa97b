"""The finalizer of `deletionPolicy: Erase`, and the records of erasures that nobody proved."""

from __future__ import annotations

from steward_api.v1alpha1 import Assistant
from steward_operator import names
from steward_operator.errors import AbsentError, AlreadyThereError
from steward_operator.kube.client import KubeClient
from steward_operator.kube.resources import CONFIG_MAPS, OWN
from steward_operator.objects import Manifest, ObjectKey
from steward_operator.plan.world import FinalizerEdit, Plan

ASSISTANTS = next(resource for resource in OWN if resource.kind == "Assistant")


class FinalizerWriter:
    """Adds and removes our finalizer, and touches nothing else of an Assistant."""

    def __init__(self, client: KubeClient) -> None:
        """Write through `client`."""
        self._client = client

    async def apply(self, plan: Plan, assistant: Assistant) -> None:
        """Write the records of a plan, then its edit of the finalizer.

        Raises:
            OutdatedError: if the Assistant has changed since it was read; the watch will tell.
            ApiError: if a record or the edit could not be written; nothing is let go then.
        """
        for record in plan.records:
            try:
                await self._client.create(CONFIG_MAPS, record)
            except AlreadyThereError:
                continue
        if plan.finalizer is None:
            return
        metadata = assistant.metadata
        key = ObjectKey(
            ASSISTANTS.api_version,
            ASSISTANTS.kind,
            metadata.namespace,
            metadata.name,
            metadata.uid,
            metadata.resource_version,
        )
        try:
            await self._client.edit(
                ASSISTANTS, key, build_edits(metadata.finalizers, plan.finalizer)
            )
        except AbsentError:
            return


def build_edits(present: tuple[str, ...], edit: FinalizerEdit) -> list[Manifest]:
    """Build the JSON Patch that adds or removes our finalizer beside those of others."""
    ours = names.ERASURE_FINALIZER
    if edit is FinalizerEdit.REMOVE:
        path = f"/metadata/finalizers/{present.index(ours)}"
        return [{"op": "test", "path": path, "value": ours}, {"op": "remove", "path": path}]
    if present:
        return [{"op": "add", "path": "/metadata/finalizers/-", "value": ours}]
    return [{"op": "add", "path": "/metadata/finalizers", "value": [ours]}]
