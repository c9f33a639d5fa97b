"""Says all findings of a house test, one a line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def expect_none(found: Iterable[object] | Mapping[str, object]) -> None:
    """Fail with every finding, none cut off.

    Raises:
        AssertionError: if there is any.
    """
    if isinstance(found, Mapping):
        found = [f"{place}: {what}" for place, what in found.items()]
    lines = [str(item) for item in found]
    assert not lines, "\n" + "\n".join(lines)
