"""The port through which memory gets vectors; adapters live in `models`."""

from __future__ import annotations

from typing import Protocol


class Embedder(Protocol):
    """Turns texts into vectors of one model."""

    @property
    def model_digest(self) -> str:
        """What tells vectors of this model from those of another."""
        ...

    async def embed(self, texts: tuple[str, ...]) -> tuple[tuple[float, ...], ...]:
        """Return one vector per text, in order.

        Raises:
            ModelError: if the model gave no usable answer.
        """
        ...
