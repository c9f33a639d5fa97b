"""What an observer reads off objects: conditions, quiet, and states that can be compared."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from typing import Any

from steward_api.meta import API_VERSION
from steward_lab.audit import AuditEntry, Mark
from steward_lab.kube_client import KubeClient
from steward_operator.labels import ASSISTANT
from steward_operator_lab.operating import OperatorProcess

Manifest = dict[str, Any]

ASSISTANT_KIND = f"{API_VERSION}/Assistant"
CHILD_KINDS = (
    "v1/ServiceAccount",
    "v1/ConfigMap",
    "v1/PersistentVolumeClaim",
    "v1/Service",
    "networking.k8s.io/v1/NetworkPolicy",
    "apps/v1/Deployment",
    "batch/v1/CronJob",
    "v1/Secret",
)
READY_SECONDS = 30.0
QUIET_SECONDS = 2.5
"""Longer than anything that the operator puts off: status waits 2 s at most."""
QUIET_DEADLINE_SECONDS = 60.0
_RANDOM = re.compile(r"[0-9a-f]{32}")


def find_condition(manifest: Manifest, name: str) -> Manifest:
    """Return one condition of an object; an empty one where it is absent."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == name), {})


def has_condition(
    manifest: Manifest, name: str, status: str, reason: str = "", mention: str = ""
) -> bool:
    """Say whether a condition has a status, and a reason and words where they are given."""
    found = find_condition(manifest, name)
    return (
        found.get("status") == status
        and (not reason or found.get("reason") == reason)
        and mention in found.get("message", "")
    )


def wait_condition(
    admin: KubeClient, namespace: str, assistant: str, name: str, *words: str
) -> Manifest:
    """Wait until an Assistant's condition has this status (and reason, and mention)."""
    return admin.wait(
        ASSISTANT_KIND,
        assistant,
        namespace,
        lambda manifest: has_condition(manifest, name, *words),
        deadline_seconds=READY_SECONDS,
    )


def wait_ready(admin: KubeClient, namespace: str, assistant: str = "helper") -> Manifest:
    """Wait until an Assistant is Ready for its present spec."""
    return admin.wait(
        ASSISTANT_KIND,
        assistant,
        namespace,
        lambda m: (
            has_condition(m, "Ready", "True")
            and m["status"]["observedGeneration"] == m["metadata"]["generation"]
        ),
        deadline_seconds=READY_SECONDS,
    )


def wait_quiet(operator: OperatorProcess, mark: Mark, namespace: str) -> tuple[AuditEntry, ...]:
    """Wait until the operator leaves a namespace alone; return its writes there since `mark`.

    Watches and lists count as silence: they come by the clock.
    """
    deadline = time.monotonic() + QUIET_DEADLINE_SECONDS
    seen, since = -1, time.monotonic()
    while time.monotonic() < deadline:
        found = [e for e in operator.requests_since(mark) if e.namespace == namespace]
        asked = sum(entry.verb not in {"watch", "list"} for entry in found)
        if asked != seen:
            seen, since = asked, time.monotonic()
        elif time.monotonic() - since >= QUIET_SECONDS:
            return tuple(entry for entry in found if entry.is_write)
        time.sleep(0.1)
    raise AssertionError("the operator did not come to rest")


def list_children(admin: KubeClient, namespace: str, assistant: str = "helper") -> list[Manifest]:
    """Return every child of an Assistant, Secrets included."""
    selector = f"{ASSISTANT}={assistant}"
    return [child for kind in CHILD_KINDS for child in admin.list(kind, namespace, labels=selector)]


def describe(entries: Iterable[AuditEntry]) -> list[str]:
    """Return a sorted list of what was asked, without names that hold random digits."""
    return sorted(
        f"{entry.verb} {entry.resource}{'/' if entry.subresource else ''}{entry.subresource} "
        f"{_RANDOM.sub('*', entry.name)}"
        for entry in entries
    )


def render_state(admin: KubeClient, namespace: str, assistant: str = "helper") -> str:
    """Return the wanted part of all children as text, without what differs between two runs.

    Blueprints of the past are left out.
    """
    digest = admin.get(ASSISTANT_KIND, assistant, namespace)["status"]["blueprintDigest"]
    current = f"{assistant}-blueprint-{digest.removeprefix('sha256:')[:16]}"
    past = f"{assistant}-blueprint-"
    children = [
        {
            "kind": child["kind"],
            "name": child["metadata"]["name"],
            "labels": child["metadata"].get("labels"),
            "spec": child.get("spec"),
            "data": None if child["kind"] == "Secret" else child.get("data"),
        }
        for child in list_children(admin, namespace, assistant)
        if not child["metadata"]["name"].startswith(past) or child["metadata"]["name"] == current
    ]
    text = _RANDOM.sub("*", json.dumps(children, sort_keys=True, indent=1))
    text = text.replace(namespace, "NAMESPACE")
    patterns = (
        r'"(applied-digest|clusterIPs?|volumeName|nodePort)": ("[^"]*"|\[[^]]*\])',
        r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}",
        r'"schedule": "[^"]*"',
    )
    for pattern in patterns:
        text = re.sub(pattern, "*", text)
    return text


def render_conditions(manifest: Manifest) -> str:
    """Return what the conditions of an object say, without times."""
    conditions = (manifest.get("status") or {}).get("conditions") or ()
    shown = [
        (c["type"], c["status"], c["reason"], _RANDOM.sub("*", c["message"])) for c in conditions
    ]
    return json.dumps(shown, indent=1)
