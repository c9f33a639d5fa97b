"""Applications of Argo CD: made, refreshed and read as their users would, by `kubectl`'s means."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from steward_argo.installing import NAMESPACE
from steward_argo.repository import BRANCH, Repository
from steward_lab.errors import ApiError
from steward_lab.kube_client import KubeClient

Manifest = dict[str, Any]

API = "argoproj.io/v1alpha1"
KIND = f"{API}/Application"
REFRESH = "argocd.argoproj.io/refresh"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
WAVE = "argocd.argoproj.io/sync-wave"
SYNC_SECONDS = 90.0
SERVER_SIDE = "ServerSideApply=true"


@dataclass(frozen=True, slots=True)
class Look:
    """What an Application says of itself at one moment."""

    sync: str
    health: str
    phase: str
    """Of the last synchronisation: Running, Succeeded, Failed, Error; empty before the first."""


def build_application(
    name: str, url: str, path: str, namespace: str, *, options: tuple[str, ...] = (SERVER_SIDE,)
) -> Manifest:
    """Return an Application that keeps a namespace as a folder of a repository says."""
    return {
        "apiVersion": API,
        "kind": "Application",
        "metadata": {"name": name, "namespace": NAMESPACE, "finalizers": [FINALIZER]},
        "spec": {
            "project": "default",
            "source": {"repoURL": url, "path": path, "targetRevision": BRANCH},
            "destination": {
                "server": "https://kubernetes.default.svc",
                "namespace": namespace,
            },
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True, "allowEmpty": True},
                "syncOptions": list(options),
                "retry": {"limit": 0},
            },
        },
    }


def read_look(application: Manifest) -> Look:
    """Read what an Application says; empty words for what it has not said yet."""
    status = application.get("status") or {}
    return Look(
        (status.get("sync") or {}).get("status", ""),
        (status.get("health") or {}).get("status", ""),
        (status.get("operationState") or {}).get("phase", ""),
    )


def read_resource(application: Manifest, kind: str, name: str) -> tuple[str, str]:
    """Read an object's health and its message; both empty where Argo CD claims no such object."""
    for found in (application.get("status") or {}).get("resources") or ():
        if (found["kind"], found["name"]) == (kind, name):
            health = found.get("health") or {}
            return health.get("status", ""), health.get("message", "")
    return "", ""


def list_claimed(application: Manifest) -> set[tuple[str, str]]:
    """Return kind and name of each object that Argo CD takes for its own."""
    resources = (application.get("status") or {}).get("resources") or ()
    return {(found["kind"], found["name"]) for found in resources}


class Delivery:
    """One Application with a folder in the repository and a namespace in the cluster.

    Attributes:
        admin: Client of the cluster.
        name: Its name, and that of the folder.
        namespace: Where it delivers to.
    """

    def __init__(self, admin: KubeClient, repository: Repository, name: str = "") -> None:
        """Make the namespace; `push` fills the folder, and `start` makes the Application."""
        self.admin = admin
        self.namespace = f"argo-{secrets.token_hex(4)}"
        self.name = name or self.namespace
        self._repository = repository
        self._revision = ""
        metadata = {"name": self.namespace}
        admin.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})

    def push(self, *manifests: Manifest, removed: tuple[str, ...] = ()) -> None:
        """Commit objects, one file each, and remove others by file name; ask Argo CD to look."""
        files: dict[str, str | None] = {
            f"{self.name}/{file_of(manifest)}": yaml.safe_dump(manifest) for manifest in manifests
        }
        files |= {f"{self.name}/{name}": None for name in removed}
        self.push_files(files)

    def push_files(self, files: Mapping[str, str | None]) -> None:
        """Commit files by their path in the repository, and ask Argo CD to look."""
        # A folder that is empty would be none.
        keep = {f"{self.name}/README": "What Argo CD delivers.\n"}
        self._revision = self._repository.commit({**keep, **files})
        if self.admin.find(KIND, self.name, NAMESPACE) is not None:
            self.refresh()

    def start(self, *options: str, path: str = "") -> None:
        """Make the Application, by default of its own folder and with server-side apply."""
        chosen = options or (SERVER_SIDE,)
        url = self._repository.url
        self.admin.create(
            build_application(self.name, url, path or self.name, self.namespace, options=chosen)
        )

    def abandon(self) -> None:
        """Remove Application and namespace without waiting for either."""
        with contextlib.suppress(ApiError):  # it may be gone, or go just now
            body = {"metadata": {"finalizers": None}}
            self.admin.patch(KIND, self.name, NAMESPACE, body=body)
            self.admin.delete(KIND, self.name, NAMESPACE)
        self.admin.delete("v1/Namespace", self.namespace)

    def read(self) -> Manifest:
        """Read the Application."""
        return self.admin.get(KIND, self.name, NAMESPACE)

    def refresh(self, how: str = "normal") -> None:
        """Ask Argo CD to look at the repository now, as a webhook would."""
        body = {"metadata": {"annotations": {REFRESH: how}}}
        self.admin.patch(KIND, self.name, NAMESPACE, body=body)

    def wait(self, until: Callable[[Manifest], object], seconds: float = SYNC_SECONDS) -> Manifest:
        """Wait until the Application is as wanted."""
        return self.admin.wait(KIND, self.name, NAMESPACE, until, deadline_seconds=seconds)

    def wait_delivered(self, health: str, *, seconds: float = SYNC_SECONDS) -> Manifest:
        """Wait until the last commit is compared and applied, and the health is as given."""

        def is_there(application: Manifest) -> bool:
            look = read_look(application)
            return is_compared(application, self._revision) and look == Look(
                "Synced", health, "Succeeded"
            )

        return self.wait(is_there, seconds)

    def wait_degraded(self, kind: str, name: str, words: str) -> None:
        """Wait until Argo CD shows an object as Degraded, and these words of ours with it."""

        def is_told(application: Manifest) -> bool:
            health, message = read_resource(application, kind, name)
            return health == "Degraded" and words in message

        self.wait(is_told)

    def wait_failed(self) -> str:
        """Wait until the last commit could not be applied, and return what Argo CD says of it."""

        def has_failed(application: Manifest) -> bool:
            state = (application.get("status") or {}).get("operationState") or {}
            tried = (state.get("syncResult") or {}).get("revision")
            return tried == self._revision and state.get("phase") == "Failed"

        state = self.wait(has_failed)["status"]["operationState"]
        results = (state["syncResult"].get("resources") or ()) if "syncResult" in state else ()
        return "\n".join([state["message"], *(found.get("message", "") for found in results)])

    def record(self, seconds: float) -> tuple[Look, ...]:
        """Watch it for some time and return each look that differs from the one before."""
        seen: list[Look] = []
        for state in self.admin.watch(KIND, self.name, NAMESPACE, seconds):
            look = read_look(state) if state is not None else Look("", "", "")
            if not seen or seen[-1] != look:
                seen.append(look)
        return tuple(seen)


Deliver = Callable[..., Delivery]
"""Makes an Application's folder and namespace; its name may be given."""


def is_compared(application: Manifest, revision: str) -> bool:
    """Say whether Argo CD has compared the cluster with a commit, and applied it."""
    status = application.get("status") or {}
    compared = (status.get("sync") or {}).get("revision")
    applied = ((status.get("operationState") or {}).get("syncResult") or {}).get("revision")
    return bool(compared == applied == revision)


def file_of(manifest: Manifest) -> str:
    """Return the file that an object has in its folder."""
    return f"{manifest['kind']}-{manifest['metadata']['name']}.yaml".lower()
