"""Server-sent events, as far as model APIs use them: the `data` of each event (pure).

Follows the HTML standard, section 9.2.6: lines end in LF, CR LF or CR, `data` lines of one event
are joined by LF, comments and other fields are skipped, an event without its blank line is dropped.
"""

from __future__ import annotations

from typing import Final

EVENT_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bytes of one event: a chunk holds a few tokens, or one whole tool call."""


class EventTooLarge(Exception):
    """One event is larger than `EVENT_BYTES_MAX`."""


class SseParser:
    """Cuts a stream of bytes into events; keeps what is not complete yet."""

    __slots__ = ("_data", "_rest", "_size")

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the data of every event that `chunk` completes.

        Raises:
            EventTooLarge: if an event is larger than anybody would send.
        """
        if b"\r" in chunk or self._rest.endswith(b"\r"):
            return self._feed_any(chunk)
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        return self._take(lines)

    def _feed_any(self, chunk: bytes) -> list[bytes]:
        """Feed where lines may end in CR: a last CR waits, for a LF may follow."""
        content = self._rest + chunk
        held = b"\r" if content.endswith(b"\r") else b""
        content = content[: len(content) - len(held)]
        lines = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        return self._take(lines)

    def _take(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if not line:
                if self._data:
                    events.append(self._data[0] if len(self._data) == 1 else b"\n".join(self._data))
                    self._data = []
                    self._size = 0
            elif line.startswith(b"data:"):
                start = 6 if line[5:6] == b" " else 5
                self._data.append(line[start:])
                self._size += len(line)
        if self._size + len(self._rest) > EVENT_BYTES_MAX:
            raise EventTooLarge
        return events
