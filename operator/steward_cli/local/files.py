"""Writes the files that the kubelet would have mounted: ConfigMaps and Secrets."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from steward_api.blueprint import BINDINGS_FILE, Bindings
from steward_cli.local.declaration import LocalDeclaration, LocalSecret
from steward_cli.local.endpoint import UserEndpoint
from steward_cli.local.errors import DeclarationInvalid, KeyLost
from steward_cli.local.layout import CONFIG_MOUNT, StateFolder
from steward_cli.local.programs import LocalPlan, MountedSecret
from steward_operator.names import ANCHOR_OF_SECRET, AnchorRole, SecretRole

PRIVATE_FILE: Final = 0o600
PRIVATE_FOLDER: Final = 0o700
TOKEN_BYTES: Final = 32
ENDPOINT_CREDENTIAL: Final = "user-endpoint"
"""Folder below credentials for the key of the user's own model endpoint."""

FillSecret = Callable[[SecretRole], Mapping[str, bytes]]
"""Makes the content of one generated Secret, by key."""


def write_private(path: Path, content: bytes) -> None:
    """Replace `path` by `content` in one step, readable by this user alone."""
    _make_folder(path.parent)
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)


def apply_folders(state: StateFolder) -> None:
    """Make the folders of the state, closed to other users."""
    for folder in (
        state.root,
        state.config,
        state.data,
        state.temporary,
        state.logs,
        state.services,
        state.operator,
        state.archive,
    ):
        _make_folder(folder)
        folder.chmod(PRIVATE_FOLDER)


def apply_files(state: StateFolder, plan: LocalPlan, fill: FillSecret) -> None:
    """Write ConfigMaps anew and generated Secrets once.

    Raises:
        KeyLost: if a database exists and the key that opens it does not.
    """
    for mounted in plan.texts:
        write_private(_place(state, mounted.path), mounted.text.encode())
    for secret in plan.secrets:
        if secret.role is not None:
            _apply_generated(state, secret, secret.role, fill)


def apply_credentials(
    state: StateFolder, plan: LocalPlan, declaration: LocalDeclaration, folder: Path
) -> None:
    """Write the users' Secrets that `local.yaml` declares; a generated token is kept.

    Raises:
        DeclarationInvalid: if the plan mounts a Secret that `local.yaml` does not declare, or a
            declared folder is missing.
    """
    declared = {secret.name: secret for secret in declaration.secrets}
    for mounted in plan.secrets:
        if mounted.role is not None:
            continue
        if mounted.secret not in declared:
            raise DeclarationInvalid(
                f"Secret {mounted.secret} is referred to and not declared: add it to `secrets` "
                f"in {folder / 'local.yaml'}"
            )
        _apply_declared(_place(state, mounted.path), declared[mounted.secret], folder)


def apply_endpoint_credential(state: StateFolder, endpoint: UserEndpoint | None) -> None:
    """Write the key of the user's own endpoint, or remove the one of an earlier run."""
    target = state.config / "credentials" / ENDPOINT_CREDENTIAL
    if endpoint is None:
        shutil.rmtree(target, ignore_errors=True)
        return
    write_private(target / "hosts", endpoint.host.encode())
    write_private(target / "token", endpoint.key.encode())


def apply_bindings(state: StateFolder, bindings: Bindings) -> None:
    """Write `bindings.json`, which the runtime reads with `--local` only."""
    text = bindings.model_dump_json(by_alias=True, indent=1)
    write_private(state.config / BINDINGS_FILE, text.encode())


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it; `mkdir` closes the last one alone to other users."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.exists()]):
        missing.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)


def _place(state: StateFolder, path: str) -> Path:
    return state.config / path.removeprefix(CONFIG_MOUNT).lstrip("/")


def _apply_generated(
    state: StateFolder, secret: MountedSecret, role: SecretRole, fill: FillSecret
) -> None:
    target = _place(state, secret.path)
    if all((target / key).is_file() for key in secret.keys):
        return
    if ANCHOR_OF_SECRET[role] is AnchorRole.KEYS and any(state.data.glob("*.db")):
        raise KeyLost(
            f"{target} lacks {', '.join(secret.keys)}, and {state.data} holds data under that key: "
            "restore the file, or start anew with `steward down --erase`"
        )
    for key, content in fill(role).items():
        write_private(target / key, content)


def _apply_declared(target: Path, declared: LocalSecret, folder: Path) -> None:
    if declared.folder is None:
        write_private(target / "hosts", "\n".join(declared.hosts).encode())
        if not (target / "token").is_file():
            write_private(target / "token", secrets.token_urlsafe(TOKEN_BYTES).encode())
        return
    source = (folder / declared.folder).resolve()
    if not source.is_dir():
        raise DeclarationInvalid(
            f"Secret {declared.name}: folder {source} does not exist; make it, one file per key"
        )
    for file in sorted(path for path in source.iterdir() if path.is_file()):
        write_private(target / file.name, file.read_bytes())
