"""Storages for kopf that store nothing and copy nothing.

kopf copies every object twice per event to tell what changed, even where only `on.event` handlers
are registered (1.45.2, `processing._detect_causes`); that costs more than all else it does. With
these it has nothing to compare, and could not write on a user's object if it wanted to.
"""

from __future__ import annotations

from typing import Any, cast

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Knows nothing of an object's last state."""

    def build(self, *, body: Any, extra_fields: Any = None) -> Any:
        """Return an empty essence."""
        del body, extra_fields
        return cast("Any", {})

    def fetch(self, *, body: Any) -> None:
        """Find nothing."""

    def store(self, *, body: Any, patch: Any, essence: Any) -> None:
        """Store nothing."""


class NoProgress(kopf.ProgressStorage):
    """Knows of no handler's progress."""

    def fetch(self, *, key: Any, body: Any) -> None:
        """Find nothing."""

    def store(self, *, key: Any, record: Any, body: Any, patch: Any) -> None:
        """Store nothing."""

    def purge(self, *, key: Any, body: Any, patch: Any) -> None:
        """Remove nothing."""

    def touch(self, *, body: Any, patch: Any, value: str | None) -> None:
        """Touch nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Return the essence as it is."""
        return essence
