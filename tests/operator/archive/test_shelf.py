"""The shelf: adds, never overwrites, notices what was changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_api.receipt import Envelope
from steward_operator.archive.errors import ShelfBroken
from steward_operator.archive.shelf import Shelf
from steward_receipts import (
    OPERATOR,
    RUNTIME,
    STRANGER,
    build_claim,
    build_receipt,
    build_statement,
    sign,
)


def receipt(log_size: int, previous: str | None = None) -> Envelope:
    """Return a co-signed receipt at a place in the chain."""
    claim = build_claim(run_id=f"purge_{log_size}", log_size=log_size, previous_digest=previous)
    return sign(build_statement(claim).render(), RUNTIME, OPERATOR)


def test_stores_by_place_and_digest(tmp_path: Path) -> None:
    """The file is the envelope, read-only, and nothing else is left beside it."""
    envelope = receipt(0)
    path = Shelf(tmp_path).put("uid-1", envelope)
    assert path.read_bytes() == envelope.render()
    assert path.name == f"00000000-{envelope.digest.removeprefix('sha256:')}.json"
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o440


def test_the_same_again_changes_nothing(tmp_path: Path) -> None:
    """A pull that is repeated after a crash does no harm."""
    shelf = Shelf(tmp_path)
    first = shelf.put("uid-1", receipt(0))
    stamp = first.stat().st_mtime_ns
    assert shelf.put("uid-1", receipt(0)) == first
    assert first.stat().st_mtime_ns == stamp


def test_never_overwrites(tmp_path: Path) -> None:
    """Another envelope over the same statement is refused, and the first one stays."""
    shelf = Shelf(tmp_path)
    path = shelf.put("uid-1", receipt(0))
    kept = path.read_bytes()
    other = sign(receipt(0).payload_bytes(), RUNTIME, STRANGER)
    with pytest.raises(ShelfBroken, match="nothing was overwritten"):
        shelf.put("uid-1", other)
    assert path.read_bytes() == kept


def test_there_is_no_way_to_delete() -> None:
    """The shelf offers nothing that takes a receipt away."""
    words = {name for name in dir(Shelf) if not name.startswith("_")}
    assert words == {"put", "read", "find_head", "list_digests"}


def test_a_half_written_file_is_not_on_the_shelf(tmp_path: Path) -> None:
    """What a crash left has no name yet, and the next put replaces it."""
    shelf = Shelf(tmp_path)
    envelope = receipt(0)
    folder = tmp_path / "uid-1"
    folder.mkdir()
    hex_digest = envelope.digest.removeprefix("sha256:")
    (folder / f"00000000-{hex_digest}.part").write_bytes(b"{")
    assert shelf.find_head("uid-1") is None
    shelf.put("uid-1", envelope)
    assert shelf.list_digests("uid-1") == (envelope.digest,)


def test_finds_the_head_and_reads_by_digest(tmp_path: Path) -> None:
    """Each assistant has a chain of its own."""
    shelf = Shelf(tmp_path)
    first = receipt(0)
    second = receipt(1, first.digest)
    shelf.put("uid-1", first)
    shelf.put("uid-1", second)
    head = shelf.find_head("uid-1")
    assert head is not None
    assert (head.log_size, head.digest) == (1, second.digest)
    assert shelf.read("uid-1", first.digest) == first.render()
    assert shelf.read("uid-1", "sha256:" + "0" * 64) is None
    assert shelf.find_head("uid-2") is None


def test_notices_a_missing_receipt(tmp_path: Path) -> None:
    """A gap in the chain stops the archive loudly."""
    shelf = Shelf(tmp_path)
    first = shelf.put("uid-1", receipt(0))
    shelf.put("uid-1", receipt(1))
    first.unlink()
    with pytest.raises(ShelfBroken, match="does not hold every receipt"):
        shelf.find_head("uid-1")


@pytest.mark.parametrize("content", [b"", b"{}", build_receipt(claim=build_claim(run_id="x"))])
def test_notices_a_changed_receipt(tmp_path: Path, content: bytes) -> None:
    """Nothing is added behind a head that is not what its name says."""
    shelf = Shelf(tmp_path)
    path = shelf.put("uid-1", receipt(0))
    path.unlink()
    path.write_bytes(content)
    with pytest.raises(ShelfBroken, match="was changed"):
        shelf.find_head("uid-1")


@pytest.mark.parametrize("uid", ["", "..", "a/b", "../x", "a" * 200])
def test_refuses_a_uid_that_is_a_path(tmp_path: Path, uid: str) -> None:
    """Nothing is written outside of the folder."""
    with pytest.raises(ShelfBroken):
        Shelf(tmp_path / "root").put(uid, receipt(0))


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    """The error says what to check, and nothing is acknowledged."""
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    with pytest.raises(ShelfBroken, match="check the archive's volume"):
        Shelf(blocked).put("uid-1", receipt(0))


def test_tells_whether_the_head_is_a_predecessors(tmp_path: Path) -> None:
    """By the uid in the receipt: the shelf of a new Assistant begins with what it took up."""
    shelf = Shelf(tmp_path)
    for uid in ("uid-1", "uid-2"):
        shelf.put(uid, receipt(0))
    own, taken_up = shelf.find_head("uid-1"), shelf.find_head("uid-2")
    assert own is not None
    assert taken_up is not None
    assert (own.is_inherited, taken_up.is_inherited) == (False, True)
