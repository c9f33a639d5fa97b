"""What shall become of a Pod: outcomes, and the rules by which a test chooses them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

Manifest = dict[str, Any]


class Outcome(StrEnum):
    """What the kubelet makes of a Pod."""

    READY = "Ready"
    """Running, all containers ready."""
    NOT_READY = "NotReady"
    """Running, no container ready."""
    SUCCEEDED = "Succeeded"
    """All containers ended with code 0."""
    FAILED = "Failed"
    """The first container ended with the rule's code; under restartPolicy Always a crash loop."""
    CRASH_LOOP = "CrashLoop"
    """Running, the first container waiting to be restarted after the rule's code."""
    IMAGE_PULL_BACK_OFF = "ImagePullBackOff"
    """Pending, the images cannot be had."""
    PENDING = "Pending"
    """Bound and never started."""
    UNBOUND = "Unbound"
    """Not even bound to the node, as where no node has room."""
    PROCESS = "Process"
    """The containers' commands run as local processes."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Chooses Pods and says what becomes of them; of several that match the newest wins.

    Attributes:
        outcome: What becomes of them.
        namespace: Their namespace; "" is any.
        name_prefix: What their names begin with.
        labels: Labels that they all carry.
        image: Image of one of their containers; "" is any.
        exit_code: How their first container ends, where it does.
        message: Its termination message.
    """

    outcome: Outcome
    namespace: str = ""
    name_prefix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    image: str = ""
    exit_code: int = 1
    message: str = ""

    def is_for(self, pod: Manifest) -> bool:
        """Whether it chooses this Pod."""
        metadata = pod["metadata"]
        labels = metadata.get("labels") or {}
        return (
            self.namespace in {"", metadata["namespace"]}
            and metadata["name"].startswith(self.name_prefix)
            and self.image in {"", *(item["image"] for item in pod["spec"]["containers"])}
            and all(labels.get(key) == value for key, value in self.labels.items())
        )


def decide_rule(pod: Manifest, rules: tuple[Rule, ...], fallback: Rule | None) -> Rule:
    """Answers the newest rule for a Pod.

    Without one it is the fallback, and without that a Pod that always restarts becomes ready and
    any other (a Job's) succeeds.
    """
    always = pod["spec"].get("restartPolicy", "Always") == "Always"
    chosen = next((rule for rule in reversed(rules) if rule.is_for(pod)), fallback)
    if chosen is None:
        return Rule(Outcome.READY if always else Outcome.SUCCEEDED)
    if chosen.outcome is Outcome.FAILED and always:
        return Rule(Outcome.CRASH_LOOP, exit_code=chosen.exit_code, message=chosen.message)
    return chosen
