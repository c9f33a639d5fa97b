"""The node's quick parts: images without a builder, cgroups, and what counts as its process."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest

from steward_node.archives import write_image_archive
from steward_node.cgroups import create_cgroups, gather_cgroups, gather_hierarchies
from steward_node.errors import PrerequisiteError
from steward_node.layout import CGROUP, Place
from steward_node.prerequisites import gather_covered
from steward_node.storage import build_volume, is_released, is_waiting
from steward_node.supervising import (
    end_supervisor,
    read_owner,
    read_progress,
    read_start_time,
    read_supervisor,
    write_supervisor,
)

Manifest = dict[str, Any]


@pytest.fixture
def archive(tmp_path: Path) -> dict[str, bytes]:
    """The members of an image archive that holds one file."""
    tool = tmp_path / "tool"
    tool.write_bytes(b"#!/bin/true\n")
    path = tmp_path / "image.tar"
    write_image_archive(path, "localhost/tool:1", {"/tool": tool}, ("/tool",))
    with tarfile.open(path) as image:
        members = {member.name: image.extractfile(member) for member in image.getmembers()}
        return {name: stream.read() for name, stream in members.items() if stream is not None}


def test_an_image_is_named_as_containerd_reads_it(archive: dict[str, bytes]) -> None:
    """Both annotations carry the full name."""
    (entry,) = json.loads(archive["index.json"])["manifests"]
    assert set(entry["annotations"].values()) == {"localhost/tool:1"}


def test_every_blob_of_an_image_has_its_own_digest(archive: dict[str, bytes]) -> None:
    """What the manifest names is there, and is what it says."""
    blobs = {name: content for name, content in archive.items() if name.startswith("blobs/")}
    assert len(blobs) == 3
    for name, content in blobs.items():
        assert name == f"blobs/sha256/{hashlib.sha256(content).hexdigest()}"


def test_a_cpuset_of_version_1_begins_with_its_parents(tmp_path: Path) -> None:
    """An empty cpuset takes no process."""
    folder = tmp_path / "cpuset"
    (folder / CGROUP).mkdir(parents=True)
    (folder / "cgroup.procs").touch()
    for name in ("cpuset.cpus", "cpuset.mems"):
        (folder / name).write_text("0-1\n", encoding="ascii")
        (folder / CGROUP / name).write_text("\n", encoding="ascii")
    create_cgroups(tmp_path)
    assert (folder / CGROUP / "cpuset.cpus").read_text(encoding="ascii") == "0-1\n"


def test_cgroups_are_found_innermost_first(tmp_path: Path) -> None:
    """A cgroup can be removed only after those in it."""
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "cgroup.procs").touch()
    inner = tmp_path / "memory" / CGROUP / "kubepods" / "pod1"
    inner.mkdir(parents=True)
    assert gather_hierarchies(tmp_path) == (tmp_path / "memory",)
    assert gather_cgroups(tmp_path)[0] == inner


def test_version_2_is_one_hierarchy(tmp_path: Path) -> None:
    """Its root names the controllers."""
    (tmp_path / "cgroup.controllers").touch()
    assert gather_hierarchies(tmp_path) == (tmp_path,)


def test_a_process_that_took_over_the_id_is_not_the_nodes(tmp_path: Path) -> None:
    """The start time tells them apart, so nothing else is ever killed."""
    place = Place(tmp_path)
    write_supervisor(place, os.getpid())
    assert read_supervisor(place) == os.getpid()
    recorded = json.loads(place.supervisor.read_text(encoding="utf-8"))
    place.supervisor.write_text(json.dumps({**recorded, "started": "1"}), encoding="utf-8")
    assert read_supervisor(place) is None


def test_a_node_belongs_to_the_run_that_it_dies_with(tmp_path: Path) -> None:
    """While that one lives nobody else may end it; a node that stays belongs to nobody."""
    place = Place(tmp_path)
    write_supervisor(place, os.getpid(), os.getpid())
    assert read_owner(place) == os.getpid()
    recorded = json.loads(place.supervisor.read_text(encoding="utf-8"))
    place.supervisor.write_text(json.dumps({**recorded, "owner_started": "1"}), encoding="utf-8")
    assert read_owner(place) is None
    write_supervisor(place, os.getpid())
    assert read_owner(place) is None


def test_the_nodes_process_is_ended_with_its_child() -> None:
    """Both are gone when it returns."""
    code = "import subprocess, sys, time; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    process = subprocess.Popen((sys.executable, "-c", code))
    end_supervisor(process.pid)
    assert read_start_time(process.pid) == ""
    assert process.wait() == -9


def test_no_process_is_recorded_where_none_ran(tmp_path: Path) -> None:
    """A fresh folder, and one whose record was cut off."""
    place = Place(tmp_path)
    assert (read_supervisor(place), read_progress(place)) == (None, {})
    place.supervisor.write_text("{", encoding="utf-8")
    assert read_supervisor(place) is None


def test_a_folder_that_the_node_covers_is_named() -> None:
    """Inside the node, `/var/lib` is its own."""
    (sentence,) = gather_covered(Place(Path("/var/lib/x")))
    assert sentence.startswith("/var/lib/x outside /var/lib")


def test_everything_that_lacks_is_told_at_once() -> None:
    """One message, one line each."""
    error = PrerequisiteError(("this", "that"))
    assert str(error).splitlines()[1:] == ["  - this", "  - that"]


def build_claim(**spec: Any) -> Manifest:
    """A claim of the default class."""
    return {
        "metadata": {"namespace": "n", "name": "c", "uid": "u"},
        "spec": {
            "storageClassName": "standard",
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            **spec,
        },
    }


def test_a_claim_of_another_class_is_left_alone() -> None:
    """And one that has its volume."""
    assert is_waiting(build_claim())
    assert not is_waiting(build_claim(storageClassName="other"))
    assert not is_waiting(build_claim(volumeName="v"))


def test_a_volume_belongs_to_its_claim_alone() -> None:
    """It is reserved by the claim's uid, so that nobody else gets the data."""
    volume = build_volume(build_claim())
    assert volume["spec"]["claimRef"]["uid"] == "u"
    assert not is_released(volume)
    assert is_released({**volume, "status": {"phase": "Released"}})
