"""The command line and environment of a container. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from steward_lab.errors import LabError
from steward_lab.kubelet.files import read_field
from steward_lab.kubelet.needs import CONFIG_MAP, SECRET

Manifest = dict[str, Any]
Objects = Mapping[tuple[str, str], Mapping[str, bytes]]
REFERENCE = re.compile(r"\$\$|\$\(([-._a-zA-Z0-9]+)\)")


class ContainerConfigError(LabError):
    """A container cannot be configured now; the message is a kubelet's."""


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replaces `$(NAME)` by its variable, leaves unknown ones, and makes `$$` a `$`."""

    def replace(found: re.Match[str]) -> str:
        if found.group(0) == "$$":
            return "$"
        return variables.get(found.group(1), found.group(0))

    return REFERENCE.sub(replace, text)


def build_command(container: Manifest, variables: Mapping[str, str]) -> tuple[str, ...]:
    """Answers the command line.

    Raises:
        ContainerConfigError: The container names no command and there is no image to ask.
    """
    if not container.get("command"):
        raise ContainerConfigError("no command specified: the lab runs commands, not images")
    parts = [*container["command"], *(container.get("args") or ())]
    return tuple(expand(part, variables) for part in parts)


def build_environment(
    pod: Manifest, container: Manifest, address: str, objects: Objects
) -> dict[str, str]:
    """Answers the variables that the container's spec declares.

    Args:
        pod: The Pod.
        container: One of its containers.
        address: The Pod's address.
        objects: Entries of the Secrets and ConfigMaps at hand, by kind and name.

    Raises:
        ContainerConfigError: Something that isn't optional is missing.
    """
    variables: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        prefix = source.get("prefix", "")
        for key, kind in (("configMapRef", CONFIG_MAP), ("secretRef", SECRET)):
            if key in source:
                entries = _find_entries(kind, source[key], objects) or {}
                variables |= {f"{prefix}{name}": text.decode() for name, text in entries.items()}
    for variable in container.get("env") or ():
        value = _read_variable(pod, variable, address, objects)
        if value is not None:
            variables[variable["name"]] = expand(value, variables)
    return variables


def _read_variable(pod: Manifest, variable: Manifest, address: str, objects: Objects) -> str | None:
    """The value of one variable; None where an optional source is missing."""
    origin = variable.get("valueFrom")
    if not origin:
        return str(variable.get("value", ""))
    if "fieldRef" in origin:
        return read_field(pod, origin["fieldRef"]["fieldPath"], address)
    for key, kind in (("secretKeyRef", SECRET), ("configMapKeyRef", CONFIG_MAP)):
        if key in origin:
            entries = _find_entries(kind, origin[key], objects)
            wanted = origin[key]["key"]
            if entries is not None and wanted in entries:
                return entries[wanted].decode()
            if origin[key].get("optional"):
                return None
            where = f"{pod['metadata']['namespace']}/{origin[key]['name']}"
            raise ContainerConfigError(f"couldn't find key {wanted} in {kind} {where}")
    raise ContainerConfigError(f"the lab's kubelet cannot fill {variable['name']}")


def _find_entries(kind: str, reference: Manifest, objects: Objects) -> Mapping[str, bytes] | None:
    """The entries of a referenced object; None where it is missing and may be.

    Raises:
        ContainerConfigError: It is missing and may not be.
    """
    found = objects.get((kind, reference["name"]))
    if found is None and not reference.get("optional"):
        raise ContainerConfigError(f'{kind.lower()} "{reference["name"]}" not found')
    return found
