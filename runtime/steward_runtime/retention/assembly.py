"""Putting a purge together from what a process has opened; used by serving and by direct runs."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from steward_api.blueprint import Blueprint, Trust
from steward_runtime.clock import Clock, Ids
from steward_runtime.crypto.keyring import Keyring
from steward_runtime.retention.ballast import Ballast
from steward_runtime.retention.proof import Identity
from steward_runtime.retention.purge import Purge
from steward_runtime.retention.receipts import ReceiptLog
from steward_runtime.retention.scanner import Places, ProcessScanner
from steward_runtime.retention.signing import SigningKey
from steward_runtime.retention.steps import Workshop
from steward_runtime.retention.stores import build_stores
from steward_runtime.retention.windows import parse_windows
from steward_runtime.storage.database import Database


@dataclass(frozen=True, slots=True)
class PurgeParts:
    """What a purge is made of.

    Attributes:
        database: the database, opened by this process alone.
        keyring: data keys.
        signing_key: signs receipts.
        blueprint: windows, holds, backups and the digest in force.
        trust: returns the newest trust document: identity and operator keys.
        places: where bytes can lie.
        clock: the time that windows are measured to.
        ids: ids of runs.
        on_memory_erased: closes the open scopes of memory.
        is_serving: this process runs turns, and will end what it has begun.
    """

    database: Database
    keyring: Keyring
    signing_key: SigningKey
    blueprint: Blueprint
    trust: Callable[[], Trust]
    places: Places
    clock: Clock
    ids: Ids
    on_memory_erased: Callable[[], None] | None = None
    is_serving: bool = True


def build_purge(parts: PurgeParts) -> tuple[Purge, ReceiptLog]:
    """Return the purge of an assistant and the log of its receipts."""
    scanner = ProcessScanner(parts.places)
    windows = parse_windows(parts.blueprint.retention)
    shop = Workshop(
        database=parts.database,
        keyring=parts.keyring,
        stores=build_stores(parts.on_memory_erased, is_serving=parts.is_serving),
        scanner=scanner,
        windows=lambda: windows,
    )
    receipts = ReceiptLog(
        parts.database, parts.signing_key, lambda: parts.trust().operator_keys, parts.clock
    )

    def identify() -> Identity:
        trust = parts.trust()
        return Identity(
            namespace=trust.namespace,
            assistant=parts.blueprint.assistant,
            uid=trust.uid,
            blueprint_digest=parts.blueprint.digest,
            runtime_key_id=parts.signing_key.key_id,
            scanner_digest=scanner.digest,
        )

    ballast = Ballast(parts.database.path.parent)
    purge = Purge(shop, receipts, identify, parts.clock, parts.ids, ballast=ballast)
    return purge, receipts


def resolve_places(data: Path, *, is_local: bool) -> Places:
    """Return where bytes can lie besides the data directory.

    In a Pod the directory for temporary files is the Pod's own, and logs go to standard output.
    Under `steward up` both are folders beside the data directory; the machine's own temporary
    directory belongs to others and is not searched.
    """
    if is_local:
        return Places(data, temporary=(data.parent / "tmp",), logs=(data.parent / "logs",))
    return Places(data, temporary=(Path(tempfile.gettempdir()),))
