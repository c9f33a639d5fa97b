"""Gives every claim of the default class a folder of the node, and removes it with the volume.

`python -m steward_node.storage KUBECONFIG` runs inside the node's namespaces. Volumes are `local`
ones, since the kubelet gives these to the group that a Pod names (`fsGroup`), which it does not do
for `hostPath`.
"""

from __future__ import annotations

import base64
import logging
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import yaml

from steward_lab.errors import ApiError
from steward_lab.kube_client import KubeClient, Manifest
from steward_node.furnishing import PROVISIONER, STORAGE_CLASS
from steward_node.layout import NODE_NAME, VOLUMES

POLL_SECONDS = 0.5
CLAIMS = "/api/v1/persistentvolumeclaims"
VOLUME_KIND = "v1/PersistentVolume"
MARK = {"pv.kubernetes.io/provisioned-by": PROVISIONER}


def is_waiting(claim: Manifest) -> bool:
    """Whether a claim waits for a volume of ours."""
    spec = claim["spec"]
    is_ours = spec.get("storageClassName") == STORAGE_CLASS
    return is_ours and not spec.get("volumeName") and "deletionTimestamp" not in claim["metadata"]


def is_released(volume: Manifest) -> bool:
    """Whether a volume of ours has lost its claim and is to be deleted."""
    marks = volume["metadata"].get("annotations") or {}
    is_ours = marks.get("pv.kubernetes.io/provisioned-by") == PROVISIONER
    wants = volume["spec"].get("persistentVolumeReclaimPolicy") == "Delete"
    return is_ours and wants and volume.get("status", {}).get("phase") == "Released"


def build_volume(claim: Manifest) -> Manifest:
    """Builds the volume of a claim; its name makes that two tries meet the same one."""
    metadata, spec = claim["metadata"], claim["spec"]
    name = f"pvc-{metadata['uid']}"
    on_this_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE_NAME]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "annotations": MARK},
        "spec": {
            "accessModes": spec["accessModes"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": metadata["namespace"],
                "name": metadata["name"],
                "uid": metadata["uid"],
            },
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": STORAGE_CLASS,
            "local": {"path": f"{VOLUMES}/{name}"},
            "nodeAffinity": {
                "required": {"nodeSelectorTerms": [{"matchExpressions": [on_this_node]}]}
            },
        },
    }


def provide(client: KubeClient) -> None:
    """Looks once: makes the volumes that are missing, removes those that are released."""
    for claim in client.request("GET", CLAIMS)["items"] or ():
        if is_waiting(claim):
            volume = build_volume(claim)
            Path(volume["spec"]["local"]["path"]).mkdir(mode=0o770, exist_ok=True)
            client.apply(volume)
    for volume in client.list(VOLUME_KIND):
        if is_released(volume):
            shutil.rmtree(volume["spec"]["local"]["path"], ignore_errors=True)
            client.delete(VOLUME_KIND, volume["metadata"]["name"])


def open_client(kubeconfig: Path) -> KubeClient:
    """Answers a client for a kubeconfig of the node."""
    given: dict[str, Any] = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = given["clusters"][0]["cluster"], given["users"][0]["user"]
    with tempfile.NamedTemporaryFile(suffix=".crt") as authority:
        authority.write(base64.b64decode(cluster["certificate-authority-data"]))
        authority.flush()
        return KubeClient(cluster["server"], Path(authority.name), user["token"], "node-storage")


def main() -> None:
    """Looks again and again until the node ends."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    os.umask(0)
    client = open_client(Path(sys.argv[1]))
    while True:
        try:
            provide(client)
        except (ApiError, httpx.TransportError) as error:
            logging.getLogger(__name__).warning("looking again: %s", error)
        time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    main()
