"""Secrecy: no file says on which machine or from which index it was made."""

from __future__ import annotations

import re

from steward_api.meta import GROUP
from steward_house.reporting import expect_none
from steward_house.sources import ROOT, gather_files, gather_modules

MACHINE_PATH = re.compile(r"(?<![\w.$}/-])/(?:work|root|home/\w+|opt/wheels|mnt|Users/\w+)(?:/|\b)")
"""Folders of one machine; paths inside a container (`/etc/steward`, `/tmp`) are not among them."""
INDEX_ADDRESS = re.compile(
    r"https?://[^\s\"']*(?:/simple\b|pypi|artifact|nexus|devpi|goproxy|/repository/)"
    r"|--(?:extra-)?index-url[ =]|--find-links[ =]|--trusted-host",
    re.IGNORECASE,
)
TEXT_FILES = {".py", ".md", ".toml", ".txt", ".in", ".yaml", ".yml", ".json", ".sh", ".svg", ".sql"}
LOCK_COMMENT = "uv pip compile"
"""uv names its options in a lock file's first lines: `--no-emit-index-url` holds no address."""


def lines_of_texts() -> list[tuple[str, str]]:
    """Return place and text of every line that people wrote or generated."""
    found = []
    for path in gather_files():
        if path.suffix in TEXT_FILES or path.name in {"Makefile", "run", "LICENSE", ".gitignore"}:
            place = path.relative_to(ROOT).as_posix()
            text = path.read_text(encoding="utf-8")
            found += [(f"{place}:{n}", line) for n, line in enumerate(text.splitlines(), 1)]
    return found


def test_no_file_names_a_folder_of_this_machine() -> None:
    """A path of one machine is wrong on every other."""
    own = "tests/house/test_secrecy.py"
    found = [p for p, line in lines_of_texts() if MACHINE_PATH.search(line) and own not in p]
    expect_none(found)


def test_no_file_records_where_packages_come_from() -> None:
    """Which index serves a package is the user's choice, not ours."""
    own = "tests/house/test_secrecy.py"
    found = [
        place
        for place, line in lines_of_texts()
        if INDEX_ADDRESS.search(line) and LOCK_COMMENT not in line and own not in place
    ]
    expect_none(found)


def test_the_api_group_is_spelled_once_in_python() -> None:
    """Every derived name is built from `steward_api.meta.GROUP`; peers don't know our packages."""
    ours = (m for m in gather_modules() if not m.place.startswith("bench/peers/"))
    spelled = [module.place for module in ours if GROUP in module.text]
    assert spelled == ["crds/steward_api/meta.py"]
