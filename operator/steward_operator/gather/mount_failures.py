"""FailedMount Events of our Pods: which of a user's Secrets a kubelet did not find."""

from __future__ import annotations

import re
from typing import Final

from steward_operator.gather.subject import Subject
from steward_operator.names import purge_cron_job_name
from steward_operator.objects import Manifest

SELECTION: Final = "reason=FailedMount,involvedObject.kind=Pod"
"""Field selector of the Events that we watch: filtered on the server."""
_MISSING: Final = re.compile(r'secret "([a-z0-9][a-z0-9.-]*)" not found')
"""The kubelet's words, for example `MountVolume.SetUp failed for volume "x" : secret "y" not
found`."""
_GENERATED_PARTS: Final = 2
"""A Pod of a Deployment or Job is named after it, plus two generated parts."""


class MountFailures:
    """Remembers per Assistant which Secrets were reported missing."""

    def __init__(self) -> None:
        """Start empty."""
        self._missing: dict[Subject, set[str]] = {}

    def observe(self, event: Manifest) -> tuple[Subject, ...]:
        """Take in one Event; return the Assistants whose Pod it may speak of."""
        pod = event.get("involvedObject") or {}
        found = _MISSING.search(str(event.get("message", "")))
        if found is None or not pod.get("namespace"):
            return ()
        concerned = assistants_of_pod(str(pod["namespace"]), str(pod.get("name", "")))
        for subject in concerned:
            self._missing.setdefault(subject, set()).add(found.group(1))
        return concerned

    def of(self, assistant: Subject) -> tuple[str, ...]:
        """Return the Secrets that were reported missing for one Assistant, sorted."""
        return tuple(sorted(self._missing.get(assistant, ())))

    def clear(self, assistant: Subject, secret: str) -> None:
        """Forget a failure: the Secret is there."""
        missing = self._missing.get(assistant, set())
        missing.discard(secret)
        if not missing:
            self._missing.pop(assistant, None)

    def forget(self, assistant: Subject) -> None:
        """Drop a deleted Assistant."""
        self._missing.pop(assistant, None)


def assistants_of_pod(namespace: str, pod: str) -> tuple[Subject, ...]:
    """Return the Assistants that a Pod may belong to by its name; the caller knows which exist."""
    owner = pod.rsplit("-", _GENERATED_PARTS)[0]
    suffix = purge_cron_job_name("")
    candidates = [owner]
    if owner.endswith(suffix):
        candidates.append(owner.removesuffix(suffix))
    return tuple(Subject("Assistant", namespace, name) for name in candidates if name != pod)
