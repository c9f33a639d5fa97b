"""Who is asking: keys, and the subjects that a key may speak for.

The generated key may act for anybody: it belongs to a front end that knows its users. Bound keys
come from a Secret of the user, one file per key id: `{"keySha256": "<hex>", "subject": "<name>"}`
or `{"keySha256": "<hex>", "mayActFor": ["<name>", …] or "*"}`. Keys are kept as digests alone.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from steward_runtime.errors import RequestRefused, Unauthorized
from steward_runtime.server.errors import Forbidden
from steward_runtime.telemetry.names import LogField
from steward_runtime.watched import Watched

SUBJECT_HEADER: Final = "steward-subject"
SUBJECT_PATTERN: Final = re.compile(r"[!-~]{1,256}")
"""Visible ASCII: an address, a UUID, `local:<login>`, `<issuer>|<id>`."""
KEY_LENGTH_MAX: Final = 512
KEY_FILE_BYTES_MAX: Final = 65_536
GENERATED_KEY_ID: Final = "generated"
_SHA256_HEX: Final = re.compile(r"[0-9a-f]{64}")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """One key that may chat.

    Attributes:
        key_id: its name; the unit of the rate limit.
        digest: SHA-256 of the key.
        subject: the only subject that it speaks for, or None.
        may_act_for: subjects that it may name; None means anybody.
    """

    key_id: str
    digest: bytes
    subject: str | None = None
    may_act_for: frozenset[str] | None = frozenset()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks: a key, and the subject for whom it acts, if any. Raw names stay in this room."""

    key_id: str
    subject: str | None


def build_generated_entry(key: str) -> KeyEntry:
    """Return the entry of the generated key, which may act for anybody."""
    return KeyEntry(GENERATED_KEY_ID, _digest(key), may_act_for=None)


def gather_bound_entries(folder: Path) -> tuple[KeyEntry, ...]:
    """Read the bound keys of a mounted Secret; a broken file binds nobody and is logged."""
    entries: list[KeyEntry] = []
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.startswith(".") or not path.is_file():
            continue
        entry = _read_entry(path)
        if entry is None:
            _log.warning("KeyFileRefused", extra={LogField.KEY_ID.value: path.name})
        else:
            entries.append(entry)
    return tuple(entries)


def parse_entry(key_id: str, content: bytes) -> KeyEntry | None:
    """Read one bound key; None if it is not exactly of the documented shape."""
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(document, dict) or not set(document) <= _MEMBERS:
        return None
    digest = document.get("keySha256")
    if not isinstance(digest, str) or not _SHA256_HEX.fullmatch(digest.lower()):
        return None
    if ("subject" in document) == ("mayActFor" in document):
        return None
    return _build_entry(key_id, bytes.fromhex(digest), document)


class Keys:
    """All keys that may chat: the generated one and the bound ones, reloaded when they change."""

    def __init__(
        self,
        generated: Path,
        bound: Path | None,
        monotonic_seconds: Callable[[], float],
        gather_generated: Callable[[Path], KeyEntry],
        older: tuple[KeyEntry, ...] = (),
    ) -> None:
        """Read the keys.

        Args:
            generated: file of the generated key.
            bound: folder of bound keys, if there is one.
            monotonic_seconds: clock of the looks at the files.
            gather_generated: reads a generated key.
            older: generated keys that were replaced and go on working for a while.

        Raises:
            StewardError: what `gather_generated` raises.
        """
        self._older = older
        self._generated = Watched(generated, gather_generated, monotonic_seconds)
        self._bound = (
            None if bound is None else Watched(bound, gather_bound_entries, monotonic_seconds)
        )

    def resolve_principal(self, headers: Iterable[tuple[bytes, bytes]]) -> Principal:
        """Say who sent a request with these headers (names in lower case).

        Raises:
            Unauthorized: if the key is missing or unknown.
            Forbidden: if the key may not act for the subject.
            RequestRefused: if the subject is misshapen or named twice.
        """
        key: str | None = None
        subjects: list[str] = []
        for name, value in headers:
            if name == b"authorization":
                key = _parse_bearer(value)
            elif name == SUBJECT_HEADER.encode():
                subjects.append(value.decode("latin-1"))
        entry = self._find(key)
        return Principal(entry.key_id, resolve_subject(entry, subjects))

    def _find(self, key: str | None) -> KeyEntry:
        if key is None:
            raise Unauthorized(
                "The request has no key. Send the header `Authorization: Bearer <key>`; the Secret "
                "named in status.apiKeySecretName holds one."
            )
        digest = _digest(key)
        found: KeyEntry | None = None
        bound = () if self._bound is None else self._bound.current()
        for entry in (self._generated.current(), *self._older, *bound):
            if hmac.compare_digest(entry.digest, digest) and found is None:
                found = entry
        if found is None:
            raise Unauthorized("The key is not known. It may have been replaced: read it again.")
        return found


def resolve_subject(entry: KeyEntry, subjects: list[str]) -> str | None:
    """Say for whom a key acts, given what the header says.

    Raises:
        RequestRefused: if the header is misshapen or there are two.
        Forbidden: if the key may not act for that subject.
    """
    if len(subjects) > 1 or (subjects and not SUBJECT_PATTERN.fullmatch(subjects[0])):
        raise RequestRefused(
            "Steward-Subject must be one header of 1 to 256 visible ASCII characters.",
            param="Steward-Subject",
            reason="SubjectInvalid",
        )
    named = subjects[0] if subjects else None
    if entry.subject is not None:
        if named not in {None, entry.subject}:
            raise _refuse_subject()
        return entry.subject
    if named is not None and entry.may_act_for is not None and named not in entry.may_act_for:
        raise _refuse_subject()
    return named


def _refuse_subject() -> Forbidden:
    return Forbidden(
        "The key may not act for the subject in Steward-Subject. "
        "Use a key that is bound to it, or add it to mayActFor of this key.",
        param="Steward-Subject",
        reason="SubjectNotAllowed",
    )


_MEMBERS: Final = frozenset({"keySha256", "subject", "mayActFor"})


def _build_entry(key_id: str, digest: bytes, document: Mapping[str, Any]) -> KeyEntry | None:
    if "subject" in document:
        subject = document["subject"]
        return KeyEntry(key_id, digest, subject=subject) if _is_subject(subject) else None
    names = document["mayActFor"]
    if names == "*":
        return KeyEntry(key_id, digest, may_act_for=None)
    if not isinstance(names, list) or not all(_is_subject(name) for name in names):
        return None
    return KeyEntry(key_id, digest, may_act_for=frozenset(names))


def _is_subject(name: object) -> bool:
    return isinstance(name, str) and SUBJECT_PATTERN.fullmatch(name) is not None


def _read_entry(path: Path) -> KeyEntry | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return parse_entry(path.name, content) if len(content) <= KEY_FILE_BYTES_MAX else None


def _parse_bearer(value: bytes) -> str | None:
    scheme, _, key = value.decode("latin-1").partition(" ")
    key = key.strip()
    return key if scheme.lower() == "bearer" and 0 < len(key) <= KEY_LENGTH_MAX else None


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()
