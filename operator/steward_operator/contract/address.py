"""Where the runtime of an assistant listens: at its Pod, asked for when it is needed.

By Pod and not by Service: no name has to be resolved, and no connection goes to a Pod that is on
its way out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from steward_operator import labels, names
from steward_operator.contract.errors import RuntimeUnreachable
from steward_operator.errors import ApiError
from steward_operator.kube.client import KubeClient, Selection
from steward_operator.kube.resources import PODS
from steward_operator.names import Component
from steward_operator.objects import Manifest, Subject

PAGE_SIZE: Final = 20


class PodAddresses:
    """Finds the administration address of running Pods."""

    def __init__(self, client: KubeClient) -> None:
        """List Pods through `client`."""
        self._client = client
        self._known: dict[Subject, str] = {}

    def forget(self, subject: Subject) -> None:
        """Look for the Pod anew the next time, because it did not answer or may be another."""
        self._known.pop(subject, None)

    async def find(self, subject: Subject) -> str:
        """Return the base URL of the administration API, for example `http://10.1.2.3:8081`.

        An address is kept until it is forgotten. One that now belongs to another Pod does no harm:
        a token is good for one Assistant alone.

        Raises:
            RuntimeUnreachable: if no Pod runs, or Pods cannot be listed.
        """
        known = self._known.get(subject)
        if known is not None:
            return known
        selected = labels.labels_that_select_pods(subject.name, Component.RUNTIME)
        selector = ",".join(f"{name}={value}" for name, value in selected.items())
        selection = Selection(subject.namespace, labels=selector)
        found: list[tuple[str, str]] = []
        try:
            async for page in self._client.pages(PODS, selection, PAGE_SIZE):
                found.extend(_running(page.items))
        except ApiError as error:
            raise RuntimeUnreachable(str(error)) from error
        if not found:
            raise RuntimeUnreachable(f"no Pod of Assistant {subject.name} is running")
        _, address = max(found)
        host = f"[{address}]" if ":" in address else address
        self._known[subject] = f"http://{host}:{names.ADMIN_PORT}"
        return self._known[subject]


def _running(pods: tuple[Manifest, ...]) -> Iterator[tuple[str, str]]:
    """Yield time of creation and address of Pods that run and stay."""
    for pod in pods:
        metadata: dict[str, Any] = pod.get("metadata") or {}
        status: dict[str, Any] = pod.get("status") or {}
        is_up = status.get("phase") == "Running" and not metadata.get("deletionTimestamp")
        if is_up and status.get("podIP"):
            yield str(metadata.get("creationTimestamp", "")), str(status["podIP"])
