"""Time and identifiers as arguments, so that everything that decides can be replayed.

Times are integers: milliseconds since 1970 UTC. Nothing else in the runtime reads a clock or makes
randomness; there is no flag that moves the clock.
"""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970 UTC."""
        ...

    def monotonic_seconds(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...


class Ids(Protocol):
    """Makes identifiers and salts."""

    def new_id(self, prefix: str) -> str:
        """Return an identifier that starts with `prefix` and cannot be guessed."""
        ...

    def salt(self, size_bytes: int) -> bytes:
        """Return `size_bytes` random bytes."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Return milliseconds since 1970 UTC."""
        return time.time_ns() // 1_000_000

    def monotonic_seconds(self) -> float:
        """Return seconds on the machine's monotonic clock."""
        return time.monotonic()


class RandomIds:
    """Identifiers of 128 random bits."""

    def new_id(self, prefix: str) -> str:
        """Return `<prefix>_<32 hex digits>`."""
        return f"{prefix}_{secrets.token_hex(16)}"

    def salt(self, size_bytes: int) -> bytes:
        """Return `size_bytes` bytes of the operating system's randomness."""
        return secrets.token_bytes(size_bytes)


class ManualClock:
    """A clock that moves only when told; for tests and replay."""

    def __init__(self, now_ms: int = 1_700_000_000_000) -> None:
        self._now_ms = now_ms

    def now_ms(self) -> int:
        """Return the time that was set last."""
        return self._now_ms

    def monotonic_seconds(self) -> float:
        """Return the same time in seconds."""
        return self._now_ms / 1_000

    def move(self, seconds: float) -> None:
        """Move forward by `seconds`."""
        self._now_ms += int(seconds * 1_000)


class CountingIds:
    """Identifiers that count up; for tests and replay."""

    def __init__(self) -> None:
        self._count = 0

    def new_id(self, prefix: str) -> str:
        """Return `<prefix>_<count>`."""
        self._count += 1
        return f"{prefix}_{self._count:032x}"

    def salt(self, size_bytes: int) -> bytes:
        """Return the count as bytes."""
        self._count += 1
        return self._count.to_bytes(size_bytes, "big")


def render_time(at_ms: int) -> str:
    """Return RFC 3339 in UTC with whole seconds, for example `2026-01-31T08:00:00Z`."""
    return datetime.fromtimestamp(at_ms / 1_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
