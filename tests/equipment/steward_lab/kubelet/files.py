"""What files a volume shows, from the objects it is made of. Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from steward_lab.errors import LabError
from steward_lab.kubelet.needs import CONFIG_MAP, SECRET

Manifest = dict[str, Any]
DEFAULT_MODE = 0o644


class VolumeError(LabError):
    """A volume cannot be made now; the message is the one a kubelet's event ends with."""


@dataclass(frozen=True, slots=True)
class VolumeFile:
    """One file: its path relative to the volume, its content and mode."""

    path: str
    content: bytes
    mode: int


def parse_data(manifest: Manifest) -> dict[str, bytes]:
    """The entries of a Secret or ConfigMap as bytes."""
    if manifest.get("kind") == SECRET:
        return {key: base64.b64decode(text) for key, text in (manifest.get("data") or {}).items()}
    binary = (manifest.get("binaryData") or {}).items()
    texts = (manifest.get("data") or {}).items()
    return {key: text.encode() for key, text in texts} | {
        key: base64.b64decode(text) for key, text in binary
    }


def build_source_files(
    kind: str, source: Manifest, data: Mapping[str, bytes] | None, default_mode: int
) -> tuple[VolumeFile, ...]:
    """Answers the files of one Secret or ConfigMap source, by its items where it names some.

    Args:
        kind: Secret or ConfigMap.
        source: The volume's source, with `items`, `optional` and `defaultMode` where given.
        data: The object's entries; None if there is no such object.
        default_mode: Mode of files whose source names none.

    Raises:
        VolumeError: An entry that isn't optional is missing.
    """
    mode = source.get("defaultMode", default_mode)
    present = data or {}
    if not source.get("items"):
        return tuple(VolumeFile(key, present[key], mode) for key in sorted(present))
    files = []
    for item in source["items"]:
        if item["key"] in present:
            files.append(VolumeFile(item["path"], present[item["key"]], item.get("mode") or mode))
        elif not source.get("optional"):
            word = "secret" if kind == SECRET else "config"
            raise VolumeError(f"references non-existent {word} key: {item['key']}")
    return tuple(files)


def build_downward_files(pod: Manifest, source: Manifest, mode: int) -> tuple[VolumeFile, ...]:
    """Answers the files of a downward API source."""
    return tuple(
        VolumeFile(
            item["path"],
            read_field(pod, item["fieldRef"]["fieldPath"], "").encode(),
            item.get("mode") or mode,
        )
        for item in source.get("items") or ()
    )


def read_field(pod: Manifest, path: str, address: str) -> str:
    """Answers a field that the downward API offers.

    Raises:
        VolumeError: The lab's kubelet doesn't offer it.
    """
    metadata, spec = pod["metadata"], pod["spec"]
    fields: dict[str, str] = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.podIP": address,
        "status.podIPs": address,
        "status.hostIP": "127.0.0.1",
    }
    for name in ("labels", "annotations"):
        entries = metadata.get(name) or {}
        lines = (f'{key}="{value}"' for key, value in sorted(entries.items()))
        fields[f"metadata.{name}"] = "\n".join(lines)
        fields |= {f"metadata.{name}['{key}']": value for key, value in entries.items()}
    if path not in fields:
        raise VolumeError(f"the lab's kubelet has no field {path}")
    return fields[path]


def build_kinds_of_sources(source: Manifest) -> tuple[tuple[str, str], ...]:
    """The keys under which a volume names objects with files, and the objects' kinds."""
    known = (("secret", SECRET), ("configMap", CONFIG_MAP))
    return tuple((key, kind) for key, kind in known if key in source)
