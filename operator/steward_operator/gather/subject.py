"""What names one object of our own kinds; see `objects.Subject` (pure)."""

from __future__ import annotations

from steward_operator.objects import Subject

__all__ = ["Subject"]
