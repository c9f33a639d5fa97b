"""The bounds of the platform team as last seen: every ClusterAssistantPolicy, parsed.

While they cannot be read, or one of them cannot, nothing is allowed: what is unknown could forbid
anything.
"""

from __future__ import annotations

from typing import Final

from steward_api.v1alpha1 import ClusterAssistantPolicy
from steward_operator.gather.own_cache import OwnCache, parse_entry, subject_of
from steward_operator.gather.subject import Subject
from steward_operator.objects import Manifest
from steward_operator.plan.bounds import KIND, Bounds, is_governed, select_bounds
from steward_operator.plan.world import Broken

BOUNDED_KINDS: Final = frozenset({"Assistant", "Model", "Tool", "RetentionPolicy"})
"""Kinds whose objects are looked at again when a bound changes."""
NOT_LISTED: Final = "the ClusterAssistantPolicies were not listed yet; wait for the operator"


class ClusterPolicies:
    """Holds every policy; the objects themselves are in the cache of our own kinds too."""

    def __init__(self, own: OwnCache) -> None:
        """Know nothing yet, so that nothing is allowed."""
        self._own = own
        self._held: dict[str, ClusterAssistantPolicy | Broken] = {}
        self._lost = NOT_LISTED

    def bounds_of(self, namespace: str) -> Bounds:
        """Return what holds in a namespace."""
        readable = [p for p in self._held.values() if isinstance(p, ClusterAssistantPolicy)]
        return select_bounds(readable, namespace, self._lost or self._describe_broken())

    def observe(self, manifest: Manifest) -> tuple[Subject, ...]:
        """Take in one version of a policy; return whom it concerns, itself first."""
        subject = subject_of(manifest)
        before = self._held.get(subject.name)
        entry, known = parse_entry(manifest), self._own.get(subject)
        content = entry.held
        if not isinstance(content, ClusterAssistantPolicy | Broken):
            return ()
        if known is not None and known.resource_version == entry.resource_version:
            # The same version may read differently once the schema has changed.
            if content == before:
                return ()
            self._own.forget(subject)
        concerned = self._own.observe(manifest)
        self._held[subject.name] = content
        if before is not None and before == content:
            return concerned
        is_same = _spec_of(before) == _spec_of(content) is not None
        return concerned if is_same else (*concerned, *self._governed(before, content))

    def forget(self, name: str) -> tuple[Subject, ...]:
        """Drop a deleted policy; return whom that concerns."""
        before = self._held.pop(name, None)
        gone = self._own.forget(Subject(KIND, "", name))
        return (*gone, *self._governed(before)) if before is not None else gone

    def names(self) -> frozenset[str]:
        """Return the names of the policies that are held."""
        return frozenset(self._held)

    def find(self) -> tuple[Subject, ...]:
        """Note that the list is complete; return whom that concerns."""
        was_lost, self._lost = self._lost, ""
        return self._every() if was_lost else ()

    def lose(self, why: str) -> tuple[Subject, ...]:
        """Note that the policies cannot be read, and why; return whom that concerns."""
        is_news, self._lost = why != self._lost, why
        return self._every() if is_news else ()

    def _describe_broken(self) -> str:
        broken = sorted(p.name for p in self._held.values() if isinstance(p, Broken))
        if not broken:
            return ""
        return (
            f"{KIND} {', '.join(broken)} cannot be read, so nothing is allowed; mend it, or "
            "install the version of Steward that it was written for"
        )

    def _governed(self, *versions: ClusterAssistantPolicy | Broken | None) -> tuple[Subject, ...]:
        """Return what lives in the namespaces of a policy, before and after a change."""
        found = [version for version in versions if version is not None]
        if any(isinstance(version, Broken) for version in found):
            return self._every()
        patterns = [v.spec.namespaces for v in found if isinstance(v, ClusterAssistantPolicy)]
        return tuple(
            subject
            for subject in self._every()
            if any(is_governed(each, subject.namespace) for each in patterns)
        )

    def _every(self) -> tuple[Subject, ...]:
        return tuple(s for s in self._own.subjects() if s.kind in BOUNDED_KINDS)


def _spec_of(content: ClusterAssistantPolicy | Broken | None) -> object:
    return content.spec if isinstance(content, ClusterAssistantPolicy) else None
