"""Read the text of `{"reply": "..."}` while it is still being written (pure).

So that a constrained answer streams like any other. Gives out nothing for a tool call; the whole
answer is parsed again at its end, and that decides.
"""

from __future__ import annotations

import re
from typing import Final

_OPENING: Final = re.compile(r'\s*\{\s*"reply"\s*:\s*"')
_OPENING_BYTES_MAX: Final = 64
"""White space that a model may put before the text; beyond it the answer is not a reply."""
_ESCAPES: Final = {
    '"': '"',
    "\\": "\\",
    "/": "/",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
}
_UNICODE_LENGTH: Final = 6
"""Characters of `\\uXXXX`."""


class PartialReply:
    """Turns pieces of JSON into pieces of the reply's text."""

    __slots__ = ("_is_over", "_is_reply", "_rest")

    def __init__(self) -> None:
        self._rest = ""
        self._is_reply = False
        self._is_over = False

    def feed(self, piece: str) -> str:
        """Return the text that this piece adds to the reply, which may be empty."""
        if self._is_over:
            return ""
        self._rest += piece
        if not self._is_reply and not self._open():
            return ""
        return self._decode()

    def _open(self) -> bool:
        match = _OPENING.match(self._rest)
        if match is None:
            self._is_over = len(self._rest) > _OPENING_BYTES_MAX
            return False
        self._rest = self._rest[match.end() :]
        self._is_reply = True
        return True

    def _decode(self) -> str:
        rest, position, texts = self._rest, 0, list[str]()
        while position < len(rest):
            stop = _find_special(rest, position)
            texts.append(rest[position:stop])
            position = stop
            if position == len(rest):
                break
            if rest[position] == '"':
                self._is_over = True
                break
            length = _measure_escape(rest, position)
            if length == 0:
                break
            texts.append(_decode_escape(rest[position : position + length]))
            position += length
        self._rest = rest[position:]
        return "".join(texts)


def _find_special(text: str, start: int) -> int:
    """Return where the next quote or backslash is, or the end."""
    found = [place for place in (text.find('"', start), text.find("\\", start)) if place >= 0]
    return min(found, default=len(text))


def _measure_escape(text: str, start: int) -> int:
    """Return the length of the escape at `start`, or 0 while it is not complete."""
    available = len(text) - start
    if available < 2:
        return 0
    if text[start + 1] != "u":
        return 2
    if available < _UNICODE_LENGTH:
        return 0
    if not _is_high_surrogate(text[start : start + _UNICODE_LENGTH]):
        return _UNICODE_LENGTH
    return 2 * _UNICODE_LENGTH if available >= 2 * _UNICODE_LENGTH else 0


def _is_high_surrogate(escape: str) -> bool:
    return escape[2:4].lower() in {"d8", "d9", "da", "db"}


def _decode_escape(escape: str) -> str:
    if escape[1] != "u":
        return _ESCAPES.get(escape[1], "")
    try:
        units = [int(escape[start + 2 : start + 6], 16) for start in range(0, len(escape), 6)]
    except ValueError:
        return "\ufffd"
    return b"".join(unit.to_bytes(2, "big") for unit in units).decode("utf-16-be", "replace")
