"""The byte scanner: which of many byte strings occur in which files. Standard library only.

Runs as a program of its own (`python -I scan.py`), because opening and closing a database file in
the process that has it open would drop SQLite's POSIX locks on it (sqlite.org/howtocorrupt.html,
section 2.2). Reads one JSON document on standard input and writes one on standard output:

    {"needles": [["<hex>", ...], ...], "places": [["Database", [paths], [skipped]]]}
    {"found": [0, 7], "places": [{"place": "Database", "files": 1, "bytes": 8192, "hits": 3,
                                  "unreadable": 0}]}

A needle is a list of pieces of one byte string; it is found when any piece occurs. `found` holds
the numbers of needles, in the order of the input, `hits` counts occurrences of pieces per place.

How thousands of needles are searched at the speed of C: every occurrence of 11 bytes or more covers
an 8-byte word that starts at a multiple of 4, so each piece puts four words into one set, and the
set is intersected with the words of each chunk. Only chunks with a common word are looked at again.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

WORD_BYTES = 8
STEP_BYTES = 4
PIECE_BYTES_MIN = WORD_BYTES + STEP_BYTES - 1
CHUNK_BYTES = 32 * 1024
"""A chunk with a hit is searched once per candidate, so small chunks keep many hits cheap."""


class Index:
    """Pieces of all needles, indexed by the words that any occurrence must cover."""

    def __init__(self, needles: Iterable[Sequence[bytes]]) -> None:
        """Index the pieces of `needles`.

        Raises:
            ValueError: if a piece is shorter than `PIECE_BYTES_MIN`.
        """
        self.longest = 0
        self._pieces: list[tuple[int, bytes]] = []
        # One number where a word has one piece, as almost all have: a list each would cost more
        # memory than the words themselves.
        self._by_word: dict[int, int | list[int]] = {}
        for number, pieces in enumerate(needles):
            for piece in pieces:
                if len(piece) < PIECE_BYTES_MIN:
                    raise ValueError(f"a needle must have at least {PIECE_BYTES_MIN} bytes")
                self._add(number, piece)
        self._words = frozenset(self._by_word)

    def find_candidates(self, chunk: bytes) -> set[tuple[int, bytes]]:
        """Return the pieces that may occur in `chunk`, as pairs of needle number and piece."""
        common: set[int] = set()
        view = memoryview(chunk)
        for start in (0, STEP_BYTES):
            length = (len(chunk) - start) // WORD_BYTES * WORD_BYTES
            if length > 0:
                # At run time a cast view yields the integers that its static type lacks.
                words: Any = view[start : start + length].cast("Q")
                common |= self._words.intersection(words)
        return {self._pieces[place] for word in common for place in self._places_of(word)}

    def _add(self, number: int, piece: bytes) -> None:
        place = len(self._pieces)
        self._pieces.append((number, piece))
        self.longest = max(self.longest, len(piece))
        for word in _words_of(piece):
            known = self._by_word.setdefault(word, place)
            if isinstance(known, list):
                known.append(place)
            elif known != place:
                self._by_word[word] = [known, place]

    def _places_of(self, word: int) -> list[int]:
        places = self._by_word[word]
        return places if isinstance(places, list) else [places]


def _words_of(piece: bytes) -> set[int]:
    """Return the words at the end of a piece: identifiers share their beginnings."""
    first = len(piece) - PIECE_BYTES_MIN
    return {
        int.from_bytes(piece[at : at + WORD_BYTES], sys.byteorder)
        for at in range(first, first + STEP_BYTES)
    }


def scan_stream(stream: BinaryIO, index: Index, found: set[int]) -> tuple[int, int]:
    """Search one stream; add the numbers of needles that occur to `found`.

    Returns:
        Bytes read and occurrences of pieces.
    """
    total_bytes = 0
    hits = 0
    tail = b""
    while block := stream.read(CHUNK_BYTES):
        total_bytes += len(block)
        chunk = tail + block
        for number, piece in index.find_candidates(chunk):
            occurrences = _count_beyond(chunk, piece, len(tail))
            if occurrences:
                found.add(number)
                hits += occurrences
        tail = chunk[max(len(chunk) - index.longest + 1, 0) :] if index.longest > 1 else b""
    return total_bytes, hits


def _count_beyond(chunk: bytes, piece: bytes, tail_bytes: int) -> int:
    """Count occurrences that end beyond the tail, which the chunk before has counted."""
    count = 0
    at = chunk.find(piece, max(tail_bytes - len(piece) + 1, 0))
    while at >= 0:
        count += 1
        at = chunk.find(piece, at + 1)
    return count


class Walk:
    """Every regular file among and below some roots; links are not followed.

    Args:
        roots: files and folders; what is not there is passed over.
        skipped: files that have a place of their own.
    """

    def __init__(self, roots: list[str], skipped: list[str]) -> None:
        self.unreadable = 0
        """Folders that could not be listed; one that vanishes meanwhile is none."""
        self._roots = roots
        self._skipped = frozenset(skipped)

    def __iter__(self) -> Iterator[Path]:
        """Yield the files in a stable order."""
        for root in self._roots:
            if _is_regular(root) and root not in self._skipped:
                yield Path(root)
            for folder, folders, names in os.walk(root, onerror=self._note):
                folders.sort()
                for name in sorted(names):
                    path = os.path.join(folder, name)  # noqa: PTH118 # as os.walk gives it
                    if path not in self._skipped and _is_regular(path):
                        yield Path(path)

    def _note(self, error: OSError) -> None:
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.unreadable += 1


def _is_regular(path: str) -> bool:
    """Say whether a path is a file itself: reading a pipe or a device might never end."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def scan_place(place: str, walk: Walk, index: Index, found: set[int]) -> dict[str, int | str]:
    """Search the files of one place and return its counts; a file that vanishes is none."""
    counts = {"files": 0, "bytes": 0, "hits": 0, "unreadable": 0}
    for path in walk:
        try:
            with path.open("rb") as stream:
                size, hits = scan_stream(stream, index, found)
        except FileNotFoundError:
            continue
        except OSError:
            counts["unreadable"] += 1
            continue
        counts["files"] += 1
        counts["bytes"] += size
        counts["hits"] += hits
    counts["unreadable"] += walk.unreadable
    return {"place": place, **counts}


def scan(task: dict[str, Any]) -> dict[str, Any]:
    """Search everything that a task names; see the module for its form."""
    index = Index([bytes.fromhex(piece) for piece in pieces] for pieces in task["needles"])
    found: set[int] = set()
    places = [
        scan_place(place, Walk(roots, skipped), index, found)
        for place, roots, skipped in task["places"]
    ]
    return {"found": sorted(found), "places": places}


if __name__ == "__main__":
    json.dump(scan(json.load(sys.stdin)), sys.stdout)
