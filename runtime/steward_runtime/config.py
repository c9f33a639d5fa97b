"""What the runtime is told by files: Blueprint, trust, keys, credentials, bindings.

The Blueprint and the long-lived keys are read once, before serving; what may change while the
runtime runs (trust, chat keys, credentials) is watched. Errors name the file and what to do.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from steward_api.blueprint import (
    BINDINGS_FILE,
    BLUEPRINT_FILE,
    SCHEMA_VERSION,
    TRUST_FILE,
    Bindings,
    Blueprint,
    Trust,
)
from steward_runtime.errors import BlueprintRefused, EncryptionKeyMissing, StewardError

Document = TypeVar("Document", bound=BaseModel)

DOCUMENT_BYTES_MAX: Final = 4 * 1024 * 1024
"""A ConfigMap holds 1 MiB; what is larger is no document of ours."""
KEY_BYTES_MAX: Final = 65_536
PROBLEMS_SHOWN_MAX: Final = 5
ENCRYPTION_FOLDER: Final = "encryption"
SIGNING_FOLDER: Final = "signing"
GENERATION_FILE: Final = "generation"
FIRST_GENERATION: Final = 1


class ConfigRefused(BlueprintRefused):
    """A file that the runtime needs is absent or not usable; nothing is served."""

    reason = "ConfigRefused"


class KeyMissing(StewardError):
    """A key file that the runtime needs is absent or empty."""

    reason = "KeyMissing"
    status = 503


@dataclass(frozen=True, slots=True)
class ConfigFolder:
    """Where the files of one assistant lie: `/etc/steward` in a Pod."""

    root: Path

    @property
    def blueprint(self) -> Path:
        """The Blueprint."""
        return self.root / "blueprint" / BLUEPRINT_FILE

    @property
    def trust(self) -> Path:
        """Identity, and the keys of operators."""
        return self.root / "trust" / TRUST_FILE

    @property
    def bindings(self) -> Path:
        """Where logical hosts listen; on laptops only."""
        return self.root / BINDINGS_FILE

    @property
    def api_key(self) -> Path:
        """The generated chat key."""
        return self.root / "keys" / "api" / "apiKey"

    @property
    def purge_token(self) -> Path:
        """The bearer token of the purge Job."""
        return self.root / "keys" / "purge" / "token"

    def list_older(self, role: str) -> tuple[Path, ...]:
        """Return the folders of older generations of a key, the newest of them first.

        Args:
            role: name of the key's folder, for example `api`.
        """
        folder = self.root / "keys" / "older" / role
        found = [each for each in _list_folder(folder) if each.name.isdecimal()]
        return tuple(sorted(found, key=lambda each: int(each.name), reverse=True))

    @property
    def kek(self) -> Path:
        """The key-encryption key, base64."""
        return self.root / "keys" / "encryption" / "kek"

    @property
    def kek_id(self) -> Path:
        """Name of the key-encryption key."""
        return self.root / "keys" / "encryption" / "keyId"

    @property
    def signing_key(self) -> Path:
        """The Ed25519 key that signs receipts, PKCS8 PEM."""
        return self.root / "keys" / "signing" / "signingKey"

    @property
    def credentials(self) -> Path:
        """Users' Secrets, one folder each."""
        return self.root / "credentials"


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    """A key-encryption key, its name and its generation."""

    key_id: str
    key: bytes
    generation: int = FIRST_GENERATION

    def __repr__(self) -> str:
        """Show the name alone."""
        return f"EncryptionKey({self.key_id!r})"


def load_blueprint(path: Path) -> Blueprint:
    """Read the Blueprint.

    Raises:
        BlueprintRefused: if it is absent, of another schema version, or misshapen.
    """
    document = _read_document(path)
    version = document.get("schemaVersion")
    if version != SCHEMA_VERSION:
        shown = version if isinstance(version, int) else "unknown"
        raise BlueprintRefused(
            f"{path} has schema version {shown}, and this runtime understands {SCHEMA_VERSION}. "
            "Run the runtime image that belongs to the operator, or render the Blueprint anew."
        )
    return _parse(Blueprint, document, path)


def load_trust(path: Path) -> Trust:
    """Read the trust document.

    Raises:
        ConfigRefused: if it is absent or misshapen.
    """
    return _parse(Trust, _read_document(path), path)


def load_bindings(path: Path, *, is_local: bool) -> Bindings:
    """Read the bindings of this machine; empty ones where there is no file.

    Raises:
        ConfigRefused: if there is a file and the runtime is not local, or it is misshapen.
    """
    if not path.exists():
        return Bindings()
    if not is_local:
        raise ConfigRefused(
            f"{path} exists and the runtime was started without --local. Bindings send requests to "
            "other places than the Blueprint says: remove the file, or start with --local."
        )
    return _parse(Bindings, _read_document(path), path)


def load_encryption_keys(folder: ConfigFolder) -> tuple[EncryptionKey, ...]:
    """Read the key-encryption keys: the newest first, then those that it replaces.

    Raises:
        EncryptionKeyMissing: if one is absent or misshapen.
    """
    return tuple(
        load_encryption_key(each)
        for each in (folder.kek.parent, *folder.list_older(ENCRYPTION_FOLDER))
    )


def load_encryption_key(folder: Path) -> EncryptionKey:
    """Read one key-encryption key from its mounted Secret.

    Raises:
        EncryptionKeyMissing: if it is absent, not base64, or its generation is no number.
    """
    try:
        key_id, text = read_secret(folder / "keyId"), read_secret(folder / "kek")
        generation = _read_generation(folder / GENERATION_FILE)
        return EncryptionKey(key_id, base64.b64decode(text, validate=True), generation)
    except KeyMissing as error:
        raise EncryptionKeyMissing(error.message) from None
    except (ValueError, binascii.Error):
        raise EncryptionKeyMissing(
            f"{folder / 'kek'} is not base64. Mount the Secret that the operator generated."
        ) from None


def _read_generation(path: Path) -> int:
    """Read the generation of a key; the Secret of a first one does not say it.

    Raises:
        EncryptionKeyMissing: if the file holds no number.
    """
    text = read_secret(path) if path.exists() else str(FIRST_GENERATION)
    if not (text.isascii() and text.isdecimal()):
        raise EncryptionKeyMissing(
            f"{path} holds no generation. Mount the Secret that the operator generated."
        )
    return int(text)


def read_secret(path: Path) -> str:
    """Read a key file as text without surrounding white space.

    Raises:
        KeyMissing: if it is absent, empty or not text.
    """
    try:
        with path.open("rb") as file:
            text = file.read(KEY_BYTES_MAX).decode().strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text:
        raise KeyMissing(
            f"{path} is absent or empty. Mount the Secret that the operator generated; "
            "`steward up` writes the file on a laptop."
        )
    return text


def _list_folder(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def _read_document(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(DOCUMENT_BYTES_MAX)
    except OSError as error:
        raise ConfigRefused(
            f"{path} cannot be read ({error.strerror or 'unknown error'}). Mount the folder that "
            "the operator renders, or give another one with --config."
        ) from None
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise ConfigRefused(
            f"{path} is not JSON (line {error.lineno}). Render it anew; do not edit it."
        ) from None
    if not isinstance(document, dict):
        raise ConfigRefused(f"{path} is not a JSON object. Render it anew; do not edit it.")
    return document


def _parse(kind: type[Document], document: dict[str, Any], path: Path) -> Document:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        problems = _render_problems(error)
        raise ConfigRefused(
            f"{path} is misshapen: {problems}. Run the runtime image that belongs to the operator, "
            "or render the file anew."
        ) from None


def _render_problems(error: ValidationError) -> str:
    """Name the fields that are wrong; a Blueprint's text stays out of it."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    shown = [f"{'.'.join(map(str, each['loc']))} ({each['type']})" for each in found]
    rest = len(shown) - PROBLEMS_SHOWN_MAX
    listed = ", ".join(shown[:PROBLEMS_SHOWN_MAX])
    return listed if rest <= 0 else f"{listed} and {rest} more"
