"""Lists and watches the bounds of the platform team; to lose sight of them is news.

kopf tells of our other kinds. It says nothing when a kind may no longer be listed, and here that
silence would leave doors open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from steward_operator.errors import AbsentError, ForbiddenError
from steward_operator.gather.cluster_policies import ClusterPolicies
from steward_operator.gather.subject import Subject
from steward_operator.kube.client import KubeClient, Selection
from steward_operator.kube.resources import CLUSTER_POLICIES
from steward_operator.objects import Manifest
from steward_operator.pump.following import Follower

if TYPE_CHECKING:
    from collections.abc import Iterator

FORBIDDEN: Final = (
    f"the operator may not list {CLUSTER_POLICIES.kind} objects, so nothing is allowed; let its "
    f"ServiceAccount get, list and watch {CLUSTER_POLICIES.plural} by a ClusterRole"
)
ABSENT: Final = (
    f"the kind {CLUSTER_POLICIES.kind} is not installed, so nothing is allowed; install its "
    "CustomResourceDefinition"
)

Wake = Callable[[Iterable[Subject]], None]


class BoundsSink:
    """What becomes of lists and events of ClusterAssistantPolicies."""

    def __init__(self, policies: ClusterPolicies, wake: Wake) -> None:
        """Keep `policies` up to date; `wake` whom a change concerns."""
        self._policies = policies
        self._wake = wake
        self._listed: set[str] = set()

    def begin_list(self) -> None:
        """Begin to collect what is there."""
        self._listed = set()

    def take_listed(self, manifest: Manifest, *, is_first: bool) -> None:
        """Take in one item; `is_first` makes no difference."""
        del is_first
        self._listed.add(str(manifest["metadata"]["name"]))
        self.take_event("ADDED", manifest)

    def end_list(self) -> None:
        """Drop what was not in the list; from now on the bounds are known."""
        for name in sorted(self._policies.names() - self._listed):
            self._wake(self._policies.forget(name))
        self._wake(self._policies.find())

    def take_event(self, kind: str, manifest: Manifest) -> None:
        """Take in one event."""
        if kind == "DELETED":
            self._wake(self._policies.forget(str(manifest["metadata"]["name"])))
            return
        header = {"apiVersion": CLUSTER_POLICIES.api_version, "kind": CLUSTER_POLICIES.kind}
        self._wake(self._policies.observe({**manifest, **header}))

    def lose(self, why: str) -> None:
        """Lose sight of the policies."""
        self._wake(self._policies.lose(why))


class BoundsFollower(Follower):
    """Follows the policies; a refusal to list or watch them closes every door."""

    def __init__(self, client: KubeClient, policies: ClusterPolicies, wake: Wake) -> None:
        """Keep `policies` up to date; `wake` whom a change concerns."""
        self._bounds = BoundsSink(policies, wake)
        super().__init__(client, CLUSTER_POLICIES, Selection(), self._bounds)

    async def sync(self) -> None:
        """Make the first list; where it is forbidden, nothing is allowed until it is not.

        Raises:
            ApiError: if it cannot be had for another reason.
        """
        try:
            await super().sync()
        except ForbiddenError:
            return

    async def _list(self, selection: Selection, *, is_first: bool) -> None:
        with self._watching():
            await super()._list(selection, is_first=is_first)

    async def _watch(self) -> None:
        with self._watching():
            await super()._watch()
        # A watch that outlives a change of the schema shows objects as the old one read them;
        # there are few policies, so that a list now and then costs nothing.
        self._version = ""

    @contextmanager
    def _watching(self) -> Iterator[None]:
        try:
            yield
        except ForbiddenError:
            self._version = ""
            self._bounds.lose(FORBIDDEN)
            raise
        except AbsentError:
            self._version = ""
            self._bounds.lose(ABSENT)
            raise
