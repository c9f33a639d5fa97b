"""Every name that Steward gives to a child, a Secret, a file or a port, in one place (pure).

Names are deterministic, so that a create that was lost and one that is repeated meet the same
object. `NAME_RULE` and `LABEL_NAME_RULE` of the API keep all of them inside Kubernetes' limits.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from steward_api.meta import GROUP

FIELD_MANAGER: Final = "steward-operator"
"""The one field manager of server-side apply."""

ERASURE_FINALIZER: Final = f"{GROUP}/erasure"
"""The only finalizer of ours: on Assistants with `deletionPolicy: Erase`."""

RUNTIME_CONTAINER: Final = "runtime"
PURGE_CONTAINER: Final = "purge"
RUNTIME_COMMAND: Final = "steward-runtime"

HTTP_PORT_NAME: Final = "http"
ADMIN_PORT_NAME: Final = "admin"
METRICS_PORT_NAME: Final = "metrics"
HTTP_PORT: Final = 8080
ADMIN_PORT: Final = 8081
METRICS_PORT: Final = 9090

CONFIG_PATH: Final = "/etc/steward"
BLUEPRINT_PATH: Final = f"{CONFIG_PATH}/blueprint"
TRUST_PATH: Final = f"{CONFIG_PATH}/trust"
KEYS_PATH: Final = f"{CONFIG_PATH}/keys"
CREDENTIALS_PATH: Final = f"{CONFIG_PATH}/credentials"
DATA_PATH: Final = "/var/lib/steward"
TEMPORARY_PATH: Final = "/tmp"  # noqa: S108  # the mount path of an emptyDir in the Pod

DIGEST_NAME_LENGTH: Final = 16
"""Hex digits of a Blueprint digest in a ConfigMap's name: 64 bits, unique within one assistant."""
ENTROPY_LENGTH: Final = 32
"""Hex digits of an anchor's entropy: 128 random bits, so that no one can plant a Secret first."""


class AnchorRole(StrEnum):
    """Which Secrets an anchor ConfigMap owns."""

    ACCESS = "access"
    KEYS = "keys"


class SecretRole(StrEnum):
    """What a generated Secret is for."""

    API = "api"
    PURGE = "purge"
    ENCRYPTION = "encryption"
    SIGNING = "signing"


class Component(StrEnum):
    """Value of the label `app.kubernetes.io/component` on children."""

    RUNTIME = "runtime"
    PURGE = "purge"
    BLUEPRINT = "blueprint"
    TRUST = "trust"
    ANCHOR = "anchor"
    STORAGE = "storage"
    SECRET = "secret"  # noqa: S105  # the value of a label


ANCHOR_OF_SECRET: Final = {
    SecretRole.API: AnchorRole.ACCESS,
    SecretRole.PURGE: AnchorRole.ACCESS,
    SecretRole.ENCRYPTION: AnchorRole.KEYS,
    SecretRole.SIGNING: AnchorRole.KEYS,
}
SECRET_KEYS: Final = {
    SecretRole.API: ("apiKey",),
    SecretRole.PURGE: ("token",),
    SecretRole.ENCRYPTION: ("kek", "keyId"),
    SecretRole.SIGNING: ("signingKey",),
}
"""Keys of each generated Secret: the file names below its mount path."""
GENERATION_KEY: Final = "generation"
"""Key of the Secret of a key-encryption key beyond the first: tells the runtime which one it is."""
FIRST_GENERATION: Final = 1


def service_account_name(assistant: str) -> str:
    """Return the name of the ServiceAccount of runtime and purge Pods."""
    return assistant


def deployment_name(assistant: str) -> str:
    """Return the name of the Deployment."""
    return assistant


def service_name(assistant: str) -> str:
    """Return the name of the Service of the public API."""
    return assistant


def admin_service_name(assistant: str) -> str:
    """Return the name of the Service of the administration port."""
    return f"{assistant}-admin"


def data_claim_name(assistant: str) -> str:
    """Return the name of the PersistentVolumeClaim of the embedded database."""
    return f"{assistant}-data"


def trust_config_map_name(assistant: str) -> str:
    """Return the name of the ConfigMap that holds `trust.json`."""
    return f"{assistant}-trust"


def blueprint_config_map_name(assistant: str, digest: str) -> str:
    """Return the name of the ConfigMap that holds the Blueprint with `digest` (`sha256:<hex>`)."""
    return f"{assistant}-blueprint-{digest.removeprefix('sha256:')[:DIGEST_NAME_LENGTH]}"


def runtime_policy_name(assistant: str) -> str:
    """Return the name of the NetworkPolicy of the runtime's Pod."""
    return f"{assistant}-runtime"


def purge_policy_name(assistant: str) -> str:
    """Return the name of the NetworkPolicy of purge Pods."""
    return f"{assistant}-purge"


def purge_cron_job_name(assistant: str) -> str:
    """Return the name of the purge CronJob (at most 46 of 52 characters)."""
    return f"{assistant}-purge"


def anchor_name(assistant: str, role: AnchorRole, generation: int) -> str:
    """Return the name of the anchor ConfigMap; a rotation makes the next generation."""
    return f"{assistant}-{role}-anchor-{generation}"


def parse_anchor_generation(assistant: str, role: AnchorRole, name: str) -> int | None:
    """Return the generation in the name of an anchor, or None where it is no such name."""
    prefix = anchor_name(assistant, role, 0)[:-1]
    number = name.removeprefix(prefix)
    is_anchor = name.startswith(prefix) and number.isascii() and number.isdecimal()
    return int(number) if is_anchor else None


def secret_name(assistant: str, role: SecretRole, entropy: str) -> str:
    """Return the unguessable name of a generated Secret."""
    return f"{assistant}-{role}-{entropy}"


def secret_keys(role: SecretRole, generation: int) -> tuple[str, ...]:
    """Return the keys of a generated Secret."""
    is_named = role is SecretRole.ENCRYPTION and generation > FIRST_GENERATION
    return (*SECRET_KEYS[role], GENERATION_KEY) if is_named else SECRET_KEYS[role]


def secret_mount_path(role: SecretRole) -> str:
    """Return the directory of a generated Secret in the Pod."""
    return f"{KEYS_PATH}/{role}"


def older_secret_mount_path(role: SecretRole, generation: int) -> str:
    """Return the directory of a generated Secret that a newer generation replaces."""
    return f"{KEYS_PATH}/older/{role}/{generation}"


def credential_mount_path(secret: str) -> str:
    """Return the directory of a user's Secret in the Pod."""
    return f"{CREDENTIALS_PATH}/{secret}"


def unproven_erasure_name(assistant: str, digest: str) -> str:
    """Return the name of the record, in the operator's namespace, of an unproven erasure."""
    return f"unproven-erasure-{assistant}-{digest}"


def endpoint_url(assistant: str, namespace: str) -> str:
    """Return the base URL of the OpenAI-compatible API inside the cluster."""
    return f"http://{service_name(assistant)}.{namespace}.svc:{HTTP_PORT}/v1"


def admin_url(assistant: str, namespace: str) -> str:
    """Return the base URL of the administration API inside the cluster."""
    return f"http://{admin_service_name(assistant)}.{namespace}.svc:{ADMIN_PORT}"
