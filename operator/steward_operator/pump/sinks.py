"""What lists and watches of children and Events mean for the caches and the queue."""

from __future__ import annotations

from collections.abc import Callable

from steward_operator.gather.blueprints import is_blueprint
from steward_operator.gather.child_cache import Concern
from steward_operator.gather.child_record import ChildKey, key_of_child
from steward_operator.gather.own_cache import ASSISTANT, build_subject
from steward_operator.gather.subject import Subject
from steward_operator.gather.world import Stores
from steward_operator.kube.resources import CONFIG_MAPS, Resource
from steward_operator.objects import Manifest

Wake = Callable[[Subject], None]
Tell = Callable[[Concern], None]


class ChildSink:
    """Children of one kind."""

    def __init__(self, resource: Resource, stores: Stores, tell: Tell) -> None:
        """Keep `stores` up to date; `tell` whom a change concerns."""
        self._resource = resource
        self._stores = stores
        self._wake = tell
        self._listed: set[ChildKey] = set()

    def begin_list(self) -> None:
        """Begin to collect what is there."""
        self._listed = set()

    def take_listed(self, manifest: Manifest, *, is_first: bool) -> None:
        """Take in one item; of a first list keep the whole for one comparison."""
        self._listed.add(key_of_child(manifest, self._resource))
        self._observe(manifest)
        if is_first:
            self._take_whole(manifest)

    def end_list(self) -> None:
        """Drop what was not in the list."""
        for key in self._stores.children.keys_of(self._resource):
            if key not in self._listed:
                self._tell(self._stores.children.drop(key))
        self._listed = set()

    def take_event(self, kind: str, manifest: Manifest) -> None:
        """Take in one event."""
        if kind == "DELETED":
            self._stores.anchors.forget(str(manifest["metadata"].get("uid", "")))
            self._tell(self._stores.children.forget(manifest, self._resource))
        else:
            self._observe(manifest)

    def _observe(self, manifest: Manifest) -> None:
        self._tell(self._stores.children.observe(manifest, self._resource))

    def _tell(self, concern: Concern | None) -> None:
        if concern is not None:
            self._wake(concern)

    def _take_whole(self, manifest: Manifest) -> None:
        whole = {"kind": self._resource.kind, **manifest}
        is_config_map = self._resource is CONFIG_MAPS
        if is_config_map and self._stores.anchors.note(whole) is not None:
            return
        self._stores.children.keep_whole(manifest, self._resource)
        record = self._stores.children.get(key_of_child(manifest, self._resource))
        if is_blueprint(whole) and record is not None:
            namespace = str(manifest["metadata"]["namespace"])
            self._stores.blueprints.note(
                build_subject(ASSISTANT, namespace, record.assistant), whole
            )


class MountFailureSink:
    """FailedMount Events of Pods."""

    def __init__(self, stores: Stores, wake: Wake) -> None:
        """Keep `stores` up to date; `wake` the Assistants whose Pod may be concerned."""
        self._stores = stores
        self._wake = wake

    def begin_list(self) -> None:
        """Nothing to collect: failures end by a probe, not by the end of an Event."""

    def take_listed(self, manifest: Manifest, *, is_first: bool) -> None:
        """Take in one Event; `is_first` makes no difference."""
        del is_first
        self._observe(manifest)

    def end_list(self) -> None:
        """Nothing to drop."""

    def take_event(self, kind: str, manifest: Manifest) -> None:
        """Take in one event of the watch."""
        if kind != "DELETED":
            self._observe(manifest)

    def _observe(self, manifest: Manifest) -> None:
        for subject in self._stores.mounts.observe(manifest):
            if self._stores.own.get(subject) is not None:
                self._stores.probes.expire(subject)
                self._wake(subject)
            else:
                self._stores.mounts.forget(subject)
