"""A full disk: the purge throws its ballast away and makes room."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from steward_purge import KEEP_SECONDS, open_bench, seed_conversation
from steward_runtime.clock import ManualClock
from steward_runtime.errors import StorageFull
from steward_runtime.retention.ballast import ROOM_FACTOR, Ballast
from steward_runtime.retention.runs import RunOutcome

MIB = 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a disk of 48 MiB; skip where that is not allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("a small disk can be mounted by root only")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(place)],
        check=False,
        capture_output=True,
        timeout=10,
    )
    if mounted.returncode != 0:
        pytest.skip("mounting is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True, timeout=10)


def fill(place: Path) -> None:
    """Fill the rest of a disk."""
    with (place / "filler").open("wb") as stream:
        space = os.statvfs(place)
        os.posix_fallocate(stream.fileno(), 0, space.f_bavail * space.f_frsize)


def test_a_purge_makes_room_on_a_full_disk(small_disk: Path) -> None:
    """Without ballast it could not even begin."""
    clock = ManualClock()
    data = small_disk / "data"
    with open_bench(data, clock) as bench:
        for _ in range(20):
            seed_conversation(bench.database, bench.keyring, clock.now_ms(), length=20_000)
        clock.move(KEEP_SECONDS)
        ballast = Ballast(data)
        assert ballast.keep()
        fill(small_disk)
        with pytest.raises(StorageFull):
            bench.run()
        bench.ballast = ballast
        assert [run.outcome for run in bench.run()] == [RunOutcome.COMPLETE]
        assert bench.count_rows("messages") == 0
        seed_conversation(bench.database, bench.keyring, clock.now_ms())


def test_ballast_is_kept_once(tmp_path: Path) -> None:
    """It takes its bytes for real, and only once."""
    ballast = Ballast(tmp_path, MIB)
    assert ballast.keep()
    stamp = (tmp_path / "ballast").stat()
    assert stamp.st_blocks * 512 >= MIB
    assert ballast.keep()
    assert (tmp_path / "ballast").stat().st_mtime_ns == stamp.st_mtime_ns
    assert ballast.drop()
    assert not ballast.drop()


def test_ballast_never_fills_the_disk_itself(tmp_path: Path) -> None:
    """Where there is little room, it is left out."""
    space = os.statvfs(tmp_path)
    too_large = space.f_bavail * space.f_frsize // ROOM_FACTOR + MIB
    assert not Ballast(tmp_path, too_large).keep()
    assert list(tmp_path.iterdir()) == []
