"""A plain kopf operator that makes the same children, the way kopf's own documentation shows it.

`python bench/peers/kopf_operator.py CHILDREN.json`: `on.create` and `on.update` handlers, the
synchronous official client, create-else-patch, status through kopf's patch. CHILDREN.json is what
`steward render -o json` prints for one Assistant; names are rewritten per object. Environment:
KUBECONFIG.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import kopf
import kubernetes

GROUP = "steward.dev"
TEMPLATE_NAME = "bench"

Manifest = dict[str, Any]


def load_children(path: str) -> list[Manifest]:
    """Read the rendered children; Secrets are left out, as this operator has no anchor for them."""
    documents = json.loads(Path(path).read_text())
    return [document for document in documents if document["kind"] != "Secret"]


CHILDREN = load_children(sys.argv[1])


def build_children(name: str, namespace: str) -> list[Manifest]:
    """Rewrite the template's names for one object."""
    text = json.dumps(CHILDREN).replace(TEMPLATE_NAME, name)
    children: list[Manifest] = json.loads(text)
    for child in children:
        child["metadata"]["namespace"] = namespace
        child["metadata"].pop("ownerReferences", None)
    return children


@kopf.on.startup()
def connect(settings: kopf.OperatorSettings, **_: Any) -> None:
    """Log in and keep kopf quiet."""
    kubernetes.config.load_kube_config()  # type: ignore[no-untyped-call]  # the package has no types
    settings.posting.enabled = False
    settings.scanning.disabled = True


def write_child(dynamic: Any, child: Manifest) -> None:
    """Create the child, or patch it if it is there."""
    resource = dynamic.resources.get(api_version=child["apiVersion"], kind=child["kind"])
    metadata = child["metadata"]
    try:
        resource.create(body=child, namespace=metadata["namespace"])
    except kubernetes.dynamic.exceptions.ConflictError:
        resource.patch(
            body=child,
            name=metadata["name"],
            namespace=metadata["namespace"],
            content_type="application/merge-patch+json",
        )


@kopf.on.create(GROUP, "v1alpha1", "assistants")
@kopf.on.update(GROUP, "v1alpha1", "assistants")
def reconcile(name: str, namespace: str | None, patch: kopf.Patch, **_: Any) -> None:
    """Make every child and report it."""
    client: Any = kubernetes.dynamic.DynamicClient
    dynamic = client(kubernetes.client.ApiClient())
    for child in build_children(name, str(namespace)):
        kopf.adopt(child)
        write_child(dynamic, child)
    patch.status["observedGeneration"] = 1


if __name__ == "__main__":
    kopf.run(clusterwide=True, standalone=True)
