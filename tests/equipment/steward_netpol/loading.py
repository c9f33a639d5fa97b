"""Loads tables into the kernel, and says which state of the cluster is in force."""

from __future__ import annotations

import json
import logging
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from steward_netpol.compiling import Options, compile_table
from steward_netpol.errors import LoadError
from steward_netpol.watching import Watcher

LOAD_SECONDS = 60
# A burst of events becomes one load, which takes 20 to 30 ms itself.
GATHER_SECONDS = 0.02
AGAIN_SECONDS = 1.0


def load_table(text: str) -> None:
    """Loads one transaction.

    Raises:
        LoadError: The kernel refused it as a whole; the rules in force stay.
    """
    done = subprocess.run(
        ("nft", "-f", "-"),
        check=False,
        input=text,
        capture_output=True,
        text=True,
        timeout=LOAD_SECONDS,
    )
    if done.returncode:
        raise LoadError(f"nft refused the table: {done.stderr.strip()[:2000]}")


def drop_table(table: str) -> None:
    """Removes the table, whether or not it is there."""
    load_table(f"add table inet {table}\ndelete table inet {table}\n")


def write_status(path: Path, versions: Mapping[str, str]) -> None:
    """Writes which resource versions are in force, whole or not at all."""
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(dict(versions)), encoding="utf-8")
    partial.replace(path)


def enforce(watcher: Watcher, options: Options, status: Path) -> None:
    """Follows the watcher for ever; a table that is refused is loud and tried again."""
    watcher.start()
    watcher.wait_complete()
    in_force = ""
    while True:
        watcher.changed.wait()
        time.sleep(GATHER_SECONDS)
        watcher.changed.clear()
        world, versions = watcher.gather()
        text = compile_table(world, options)
        if text != in_force:
            try:
                load_table(text)
            except LoadError as error:
                logging.getLogger(__name__).warning("%s", error)
                watcher.changed.set()
                time.sleep(AGAIN_SECONDS)
                continue
            in_force = text
        write_status(status, versions)
