"""The byte scanner: alone, and as a program of its own."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_api.receipt import NeedleKind, Place
from steward_runtime.retention.errors import ScanFailed
from steward_runtime.retention.needles import Needle
from steward_runtime.retention.scan import (
    CHUNK_BYTES,
    PIECE_BYTES_MIN,
    Index,
    Walk,
    scan_place,
    scan_stream,
)
from steward_runtime.retention.scanner import Places, ProcessScanner


def scan_bytes(raw: bytes, *pieces: bytes) -> tuple[set[int], int]:
    """Search bytes for one-piece needles; return (found, hits)."""
    found: set[int] = set()
    _, hits = scan_stream(io.BytesIO(raw), Index([(piece,) for piece in pieces]), found)
    return found, hits


@pytest.mark.parametrize("offset", range(9))
@pytest.mark.parametrize("size", [PIECE_BYTES_MIN, 12, 16, 37])
def test_a_needle_is_found_at_every_alignment(offset: int, size: int) -> None:
    """Words are compared at multiples of 4 only, and yet no position is blind."""
    piece = os.urandom(size)
    assert scan_bytes(bytes(offset) + piece + bytes(5), piece) == ({0}, 1)


@pytest.mark.parametrize("before", [*range(CHUNK_BYTES - 18, CHUNK_BYTES + 2, 3), 2 * CHUNK_BYTES])
def test_a_needle_across_two_chunks_is_counted_once(before: int) -> None:
    """The overlap neither loses nor doubles it."""
    piece = os.urandom(16)
    raw = bytes(before) + piece + bytes(CHUNK_BYTES)
    assert scan_bytes(raw, piece) == ({0}, 1)


def test_every_occurrence_counts() -> None:
    """Three copies are three hits of one needle."""
    piece = os.urandom(16)
    assert scan_bytes(piece + b"x" + piece + piece, piece) == ({0}, 3)


def test_needles_with_a_common_end_are_told_apart() -> None:
    """A candidate is compared in full."""
    end = b"0123456789ab"
    assert scan_bytes(b"AAAA" + end, b"AAAA" + end, b"BBBB" + end) == ({0}, 1)


def test_a_needle_with_several_pieces_is_found_by_any() -> None:
    """One page of a long value is enough."""
    first, last = os.urandom(16), os.urandom(16)
    found: set[int] = set()
    scan_stream(io.BytesIO(b"zz" + last), Index([(first, last)]), found)
    assert found == {0}


def test_refuses_a_needle_that_is_too_short() -> None:
    """It would slip between the words."""
    with pytest.raises(ValueError, match="at least 11"):
        Index([(bytes(PIECE_BYTES_MIN - 1),)])


def test_without_needles_bytes_are_still_counted() -> None:
    """An empty search is a search of so many bytes."""
    assert scan_stream(io.BytesIO(bytes(100)), Index([]), set()) == (100, 0)


def test_folders_are_walked_and_links_are_not_followed(tmp_path: Path) -> None:
    """What a link points to is not ours to read, and skipped files have a place of their own."""
    (tmp_path / "inside").mkdir()
    kept, skipped = tmp_path / "inside" / "kept", tmp_path / "skipped"
    kept.write_bytes(b"")
    skipped.write_bytes(b"")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "folder").symlink_to(tmp_path / "inside")
    roots = [str(tmp_path), str(tmp_path / "absent"), str(tmp_path / "link")]
    assert list(Walk(roots, [str(skipped)])) == [kept]


def test_pipes_are_passed_over(tmp_path: Path) -> None:
    """Reading one would never end."""
    os.mkfifo(tmp_path / "pipe")
    assert list(Walk([str(tmp_path), str(tmp_path / "pipe")], [])) == []


class VanishingWalk(Walk):
    """Removes a file right before it is searched."""

    def __iter__(self) -> Iterator[Path]:
        """Yield the files that were there."""
        for path in super().__iter__():
            path.unlink()
            yield path


def test_a_file_that_vanishes_is_none(tmp_path: Path) -> None:
    """The write-ahead log may go between listing and opening."""
    (tmp_path / "gone").write_bytes(b"")
    counts = scan_place("p", VanishingWalk([str(tmp_path)], []), Index([]), set())
    assert (counts["files"], counts["unreadable"]) == (0, 0)


class WrongWalk(Walk):
    """Yields a folder in place of a file, which stands for any error of the system."""

    def __iter__(self) -> Iterator[Path]:
        """Yield the roots themselves."""
        yield from map(Path, self._roots)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    """Its bytes are not known, so nothing is proven about them."""
    counts = scan_place("p", WrongWalk([str(tmp_path)], []), Index([]), set())
    assert (counts["files"], counts["unreadable"]) == (0, 1)


def test_the_program_searches_every_place(tmp_path: Path) -> None:
    """Database, log, shared memory, other files, temporary files and logs are told apart."""
    data, temporary, logs = tmp_path / "data", tmp_path / "tmp", tmp_path / "logs"
    for folder in (data, temporary, logs):
        folder.mkdir()
    needles = [Needle("s", str(number), NeedleKind.NONCE, (os.urandom(12),)) for number in range(7)]
    paths = [
        data / "steward.db",
        data / "steward.db-wal",
        data / "steward.db-shm",
        data / "backup.db",
        temporary / "t",
        logs / "l",
    ]
    for path, needle in zip(paths, needles, strict=False):
        path.write_bytes(b"..." + needle.pieces[0])
    search = ProcessScanner(Places(data, (temporary,), (logs,))).search(needles)
    assert search.found == frozenset(range(6))
    assert dict(search.hits) == dict.fromkeys(Place, 1)
    assert dict(search.files) == dict.fromkeys(Place, 1)
    assert search.unreadable == 0


def test_a_scan_that_does_not_finish_is_an_error(tmp_path: Path) -> None:
    """Nothing is concluded from silence."""
    short = Needle("s", "1", NeedleKind.NONCE, (b"short",))
    with pytest.raises(ScanFailed):
        ProcessScanner(Places(tmp_path)).search([short])
