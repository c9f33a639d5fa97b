"""Values that follow their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_runtime.clock import ManualClock
from steward_runtime.errors import StewardError
from steward_runtime.watched import Watched


def _read(path: Path) -> str:
    text = path.read_text()
    if text == "broken":
        raise StewardError("the file is broken")
    return text


def _watch(path: Path, clock: ManualClock) -> Watched[str]:
    return Watched(path, _read, clock.monotonic_seconds)


def test_follows_the_swap_of_a_secret_volume(tmp_path: Path) -> None:
    """The kubelet swaps the symlink `..data`; the next look shows the new file."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "token").write_text(name)
    (tmp_path / "..data").symlink_to("old")
    (tmp_path / "token").symlink_to("..data/token")
    clock = ManualClock()
    watched = _watch(tmp_path / "token", clock)
    assert watched.current() == "old"
    (tmp_path / "..tmp").symlink_to("new")
    (tmp_path / "..tmp").rename(tmp_path / "..data")
    clock.move(1)
    assert watched.current() == "new"


def test_looks_at_the_file_once_a_second_at_most(tmp_path: Path) -> None:
    """Within a second the old value is still served."""
    path, clock = tmp_path / "f", ManualClock()
    path.write_text("a")
    watched = _watch(path, clock)
    path.write_text("longer")
    assert watched.current() == "a"
    clock.move(1)
    assert watched.current() == "longer"


def test_keeps_the_last_good_value_when_a_change_is_broken(tmp_path: Path) -> None:
    """A broken file changes nothing; a good one afterwards does."""
    path, clock = tmp_path / "f", ManualClock()
    path.write_text("a")
    watched = _watch(path, clock)
    path.write_text("broken")
    clock.move(1)
    assert watched.current() == "a"
    path.write_text("good")
    clock.move(1)
    assert watched.current() == "good"


def test_refuses_a_first_value_that_is_broken(tmp_path: Path) -> None:
    """There is no last good value to fall back to."""
    (tmp_path / "f").write_text("broken")
    with pytest.raises(StewardError, match="broken"):
        _watch(tmp_path / "f", ManualClock())
