"""What names one object of our own kinds in the queue, the caches and the index (pure)."""

from __future__ import annotations

from typing import NamedTuple


class Subject(NamedTuple):
    """One object of our own kinds."""

    kind: str
    namespace: str
    name: str
