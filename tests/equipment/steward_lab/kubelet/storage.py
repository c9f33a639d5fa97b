"""Provisions claims as an external provisioner would: a directory per claim.

The real binder of the controller manager binds claim and volume. A directory lives until its
claim is deleted, so it outlives Pods.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import httpx

from steward_lab.errors import ApiError
from steward_lab.kubelet.api import NodeClient

Manifest = dict[str, Any]
CLASS_NAME = "lab-directory"
PROVISIONER = "lab.example/directory"
CLAIM_BOUND = "Bound"


def build_storage_class() -> Manifest:
    """The default StorageClass of the lab."""
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": CLASS_NAME, "annotations": default},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "Immediate",
    }


def build_volume(claim: Manifest) -> Manifest:
    """The PersistentVolume made for a claim; its handle names the directory."""
    metadata, spec = claim["metadata"], claim["spec"]
    reference = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {
            "name": f"pvc-{metadata['uid']}",
            "annotations": {"pv.kubernetes.io/provisioned-by": PROVISIONER},
        },
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": CLASS_NAME,
            "volumeMode": "Filesystem",
            "claimRef": reference,
            "csi": {"driver": PROVISIONER.partition("/")[0], "volumeHandle": metadata["uid"]},
        },
    }


class Provisioner:
    """Makes and removes volumes of the lab's class."""

    def __init__(self, client: NodeClient, directory: Path) -> None:
        """Keeps the volumes' data below `directory`, by the claim's uid."""
        self._client = client
        self._directory = directory

    def volume_directory(self, claim: Manifest) -> Path:
        """The folder that holds a claim's data."""
        return self._directory / str(claim["metadata"]["uid"])

    async def install(self) -> None:
        """Creates the StorageClass where it isn't there yet."""
        path = "/apis/storage.k8s.io/v1/storageclasses"
        await self._post(path, build_storage_class())

    async def sync_claim(self, claim: Manifest) -> None:
        """Makes the volume of a pending claim of the lab's class."""
        is_ours = claim["spec"].get("storageClassName") == CLASS_NAME
        is_pending = not claim["spec"].get("volumeName")
        if is_ours and is_pending and "deletionTimestamp" not in claim["metadata"]:
            self.volume_directory(claim).mkdir(parents=True, exist_ok=True)
            await self._post("/api/v1/persistentvolumes", build_volume(claim))

    async def sync_volume(self, volume: Manifest) -> None:
        """Removes a released volume and its data."""
        is_released = (volume.get("status") or {}).get("phase") == "Released"
        is_ours = volume["spec"].get("storageClassName") == CLASS_NAME
        if not is_ours or not is_released or "deletionTimestamp" in volume["metadata"]:
            return
        shutil.rmtree(self._directory / volume["spec"]["csi"]["volumeHandle"], ignore_errors=True)
        path = f"/api/v1/persistentvolumes/{volume['metadata']['name']}"
        try:
            await self._client.request("DELETE", path)
        except ApiError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise

    async def _post(self, path: str, body: Manifest) -> None:
        """Creates an object unless it exists."""
        try:
            await self._client.request("POST", path, body=body)
        except ApiError as error:
            if error.status != httpx.codes.CONFLICT:
                raise
