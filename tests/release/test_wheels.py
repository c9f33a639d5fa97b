"""The wheel: the same bytes from the same source, wherever and whenever it is built."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path

import pytest

from steward_release.materials import build_wheel_bill
from steward_release.pins import load_project
from steward_release.sources import WHEEL_SOURCES, gather_files, stage_files
from steward_release.wheels import build_distributions, digest_file

EPOCH = 1_700_000_000


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two wheels, of two copies of the source with other places, times and modes of files."""
    built = []
    for name, mode in (("one", 0o600), ("another-place", 0o664)):
        place = tmp_path_factory.mktemp(name)
        stage_files(gather_files(WHEEL_SOURCES), place)
        for file in gather_files((".",), place):
            (place / file).chmod(mode)
            os.utime(place / file, (mode, mode))
        built.append(build_distributions(place / "dist", EPOCH, place)[0])
    return built[0], built[1]


def test_two_builds_give_the_same_wheel(wheels: tuple[Path, Path]) -> None:
    """Place, time and permissions of the checkout leave no trace."""
    one, other = wheels
    assert one.name == other.name
    assert digest_file(one) == digest_file(other)


def test_the_wheel_holds_our_packages_alone(wheels: tuple[Path, Path]) -> None:
    """Four packages and their record; no tests, no tools."""
    with zipfile.ZipFile(wheels[0]) as packed:
        tops = {name.partition("/")[0] for name in packed.namelist()}
    packages = {"steward_api", "steward_cli", "steward_operator", "steward_runtime"}
    assert {top for top in tops if not top.endswith(".dist-info")} == packages


def test_the_bill_of_a_wheel_lists_what_it_asks_for(wheels: tuple[Path, Path]) -> None:
    """Each dependency is there once, with every range, and no version is invented."""
    bill = json.loads(build_wheel_bill(wheels[0], EPOCH))
    listed = {component["name"]: component for component in bill["components"]}
    assert {"pydantic", "kopf", "starlette"} <= set(listed)
    assert all("version" not in component for component in listed.values())
    assert bill["metadata"]["component"]["hashes"][0]["content"] == digest_file(wheels[0])
    assert bill["metadata"]["component"]["version"] == load_project()["project"]["version"]
