"""What a Pod needs before it can start: Secrets, ConfigMaps and claims it refers to. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Manifest = dict[str, Any]
SECRET, CONFIG_MAP, CLAIM = "Secret", "ConfigMap", "PersistentVolumeClaim"


@dataclass(frozen=True, slots=True)
class Need:
    """One object that a Pod refers to.

    Attributes:
        kind: Secret, ConfigMap or PersistentVolumeClaim.
        name: Its name, in the Pod's namespace.
        volume: The volume that refers to it; "" for environment variables.
        is_optional: Whether the Pod starts without it.
    """

    kind: str
    name: str
    volume: str = ""
    is_optional: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether it is a Secret."""
        return self.kind == SECRET


def build_needs(pod: Manifest) -> tuple[Need, ...]:
    """Answers everything a Pod refers to, volumes first, without repetitions."""
    found = [
        need for volume in pod["spec"].get("volumes") or () for need in _build_volume_needs(volume)
    ]
    containers = (pod["spec"].get("initContainers") or []) + pod["spec"]["containers"]
    found += [need for container in containers for need in _build_environment_needs(container)]
    return tuple(dict.fromkeys(found))


def _build_volume_needs(volume: Manifest) -> Iterator[Need]:
    """What one volume refers to; a projected one may refer to several objects."""
    name = volume["name"]
    if "secret" in volume:
        source = volume["secret"]
        yield Need(SECRET, source["secretName"], name, bool(source.get("optional")))
    if "configMap" in volume:
        source = volume["configMap"]
        yield Need(CONFIG_MAP, source["name"], name, bool(source.get("optional")))
    if "persistentVolumeClaim" in volume:
        yield Need(CLAIM, volume["persistentVolumeClaim"]["claimName"], name)
    for source in volume.get("projected", {}).get("sources") or ():
        for key, kind in (("secret", SECRET), ("configMap", CONFIG_MAP)):
            if key in source:
                yield Need(kind, source[key]["name"], name, bool(source[key].get("optional")))


def _build_environment_needs(container: Manifest) -> Iterator[Need]:
    """What the environment variables of one container refer to."""
    for source in container.get("envFrom") or ():
        for key, kind in (("secretRef", SECRET), ("configMapRef", CONFIG_MAP)):
            if key in source:
                yield Need(kind, source[key]["name"], "", bool(source[key].get("optional")))
    for variable in container.get("env") or ():
        origin = variable.get("valueFrom") or {}
        for key, kind in (("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)):
            if key in origin:
                yield Need(kind, origin[key]["name"], "", bool(origin[key].get("optional")))


def build_mount_message(need: Need) -> str:
    """The text of a real kubelet's FailedMount event for a missing object."""
    return (
        f'MountVolume.SetUp failed for volume "{need.volume}" : '
        f'{need.kind.lower()} "{need.name}" not found'
    )
