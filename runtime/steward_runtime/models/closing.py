"""Close an answer that nobody reads to its end, so that its connection is given back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Closing(Generic[T]):
    """Like `contextlib.aclosing`, for any iterator: one without `aclose` needs no closing."""

    def __init__(self, answer: AsyncIterator[T]) -> None:
        self._answer = answer

    async def __aenter__(self) -> AsyncIterator[T]:
        """Return the iterator."""
        return self._answer

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the iterator."""
        close = getattr(self._answer, "aclose", None)
        if close is not None:
            await close()
