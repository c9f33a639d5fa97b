"""Gives Pods that run as processes the names of Services, by their /etc/hosts.

A Service's name stands for the address of one ready Pod behind it, so its port must equal its
target port. A Service without a ready Pod stands for an address that refuses connections. The
files are rewritten in place whenever Pods or Services change, and running Pods see that.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

Manifest = dict[str, Any]
HEAD = "127.0.0.1 localhost\n"
DOMAIN = "cluster.local"


def is_pod_ready(pod: Manifest) -> bool:
    """Whether a Pod is ready and not on its way out."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    is_ready = any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
    return is_ready and "deletionTimestamp" not in pod["metadata"]


def find_ready_address(service: Manifest, pods: Iterable[Manifest]) -> str | None:
    """The address of the first ready Pod behind a Service, by name; None where there is none."""
    selector = service["spec"].get("selector") or {}
    found = sorted(
        pod["metadata"]["name"] + " " + pod["status"]["podIP"]
        for pod in pods
        if selector
        and pod["metadata"]["namespace"] == service["metadata"]["namespace"]
        and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        and is_pod_ready(pod)
    )
    return found[0].rpartition(" ")[2] if found else None


def build_hosts(
    namespace: str, services: Iterable[Manifest], pods: Iterable[Manifest], unserved: str
) -> str:
    """Answers the text of /etc/hosts for the Pods of a namespace.

    Args:
        namespace: Where a Service's bare name suffices.
        services: All Services.
        pods: All Pods.
        unserved: Address of Services without a ready Pod.
    """
    known = tuple(pods)
    lines = [HEAD]
    for service in sorted(services, key=lambda item: str(item["metadata"])):
        home, name = service["metadata"]["namespace"], service["metadata"]["name"]
        full = f"{name}.{home}"
        names = [full, f"{full}.svc", f"{full}.svc.{DOMAIN}", *([name] * (home == namespace))]
        lines.append(f"{find_ready_address(service, known) or unserved} {' '.join(names)}\n")
    return "".join(lines)


class HostsFiles:
    """One file per namespace that has had a process."""

    def __init__(self, directory: Path, unserved: str) -> None:
        """Keeps the files in `directory`."""
        self._directory = directory
        self._unserved = unserved
        self._texts: dict[str, str] = {}

    def path(self, namespace: str) -> Path:
        """The file of a namespace; it is there from the first call on."""
        path = self._directory / namespace
        if namespace not in self._texts:
            self._directory.mkdir(parents=True, exist_ok=True)
            path.write_text(HEAD, encoding="utf-8")
            self._texts[namespace] = HEAD
        return path

    def refresh(self, services: Iterable[Manifest], pods: Iterable[Manifest]) -> None:
        """Rewrites the files whose text has changed; the file itself stays, for bind mounts."""
        if not self._texts:
            return
        known_services, known_pods = tuple(services), tuple(pods)
        for namespace, old in list(self._texts.items()):
            text = build_hosts(namespace, known_services, known_pods, self._unserved)
            if text != old:
                (self._directory / namespace).write_text(text, encoding="utf-8")
                self._texts[namespace] = text
