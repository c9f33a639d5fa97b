"""What the server may be told to answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """A reply of text, streamed in pieces; the pause lies before each piece."""

    text: str
    pieces: int = 3
    pause_seconds: float = 0.0
    finish_reason: str = "stop"
    with_usage: bool = True

    def split(self) -> list[str]:
        """Cut the text into its pieces."""
        size = max(1, -(-len(self.text) // self.pieces))
        return [self.text[start : start + size] for start in range(0, len(self.text), size)]


@dataclass(frozen=True, slots=True)
class Call:
    """One or more tool calls: pairs of tool name and arguments."""

    calls: tuple[tuple[str, dict[str, Any]], ...]
    text: str = ""
    with_ids: bool = True


@dataclass(frozen=True, slots=True)
class Refuse:
    """An HTTP error with OpenAI's body."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "scripted refusal"


@dataclass(frozen=True, slots=True)
class Cut:
    """Part of a reply, and then the connection breaks."""

    text: str = ""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that are not what the API promises, sent with status 200."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Hang:
    """Nothing at all, until the client gives up; after `text`, if there is some."""

    text: str = ""


Fault: TypeAlias = Refuse | Cut | Garbage | Hang
Answer: TypeAlias = Say | Call | Fault
