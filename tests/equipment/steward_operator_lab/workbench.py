"""One namespace with short words for what tests do in it."""

from __future__ import annotations

from steward_lab.kube_client import KubeClient, Manifest


class Workbench:
    """One namespace with short words for what tests do in it."""

    def __init__(self, admin: KubeClient, namespace: str) -> None:
        """Work as the administrator in `namespace`."""
        self.admin = admin
        self.namespace = namespace

    def create(self, *manifests: Manifest) -> None:
        """Create objects, as a user would."""
        for manifest in manifests:
            self.admin.create(manifest, self.namespace)

    def edit(self, kind: str, name: str, body: Manifest) -> Manifest:
        """Change an object by merge patch, as a user would by hand."""
        return self.admin.patch(kind, name, self.namespace, body=body)

    def get(self, kind: str, name: str) -> Manifest:
        """Read one object."""
        return self.admin.get(kind, name, self.namespace)

    def find(self, kind: str, name: str) -> Manifest | None:
        """Read one object, or None where there is none."""
        return self.admin.find(kind, name, self.namespace)
