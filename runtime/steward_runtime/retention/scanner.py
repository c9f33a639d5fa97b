"""Running the byte scanner in a process of its own over every place where a byte might be left."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from steward_api.receipt import Place
from steward_runtime.retention import scan
from steward_runtime.retention.ballast import BALLAST_FILE
from steward_runtime.retention.errors import ScanFailed
from steward_runtime.retention.needles import Needle
from steward_runtime.retention.state import Search
from steward_runtime.storage.database import DATABASE_FILE

SCAN_SECONDS_MAX: Final = 3_600
"""A scan reads about 100 MB a second on one core, so this is enough for 300 GB."""


class Scanner(Protocol):
    """Says which needles occur where."""

    @property
    def digest(self) -> str:
        """Digest of what searches, stated in the receipt."""
        ...

    def search(self, needles: Sequence[Needle]) -> Search:
        """Search every place.

        Raises:
            ScanFailed: if the search did not finish.
        """
        ...


@dataclass(frozen=True, slots=True)
class Places:
    """Where bytes of the assistant can lie.

    Attributes:
        data: data directory with the database.
        temporary: directories of temporary files that are this runtime's alone.
        logs: log files or directories of logs.
    """

    data: Path
    temporary: tuple[Path, ...] = ()
    logs: tuple[Path, ...] = ()

    def render(self) -> list[tuple[str, list[str], list[str]]]:
        """Return (place, roots, skipped files) in the order in which they are searched.

        The database comes before its log: what a checkpoint moves meanwhile is seen twice, not
        missed.
        """
        database = self.data / DATABASE_FILE
        files = [f"{database}{suffix}" for suffix in ("", "-wal", "-shm")]
        elsewhere = [*files, str(self.data / BALLAST_FILE)]  # the ballast is zeros
        return [
            (Place.DATABASE, [files[0]], []),
            (Place.WRITE_AHEAD_LOG, [files[1]], []),
            (Place.SHARED_MEMORY, [files[2]], []),
            (Place.DATA_FOLDER, [str(self.data)], elsewhere),
            (Place.TEMPORARY_FILES, [str(path) for path in self.temporary], []),
            (Place.LOGS, [str(path) for path in self.logs], []),
        ]


class ProcessScanner:
    """Runs `scan.py` as a program and reads its counts.

    Args:
        places: where to search.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._program = Path(scan.__file__)
        self._digest = "sha256:" + hashlib.sha256(self._program.read_bytes()).hexdigest()

    @property
    def digest(self) -> str:
        """Digest of the scanner's source."""
        return self._digest

    def search(self, needles: Sequence[Needle]) -> Search:
        """Search every place.

        Raises:
            ScanFailed: if the search did not finish.
        """
        task = {
            "needles": [[piece.hex() for piece in needle.pieces] for needle in needles],
            "places": self._places.render(),
        }
        try:
            done = subprocess.run(  # noqa: S603 # our own program, no shell, needles on stdin
                [sys.executable, "-I", str(self._program)],
                input=json.dumps(task).encode(),
                capture_output=True,
                timeout=SCAN_SECONDS_MAX,
                check=True,
            )
            return parse_search(json.loads(done.stdout))
        except (OSError, ValueError, subprocess.SubprocessError) as fault:
            raise ScanFailed(
                f"the scan of {self._places.data} did not finish ({type(fault).__name__}): the "
                "purge goes on with the next run"
            ) from fault


def parse_search(document: dict[str, Any]) -> Search:
    """Read the scanner's output."""
    places = document["places"]
    return Search(
        found=frozenset(document["found"]),
        files=tuple((place["place"], place["files"]) for place in places),
        bytes=tuple((place["place"], place["bytes"]) for place in places),
        hits=tuple((place["place"], place["hits"]) for place in places),
        unreadable=sum(place["unreadable"] for place in places),
    )
