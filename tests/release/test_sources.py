"""Inputs of an image: exactly what the build sees, and a digest that changes with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward_release.pins import ROOT
from steward_release.sources import (
    EPOCH_WITHOUT_COMMIT,
    IMAGES,
    Image,
    digest_files,
    gather_files,
    gather_revision,
    stage_files,
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A checkout of two files and a cache, outside git."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one.py").write_text("1")
    (tmp_path / "a" / "__pycache__").mkdir()
    (tmp_path / "a" / "__pycache__" / "one.pyc").write_text("cache")
    (tmp_path / "two").write_text("2")
    return tmp_path


def test_caches_are_no_inputs(tree: Path) -> None:
    """What Python writes beside the sources changes no image."""
    assert gather_files(("two", "a"), tree) == (Path("a/one.py"), Path("two"))


def test_a_missing_source_is_named(tree: Path) -> None:
    """An input that was renamed is not silently left out."""
    with pytest.raises(FileNotFoundError, match=r"b is missing"):
        gather_files(("b",), tree)


@pytest.mark.parametrize("change", ["bytes", "name", "mode", "new"])
def test_the_digest_changes_with_every_input(tree: Path, change: str) -> None:
    """Another byte, name or execution bit, or one more file, is another image."""
    before = digest_files(gather_files(("two", "a"), tree), tree)
    if change == "bytes":
        (tree / "two").write_text("3")
    elif change == "mode":
        (tree / "two").chmod(0o755)
    elif change == "name":
        (tree / "a" / "one.py").rename(tree / "a" / "uno.py")
    else:
        (tree / "a" / "new.py").write_text("")
    assert digest_files(gather_files(("two", "a"), tree), tree) != before


def test_the_digest_does_not_depend_on_place_or_time(tree: Path, tmp_path: Path) -> None:
    """A copy of the inputs, made later and elsewhere, is the same image."""
    files = gather_files(("two", "a"), tree)
    stage_files(files, tmp_path / "copy", tree)
    assert digest_files(files, tmp_path / "copy") == digest_files(files, tree)


def test_outside_git_there_is_no_revision_and_a_fixed_time(tree: Path) -> None:
    """An unpacked archive of the source builds too."""
    revision = gather_revision(("two",), tree)
    assert (revision.commit, revision.epoch) == ("unknown", EPOCH_WITHOUT_COMMIT)


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: image.name)
def test_a_build_sees_every_file_that_its_dockerfile_copies(image: Image) -> None:
    """Each COPY from the context finds its source among the inputs."""
    files = {file.as_posix() for file in gather_files(image.sources)}
    text = (ROOT / image.dockerfile).read_text(encoding="utf-8")
    copied = [
        source
        for line in text.replace("\\\n", " ").splitlines()
        if line.startswith("COPY ") and "--from=" not in line
        for source in line.split()[1:-1]
    ]
    assert copied
    missing = [
        source
        for source in copied
        if source not in files and not any(file.startswith(f"{source}/") for file in files)
    ]
    assert missing == []
