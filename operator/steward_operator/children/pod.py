"""The parts that runtime and purge Pods share: security, volumes and mounts.

Pods satisfy the *restricted* Pod Security level, with a read-only root file system.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from steward_operator import names
from steward_operator.children.context import (
    ChildContext,
    credentials_of,
    volume_name_of_credential,
)
from steward_operator.children.placement import build_placement
from steward_operator.names import SecretRole
from steward_operator.objects import Manifest

SECRET_FILE_MODE: Final = 0o440
"""Readable by the container's user through fsGroup, writable by nobody."""
TEMPORARY_SIZE: Final = "64Mi"
"""Room for SQLite's temporary files and large request bodies."""


def build_pod_security(context: ChildContext) -> Manifest:
    """Build the Pod's security context."""
    user = context.settings.runtime_user_id
    return {
        "runAsNonRoot": True,
        "runAsUser": user,
        "runAsGroup": user,
        "fsGroup": user,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def build_container_security() -> Manifest:
    """Build the container's security context."""
    return {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
    }


def build_pod_basics(context: ChildContext) -> Manifest:
    """Build what every Pod spec of an assistant begins with."""
    basics: Manifest = {
        "serviceAccountName": names.service_account_name(context.name),
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": build_pod_security(context),
        **build_placement(context),
    }
    pull_secrets = context.settings.runtime_image_pull_secrets
    if pull_secrets:
        basics["imagePullSecrets"] = [{"name": name} for name in pull_secrets]
    return basics


def build_secret_volume(context: ChildContext, role: SecretRole) -> Manifest:
    """Build the volume of one generated Secret."""
    source = {"secretName": context.secret_names[role], "defaultMode": SECRET_FILE_MODE}
    return {"name": f"keys-{role}", "secret": source}


def build_secret_mount(role: SecretRole) -> Manifest:
    """Build the mount of one generated Secret."""
    return _mount(f"keys-{role}", names.secret_mount_path(role))


def build_older_volumes(context: ChildContext, roles: Iterable[SecretRole]) -> list[Manifest]:
    """Build the volumes of Secrets that newer generations replace."""
    wanted = frozenset(roles)
    return [
        {
            "name": f"keys-{older.role}-{older.generation}",
            "secret": {"secretName": older.name, "defaultMode": SECRET_FILE_MODE},
        }
        for older in context.older_secrets
        if older.role in wanted
    ]


def build_older_mounts(context: ChildContext, roles: Iterable[SecretRole]) -> list[Manifest]:
    """Build the mounts that belong to `build_older_volumes`."""
    wanted = frozenset(roles)
    return [
        _mount(
            f"keys-{older.role}-{older.generation}",
            names.older_secret_mount_path(older.role, older.generation),
        )
        for older in context.older_secrets
        if older.role in wanted
    ]


def build_credential_volumes(context: ChildContext) -> list[Manifest]:
    """Build one volume per Secret of a user: whole, so that a change reaches the running Pod."""
    return [
        {
            "name": volume_name_of_credential(secret),
            "secret": {"secretName": secret, "defaultMode": SECRET_FILE_MODE},
        }
        for secret in credentials_of(context.blueprint)
    ]


def build_credential_mounts(context: ChildContext) -> list[Manifest]:
    """Build the mounts of users' Secrets."""
    return [
        _mount(volume_name_of_credential(secret), names.credential_mount_path(secret))
        for secret in credentials_of(context.blueprint)
    ]


def build_state_volumes(context: ChildContext, roles: Iterable[SecretRole]) -> list[Manifest]:
    """Build the volumes of a process that opens the database: Blueprint, trust, keys, data."""
    roles = tuple(roles)
    blueprint = names.blueprint_config_map_name(context.name, context.digest)
    claim = names.data_claim_name(context.name)
    return [
        {"name": "blueprint", "configMap": {"name": blueprint}},
        {"name": "trust", "configMap": {"name": names.trust_config_map_name(context.name)}},
        {"name": "data", "persistentVolumeClaim": {"claimName": claim}},
        build_temporary_volume(),
        *(build_secret_volume(context, role) for role in roles),
        *build_older_volumes(context, roles),
    ]


def build_state_mounts(context: ChildContext, roles: Iterable[SecretRole]) -> list[Manifest]:
    """Build the mounts that belong to `build_state_volumes`."""
    roles = tuple(roles)
    return [
        _mount("blueprint", names.BLUEPRINT_PATH),
        _mount("trust", names.TRUST_PATH),
        {"name": "data", "mountPath": names.DATA_PATH},
        build_temporary_mount(),
        *(build_secret_mount(role) for role in roles),
        *build_older_mounts(context, roles),
    ]


def build_temporary_volume() -> Manifest:
    """Build the one writable directory beside the data volume."""
    return {"name": "temporary", "emptyDir": {"sizeLimit": TEMPORARY_SIZE}}


def build_temporary_mount() -> Manifest:
    """Build the mount of the temporary directory."""
    return {"name": "temporary", "mountPath": names.TEMPORARY_PATH}


def _mount(name: str, path: str) -> Manifest:
    return {"name": name, "mountPath": path, "readOnly": True}
