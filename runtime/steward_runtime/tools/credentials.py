"""Users' credentials: read from mounted Secrets, sent only where the Secret itself allows.

A Secret says in its key `hosts` where its `token` may go. Without that binding, whoever may write
a Tool could have any Secret of the namespace sent to a host of theirs (a confused deputy).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from steward_runtime.errors import CredentialUnbound, StewardError
from steward_runtime.tools.routes import Endpoint
from steward_runtime.watched import Watched

TOKEN_BYTES_MAX: Final = 16_384
"""Longest token: headers of common servers end at 16 KiB."""
HOSTS_BYTES_MAX: Final = 65_536


class CredentialMissing(StewardError):
    """A Secret that a Tool or Model needs is not mounted, or has no usable token."""

    reason = "CredentialMissing"
    status = 502


@dataclass(frozen=True, slots=True)
class Credential:
    """One Secret; `token` is None where the file is absent or not usable."""

    name: str
    token: str | None
    hosts: frozenset[str]

    def __repr__(self) -> str:
        """Show the name alone, never the token."""
        return f"Credential({self.name!r})"


def gather_credential(folder: Path) -> Credential:
    """Read one mounted Secret; what is missing or misshapen is missing in the result."""
    token = _read_text(folder / "token", TOKEN_BYTES_MAX)
    hosts = _read_text(folder / "hosts", HOSTS_BYTES_MAX) or ""
    named = (each.strip().lower() for each in hosts.replace(",", "\n").split("\n"))
    usable = token.strip() if token else ""
    is_header = usable.isascii() and usable.isprintable()
    return Credential(
        folder.name, usable if usable and is_header else None, frozenset(filter(None, named))
    )


def check_binding(credential: Credential, endpoint: Endpoint) -> bool:
    """Say whether the Secret may be sent there: it names the host, or exactly host and port."""
    return endpoint.host in credential.hosts or str(endpoint) in credential.hosts


class Credentials:
    """The mounted Secrets, each read again when it changes."""

    def __init__(self, folder: Path, monotonic_seconds: Callable[[], float]) -> None:
        self._folder = folder
        self._monotonic_seconds = monotonic_seconds
        self._watched: dict[str, Watched[Credential]] = {}

    def build_headers(self, name: str | None, endpoint: Endpoint) -> dict[str, str]:
        """Return the authorization header for one call; empty where no Secret is named.

        Raises:
            CredentialMissing: if the Secret is not mounted or has no token.
            CredentialUnbound: if its `hosts` does not name the endpoint.
        """
        if name is None:
            return {}
        credential = self._find(name)
        if credential.token is None:
            raise CredentialMissing(
                f"Secret {name} has no usable key `token`, so nothing was sent to {endpoint}. "
                "Create the Secret with keys `token` and `hosts`."
            )
        if not check_binding(credential, endpoint):
            raise CredentialUnbound(
                f"Secret {name} may not be sent to {endpoint}. "
                f"Add {endpoint.host} to its key `hosts` if it should."
            )
        return {"Authorization": f"Bearer {credential.token}"}

    def _find(self, name: str) -> Credential:
        watched = self._watched.get(name)
        if watched is None:
            watched = Watched(self._folder / name, gather_credential, self._monotonic_seconds)
            self._watched[name] = watched
        return watched.current()


def _read_text(path: Path, bytes_max: int) -> str | None:
    try:
        with path.open("rb") as file:
            content = file.read(bytes_max + 1)
        return content.decode() if len(content) <= bytes_max else None
    except (OSError, UnicodeDecodeError):
        return None
