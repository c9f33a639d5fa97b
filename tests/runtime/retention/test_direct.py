"""A purge of a suspended assistant: this process opens the database itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from steward_api.receipt import Trigger
from steward_core import build_blueprint
from steward_purge import PurgeBench, open_bench, seed_conversation, seed_memory, seed_task
from steward_runtime.clock import ManualClock
from steward_runtime.config import ConfigFolder
from steward_runtime.errors import EncryptionKeyMissing, StewardError, StorageBusy
from steward_runtime.retention.client import PurgeExit
from steward_runtime.retention.direct import run_purge_direct
from steward_runtime.storage.folder_lock import acquire_folder_lock
from steward_serving.files import ConfigFiles
from steward_serving.journal import KEK


@pytest.fixture
def clock() -> ManualClock:
    """Return the only clock there is."""
    return ManualClock()


@pytest.fixture
def folder(tmp_path: Path) -> ConfigFolder:
    """Return the folder that a Pod would see."""
    files = ConfigFiles(tmp_path / "config")
    files.write_all(build_blueprint())
    return ConfigFolder(files.root)


def seed(data: Path, clock: ManualClock) -> None:
    """Write a memory, and what a runtime left when it was stopped in the middle of a turn."""
    with open_bench(data, clock, kek=KEK) as bench:
        seed_memory(bench.database, bench.keyring, clock.now_ms())
        conversation = seed_conversation(bench.database, bench.keyring, clock.now_ms())
        seed_task(
            bench.database,
            bench.keyring,
            clock.now_ms(),
            conversation_id=conversation.record_id,
            is_ended=False,
            deadline_at_ms=clock.now_ms() + 60_000,
        )


def purge(
    folder: ConfigFolder, data: Path, clock: ManualClock, say: Callable[[str], None] = print
) -> int:
    """Purge with temporary files and logs beside the data directory."""
    return run_purge_direct(folder, data, say, is_local=True, clock=clock)


def count(data: Path) -> dict[str, int]:
    """Count what is left."""
    with open_bench(data) as bench:
        tables = ("memories", "messages", "journal", "data_keys")
        return {table: PurgeBench.count_rows(bench, table) for table in tables}


def test_purges_what_is_due_and_says_so(
    tmp_path: Path, folder: ConfigFolder, clock: ManualClock
) -> None:
    """What the stopped runtime had not ended goes one window after its deadline."""
    data = tmp_path / "data"
    seed(data, clock)
    clock.move(3_600)
    said: list[str] = []
    assert purge(folder, data, clock, said.append) == PurgeExit.DONE
    assert said[0].startswith("run purge_")
    assert count(data) == {"memories": 0, "messages": 2, "journal": 2, "data_keys": 2}
    clock.move(60)
    assert purge(folder, data, clock, said.append) == PurgeExit.DONE
    assert set(count(data).values()) == {0}


def test_erases_everything_on_demand(
    tmp_path: Path, folder: ConfigFolder, clock: ManualClock
) -> None:
    """Whatever the windows say."""
    data = tmp_path / "data"
    seed(data, clock)
    code = run_purge_direct(
        folder, data, print, is_local=True, clock=clock, trigger=Trigger.ASSISTANT_DELETED
    )
    assert code == PurgeExit.DONE
    assert set(count(data).values()) == {0}


def test_waits_for_nobody_who_has_the_folder_open(tmp_path: Path, folder: ConfigFolder) -> None:
    """A second process must not open the database beside a runtime."""
    data = tmp_path / "data"
    lock = acquire_folder_lock(data)
    with pytest.raises(StorageBusy):
        run_purge_direct(folder, data, lambda _: None, wait_seconds=0.1)
    lock.release()


def test_refuses_another_encryption_key(
    tmp_path: Path, folder: ConfigFolder, clock: ManualClock
) -> None:
    """Nothing is deleted with keys that do not belong to the volume."""
    data = tmp_path / "data"
    seed(data, clock)
    ConfigFiles(folder.root).write("keys/encryption/keyId", b"another")
    clock.move(7_200)
    with pytest.raises(EncryptionKeyMissing):
        purge(folder, data, clock)
    assert count(data)["memories"] == 1


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """And nothing is opened."""
    with pytest.raises(StewardError, match=r"blueprint\.json"):
        run_purge_direct(ConfigFolder(tmp_path / "none"), tmp_path / "data", lambda _: None)
    assert not (tmp_path / "data").exists()
