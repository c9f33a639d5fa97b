"""Reads the API server's audit log: who asked for what, and which requests were writes.

A write is a mutating request (create, update, patch, delete, deletecollection) without `dryRun`,
outside Leases, whatever the server answered: a no-op apply and a refused create are writes.
At level Metadata a `dryRun` inside a DeleteOptions body is not seen; put it into the URL.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from steward_lab.errors import DeadlineError

MUTATING_VERBS = frozenset({"create", "update", "patch", "delete", "deletecollection"})
CREDENTIAL = "authentication.kubernetes.io/credential-id"
BARRIER_SECONDS = 30.0
POLL_SECONDS = 0.005


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One finished request as the API server recorded it; absent parts are "".

    Attributes:
        user: Who it counts for: the impersonated user where there is one.
        verb: get, list, watch, create, update, patch, delete or deletecollection.
        group: API group; "" is the core group.
        subresource: Such as `status`, `binding` or `token`.
        code: HTTP status code of the answer; 0 if the connection went away.
        received_at: When the server received it, RFC 3339 with microseconds, UTC; sorts as text.
        credential: Id of the ServiceAccount token that was shown, which tells replicas apart.
    """

    user: str
    verb: str
    group: str
    version: str
    resource: str
    subresource: str
    namespace: str
    name: str
    code: int
    is_dry_run: bool
    uri: str
    user_agent: str
    received_at: str
    credential: str = ""

    @property
    def is_write(self) -> bool:
        """Whether it is a write by the lab's definition (see the module)."""
        is_lease = self.group == "coordination.k8s.io" and self.resource == "leases"
        return self.verb in MUTATING_VERBS and not self.is_dry_run and not is_lease

    def __str__(self) -> str:
        """A line for assertion messages."""
        subresource = f"/{self.subresource}" if self.subresource else ""
        where = f"{self.namespace}/{self.name}"
        return f"{self.user} {self.verb} {self.resource}{subresource} {where} -> {self.code}"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment in the log: entries received after it belong to what follows."""

    offset_bytes: int
    received_at: str


def parse_entry(line: bytes) -> AuditEntry:
    """Reads one JSON line of the log."""
    event: Mapping[str, Any] = json.loads(line)
    reference: Mapping[str, str] = event.get("objectRef") or {}
    user = event.get("impersonatedUser") or event.get("user") or {}
    uri = str(event.get("requestURI", ""))
    credentials = (user.get("extra") or {}).get(CREDENTIAL) or ("",)
    return AuditEntry(
        user=str(user.get("username", "")),
        verb=str(event.get("verb", "")),
        group=reference.get("apiGroup", ""),
        version=reference.get("apiVersion", ""),
        resource=reference.get("resource", ""),
        subresource=reference.get("subresource", ""),
        namespace=reference.get("namespace", ""),
        name=reference.get("name", ""),
        code=int((event.get("responseStatus") or {}).get("code", 0)),
        is_dry_run=bool(parse_qs(urlsplit(uri).query).get("dryRun")),
        uri=uri,
        user_agent=str(event.get("userAgent", "")),
        received_at=str(event.get("requestReceivedTimestamp", "")),
        credential=str(credentials[0]),
    )


class AuditLog:
    """The audit log of one running control plane.

    Marks and readings are exact: each sends a request of its own and waits until the log shows
    it, so an entry cannot come late.
    """

    def __init__(self, path: Path, send_barrier: Callable[[str], None]) -> None:
        """Reads from `path`; `send_barrier` must send a GET that names the given token."""
        self.path = path
        self._send_barrier = send_barrier

    def mark(self) -> Mark:
        """Answers the present moment; everything answered before it lies before the mark."""
        offset = self.path.stat().st_size if self.path.exists() else 0
        received_at, _ = self._pass_barrier(offset)
        return Mark(offset, received_at)

    def since(self, mark: Mark) -> tuple[AuditEntry, ...]:
        """Answers every request received after the mark and finished by now, in log order."""
        # Twice: the first one's entry may be written while an earlier answer's still isn't.
        self._pass_barrier(mark.offset_bytes)
        _, lines = self._pass_barrier(mark.offset_bytes)
        entries = (parse_entry(line) for line in lines)
        return tuple(
            entry
            for entry in entries
            if entry.received_at > mark.received_at and "lab-barrier=" not in entry.uri
        )

    def writes_since(self, mark: Mark, user: str | None = None) -> tuple[AuditEntry, ...]:
        """Answers the writes after the mark, of one user or of everybody."""
        return tuple(
            entry
            for entry in self.since(mark)
            if entry.is_write and (user is None or entry.user == user)
        )

    def _pass_barrier(self, offset_bytes: int) -> tuple[str, list[bytes]]:
        """Sends a request and reads on from the offset until its entry is there.

        Returns:
            When the server received that request, and all lines read.

        Raises:
            DeadlineError: The entry did not come.
        """
        token = f"lab-barrier={secrets.token_hex(8)}"
        self._send_barrier(token)
        needle = token.encode()
        deadline = time.monotonic() + BARRIER_SECONDS
        lines: list[bytes] = []
        rest = b""
        with self.path.open("rb") as log:
            # The offset may lie inside a line that was being written: that one is not asked for.
            log.seek(max(0, offset_bytes - 1))
            is_begun = offset_bytes == 0
            while time.monotonic() < deadline:
                *complete, rest = (rest + log.read()).split(b"\n")
                if complete and not is_begun:
                    complete, is_begun = complete[1:], True
                lines += complete
                found = next((line for line in complete if needle in line), None)
                if found is not None:
                    return parse_entry(found).received_at, lines
                time.sleep(POLL_SECONDS)
        raise DeadlineError(f"{self.path} did not show a request made {BARRIER_SECONDS} s ago")
